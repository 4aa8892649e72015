"""A variational autoencoder of noisy images of one bending object, turned and shifted.

python -m experiments run vae_particles
"""

from dataclasses import replace

from experiments.spatial_vae_particles import EXPERIMENT as SPATIAL

EXPERIMENT = replace(SPATIAL, method=SPATIAL.references[0], references=())
