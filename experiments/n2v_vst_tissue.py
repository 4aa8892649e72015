"""Noise2Void between the generalised Anscombe transform and its inverse, beside itself without.

python -m experiments run n2v_vst_tissue

As long as n2v_tissue twice over; its figures follow.
"""

from dataclasses import replace

from unsup_jax.methods import BM3D, Stabilized

from .n2v_tissue import EXPERIMENT as N2V

EXPERIMENT = replace(N2V, method=Stabilized(N2V.method), references=(N2V.method, BM3D(stabilize=True)))
