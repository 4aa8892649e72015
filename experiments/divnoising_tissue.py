"""DivNoising from one noisy micrograph of stained tissue, with the camera's noise model: many plausible images.

python -m experiments run divnoising_tissue

3 minutes on 2 CPU cores; 26.59 dB, from 16.73 (one draw 23.09, Noise2Void 26.94); the 90 % intervals of 32 draws cover 92 %.

Noise that neighbours share, which Noise2Void predicts, does not pass latents at a quarter of the resolution: six wide-field
fluorescence images (FMD, 24.26 dB) come out at 31.88 dB, by Noise2Void at 24.34 and by TV at 32.35, with `--data.path RAW
--data.truth GT --data.signal GT --data.test 0 --train.steps 600 --method.network.encoder.depth 2 --method.network.decoder.depth 2
--method.network.encoder.latents 64 --method.beta 1 --method.optimizer.learning-rate 1e-3 --method.optimizer.clip 1`.
"""

from dataclasses import replace

from unsup_jax.core import Adam
from unsup_jax.methods import DivNoising

from .n2v_tissue import EXPERIMENT as N2V

EXPERIMENT = replace(N2V, method=DivNoising(beta=0.5, optimizer=Adam(learning_rate=2e-3)), train=replace(N2V.train, steps=1400), references=())
