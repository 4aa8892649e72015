"""Zero-shot self-supervised reconstruction of one slice of parallel MRI, with nothing else to train on.

python -m experiments run zero_shot_mri

5 minutes on one CPU core, 5 s on an H100; 33.96 dB (conjugate gradients 26.16, wavelets 31.04). The report shows the held-out loss that it
stopped by; `--data.path KSPACE` takes a scan of your own.

A real brain of 8 coils, 230x180, 500 steps, its own stop (dB; L1-wavelets tuned on the reference beside it; `benchmarks real
--only zero_shot`): lines, R = 4, 36.76 (35.84); lines, R = 6, 33.4 and rising after 350 (32.36); with a tenth each held out
and watched: Poisson, R = 6, 36.74 (36.72); Poisson, R = 8, 35.21 (35.00).
"""

from dataclasses import replace

from unsup_jax.core import Adam
from unsup_jax.data import Brain, Data
from unsup_jax.methods import ZeroShotSSL

from .ssdu_mri import EXPERIMENT as SSDU_MRI

EXPERIMENT = replace(
    SSDU_MRI, data=Data(source=Brain(count=10, scored=1), patch=None, test=0.1),
    method=ZeroShotSSL(steps=300, optimizer=Adam(learning_rate=2e-3, decay=False, average=0.999)),
    references=SSDU_MRI.references[:2],
)
