"""The cover of a packaged model: one image, the input above its diagonal and the estimate below."""

import io

import numpy as np
from PIL import Image

HEIGHT = 400  # pixels


def cover(y: np.ndarray, estimate: np.ndarray) -> bytes:
    """A PNG, twice as wide as it is high, of the input [*S, C] and the estimate of it; of a volume, of its middle plane."""
    y, estimate = (_plane(image) for image in (y, estimate))
    if y.shape[:2] != estimate.shape[:2]:                            # of other pixels: side by side
        estimate = np.asarray(Image.fromarray(estimate).resize(y.shape[1::-1], Image.Resampling.BICUBIC))
    size = (HEIGHT, HEIGHT)
    y, estimate = (np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC)) for image in (y, estimate))
    rows, columns = np.indices(size)
    both = np.where((columns > rows)[..., None], y, estimate)
    both = np.where((np.abs(columns - rows) < 2)[..., None], np.uint8(255), both)
    stored = io.BytesIO()
    Image.fromarray(np.concatenate([both, estimate], 1)).save(stored, "png")
    return stored.getvalue()


def _plane(image):
    """The first channels of the middle plane as red, green and blue of 8 bits, from the 1st to the 99.8th percentile."""
    plane = image[len(image) // 2] if image.ndim == 4 else image
    plane = plane[..., :3] if plane.shape[-1] >= 3 else np.repeat(plane[..., :1], 3, -1)
    low, high = np.percentile(plane, [1, 99.8])
    return np.uint8(255 * np.clip((plane - low) / max(high - low, 1e-12), 0, 1))
