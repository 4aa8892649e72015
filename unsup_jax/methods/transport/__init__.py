r"""Optimal transport between the laws of y and of x, which are unpaired: eqs. (41)-(45), figures 8-10.

One primal cost (43), by its dual (44)-(45), in `cycle_gan`; what is known of H_phi (`forward`) makes the architecture of it:

    nothing                         LearntMap      G, H, D_X, D_Y     cycleGAN
    that it is a blur               LearntBlur     G, h, D_X, D_Y     blind deconvolution
    that one network does both      Switched       F, D_X, D_Y        switchable cycleGAN: F(y, 1) and F(x, 0), and what is between
    all                             Known          G, D_X             OT-cycleGAN: deconvolution, super-resolution
    all, and drawn for each y       Known          G, D_X             OT-cycleGAN: MRI by random masks

C2GAN adds to the first that objects stay objects. ProjectionGAN is the first between sharp and smeared projections of what it makes of y.

The others see unpaired images, of other specimens than y, and reconstruct by G(y) alone. Beside each of a known H belongs what its simulated half
does alone (`losses.Simulation`).
"""

from unsup_jax.methods.transport.c2gan import C2GAN
from unsup_jax.methods.transport.cycle_gan import CycleGAN
from unsup_jax.methods.transport.forward import Forward, Known, LearntBlur, LearntMap, Switched
from unsup_jax.methods.transport.projection_gan import ProjectionGAN

__all__ = ["C2GAN", "CycleGAN", "Forward", "Known", "LearntBlur", "LearntMap", "ProjectionGAN", "Switched"]
