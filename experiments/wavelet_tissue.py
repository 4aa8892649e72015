"""Wavelet shrinkage of one noisy micrograph of stained tissue.

python -m experiments run wavelet_tissue

A second; 25.42 dB, from 16.73.
"""

from dataclasses import replace

from unsup_jax.methods import WaveletShrinkage

from .n2v_tissue import EXPERIMENT as N2V

EXPERIMENT = replace(N2V, method=WaveletShrinkage(), references=())
