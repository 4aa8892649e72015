"""The Wiener filter with the signal's spectrum estimated from the image.

python -m experiments run wiener_tissue

A second; 26.10 dB, from 16.73.
"""

from dataclasses import replace

from unsup_jax.methods import Wiener

from .n2v_tissue import EXPERIMENT as N2V

EXPERIMENT = replace(N2V, method=Wiener(), references=())
