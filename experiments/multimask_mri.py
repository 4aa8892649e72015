"""Multi-mask SSDU on sixfold accelerated parallel MRI of simulated brain slices, beside SSDU with one mask a slice.

python -m experiments run multimask_mri

18 minutes of one CPU core, or 50 s of an H100, a training, of which there are three, of 600 steps on 270 slices; 31.69 dB on an H100
and 31.84 on a CPU (one mask 31.95 and 31.60: which of the two is ahead is within what rounding changes; supervised 32.99, conjugate
gradients 25.87, wavelets 28.34, total variation 31.79, weights tuned on the truth; one seed). The means over 16 splits,
`--method.passes 16`, are 32.29 dB of five masks and 32.47 of one. Needs the extra `mri`, or `--data.clean`.
"""

from dataclasses import replace

from unsup_jax.methods import Supervised

from .ssdu_mri import EXPERIMENT as SSDU_MRI

EXPERIMENT = replace(
    SSDU_MRI, modality=replace(SSDU_MRI.modality, acceleration=6), method=replace(SSDU_MRI.method, masks=5, passes=0),
    references=(*SSDU_MRI.references[:3], replace(SSDU_MRI.method, passes=0), Supervised()),
)
