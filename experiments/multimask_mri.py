"""Multi-mask SSDU on sixfold accelerated parallel MRI of simulated brain slices, beside one mask.

python -m experiments run multimask_mri

TODO
"""

from dataclasses import replace

from experiments.ssdu_mri import EXPERIMENT as SSDU_MRI
from unsup_jax.methods import SSDU

EXPERIMENT = replace(
    SSDU_MRI, method=replace(SSDU_MRI.method, masks=5), modality=replace(SSDU_MRI.modality, acceleration=6),
    references=(SSDU(), SSDU(masks=5, weighted=True)),
)
