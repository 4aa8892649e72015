"""A simulated run of functional MRI: a head whose blood answers a task and a turning wedge."""

from dataclasses import dataclass

import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.modalities import Paradigm

_HEIGHTS_MM = (-4, 60)  # of the lowest and the highest slice: from the calcarine sulcus to the hand's motor cortex
_FIELD_MM = 240


@dataclass(frozen=True)
class FunctionalRun:
    """Stacks of slices [slice, H, W, 1] of the MNI152 head, one a volume of the run, from the extra `mri` (nilearn).

    Grey matter about both hands' motor cortex answers the task, that of the occipital pole answers the wedge with the
    phase of its polar angle about the calcarine sulcus; the rest has none of either. Breathing and heartbeat change the
    brain's signal smoothly over space, and it drifts. Raises `InputError` where nilearn is not installed, and on
    fewer than two slices or 32 pixels.
    """

    paradigm: Paradigm = Paradigm()
    """What is done to the subject."""
    slices: int = 5
    """Slices that are excited at once."""
    size: int = 64
    """Pixels of the square slices, which span 240 mm."""
    activation_percent: float = 2.0
    """Largest change of the signal by task and wedge."""
    physiology_percent: float = 1.0
    """Standard deviation of the change by breathing and heartbeat."""
    drift_percent: float = 1.0
    """Change of the signal over the run."""
    seed: int = 0
    """Of the physiological noise."""

    def __post_init__(self):
        if self.slices < 2 or self.size < 32:
            raise InputError(f"FunctionalRun has 2 slices of 32 pixels or more, not {self.slices} of {self.size}")

    def images(self) -> list[np.ndarray]:
        """The stacks in float32, at most 255."""
        anatomy, grey, places = self._head()
        task, angle, visual = self._active(grey, places)
        times, rng = self.paradigm.times, np.random.default_rng(self.seed)
        active = self.paradigm.task().reshape(-1, 1, 1, 1) * task + self.paradigm.wedge(angle) * visual
        change = self.activation_percent * active + self.drift_percent * (times / times[-1]).reshape(-1, 1, 1, 1)
        for frequency in (0.28, 1.07):  # breathing and heartbeat, Hz, sampled once a volume
            phase = 2 * np.pi * np.cumsum(frequency * self.paradigm.repetition_s * (1 + 0.1 * rng.standard_normal(len(times))))
            x, y, z = places / 60
            pattern = np.cos(rng.uniform(0, 2 * np.pi) + rng.normal() * x + rng.normal() * y + rng.normal() * z)
            change = change + self.physiology_percent * np.sin(phase).reshape(-1, 1, 1, 1) * pattern
        brain = anatomy * (1 + change / 100)
        return [stack.astype(np.float32)[..., None] for stack in brain]

    def _active(self, grey, places):
        """(weight of the task, polar angle, weight of the wedge) at each place."""
        x, y, z = places  # millimetres to the right, the front and the top
        hand = sum(np.exp(-((x - side) ** 2 + (y + 25) ** 2 + (z - 54) ** 2) / (2 * 14**2)) for side in (-38, 38))
        pole = np.exp(-(x**2 / (2 * 25**2) + (y + 88) ** 2 / (2 * 18**2) + (z - 4) ** 2 / (2 * 22**2)))
        return np.where(hand > 0.3, grey * hand, 0), np.arctan2(z - 4, x), np.where(pole > 0.3, grey * pole, 0)

    def _head(self):
        """(signal, grey matter, places [3] in millimetres), each [slice, H, W]."""
        try:
            from nilearn import datasets
        except ImportError as error:
            raise InputError("the functional run needs nilearn: pip install 'unsup_jax[mri]'") from error
        from scipy.ndimage import map_coordinates

        tissue = {
            "grey": datasets.load_mni152_gm_template(resolution=2), "white": datasets.load_mni152_wm_template(resolution=2),
            "brain": datasets.load_mni152_brain_mask(resolution=2),
        }
        x = (np.arange(self.size) - self.size / 2 + 0.5) * _FIELD_MM / self.size
        places = np.stack(np.meshgrid(np.linspace(*_HEIGHTS_MM, self.slices), -x - 18, x, indexing="ij")[::-1])
        to_voxel = np.linalg.inv(tissue["grey"].affine)
        voxels = np.tensordot(to_voxel[:3, :3], places, 1) + to_voxel[:3, 3].reshape(3, 1, 1, 1)
        grey, white, brain = (map_coordinates(np.asarray(t.dataobj, float), voxels, order=1) for t in tissue.values())
        fluid = np.clip(brain - grey - white, 0, 1)
        return 255 * (0.75 * grey + 0.6 * white + fluid), grey, places
