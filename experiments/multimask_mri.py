"""Multi-mask SSDU on sixfold accelerated parallel MRI of simulated brain slices, beside SSDU with one mask a slice.

python -m experiments run multimask_mri
"""

from dataclasses import replace

from experiments.ssdu_mri import EXPERIMENT as SSDU_MRI
from unsup_jax.methods import Supervised

EXPERIMENT = replace(
    SSDU_MRI, modality=replace(SSDU_MRI.modality, acceleration=6), method=replace(SSDU_MRI.method, masks=5),
    references=(*SSDU_MRI.references[:3], SSDU_MRI.method, Supervised()),
)
