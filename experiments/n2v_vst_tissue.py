"""Noise2Void between the generalised Anscombe transform and its inverse, beside itself without.

python -m experiments run n2v_vst_tissue

8 minutes on 2 busy CPU cores; 26.90 dB, without the transform 26.95, BM3D + VST 27.21: it pays nothing here, and is the units in which what
asks for white noise of a known level can be trained.
"""

from dataclasses import replace

from unsup_jax.methods import BM3D, Stabilized

from .n2v_tissue import EXPERIMENT as N2V

EXPERIMENT = replace(N2V, method=Stabilized(N2V.method), references=(N2V.method, BM3D(stabilize=True)))
