"""Hierarchical DivNoising from one noisy micrograph of stained tissue, beside DivNoising of as many latents, trained alike.

python -m experiments run hdn_tissue --trust 0

2 to 3 minutes of one CPU core; from 16.73 dB, 24.26 dB, and DivNoising 24.67 (one draw 21.68 and 21.64; the 90 % intervals of
8 draws cover 85 and 89 %): in 200 steps, which are few for either, the ladder is behind. DivNoising of 1400 is `divnoising_tissue`.
"""

from dataclasses import replace

from unsup_jax.core import Adam
from unsup_jax.methods import HDN, DivNoising
from unsup_jax.networks import Autoencoder, MapDecoder, MapEncoder

from .n2v_tissue import EXPERIMENT as N2V

SHORT = {"beta": 0.5, "warmup": 100, "samples": 16, "draws": 8, "optimizer": Adam(learning_rate=2e-3)}
FLAT = Autoencoder(MapEncoder(latents=21), MapDecoder())          # 16 (1 + 1/4 + 1/16) are those of the ladder

EXPERIMENT = replace(
    N2V, method=HDN(**SHORT), train=replace(N2V.train, steps=200), references=(DivNoising(FLAT, **SHORT),))
