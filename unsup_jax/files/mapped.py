"""Arrays that lie in a file as they are."""

from pathlib import Path
from typing import Any, Literal

import numpy as np


class Mapped:
    """An array in a file, which is open only while it is read: any number of them may be at hand."""

    def __init__(self, path: Path, offset: int, stored: np.dtype, shape: tuple[int, ...], order: Literal["C", "F"] = "C"):
        self._path, self._offset, self._stored, self._order = path, offset, stored, order
        self.shape, self.ndim, self.dtype = shape, len(shape), stored.newbyteorder("=")

    @classmethod
    def like(cls, array: np.memmap) -> "Mapped":
        """The array of a memory map of the whole of it."""
        return cls(Path(array.filename), array.offset, array.dtype, array.shape, "C" if array.flags.c_contiguous else "F")

    def __getitem__(self, index: Any) -> np.ndarray:
        return np.array(np.memmap(self._path, self._stored, "r", self._offset, self.shape, self._order)[index], self.dtype)

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return np.asarray(self[...], dtype)
