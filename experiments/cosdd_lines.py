"""COSDD on filaments under noise that runs along the rows, beside DivNoising, structN2V and a Gaussian filter, trained alike.

python -m experiments run cosdd_lines --trust 0

4.5 minutes of one CPU core; from 20.91 dB, 29.03 dB and an SSIM of 0.677, and structN2V of as many steps 29.55 dB and 0.556,
DivNoising with a learned variance, which keeps the lines, 24.11, Gaussian filter 24.72. One draw 25.40; the 90 % intervals of 8 draws
cover 99 %. In 400 steps COSDD is behind structN2V in PSNR, ahead in SSIM and in Fourier ring correlation, and has not yet come to rest.
"""

from dataclasses import replace

from unsup_jax.core import Adam
from unsup_jax.methods import COSDD, DivNoising, GaussianFilter
from unsup_jax.networks import Autoencoder, Ladder, MapDecoder, MapEncoder, UNet

from .structn2v_lines import EXPERIMENT as LINES

SHORT = {"samples": 16, "draws": 8}
FLAT = Autoencoder(MapEncoder(width=24), MapDecoder(width=24))

EXPERIMENT = replace(
    LINES,
    data=replace(LINES.data, patch=48),
    method=COSDD(Ladder(latents=8, width=24), width=24, components=2, warmup=250, optimizer=Adam(learning_rate=2e-3, clip=1.0), **SHORT),
    train=replace(LINES.train, steps=400),
    references=(
        GaussianFilter(2.0), replace(LINES.method, network=UNet(width=24)),
        DivNoising(FLAT, likelihood="learned", optimizer=Adam(learning_rate=2e-3), **SHORT),
    ),
)
