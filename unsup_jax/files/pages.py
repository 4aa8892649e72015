"""The pixels of a TIFF's pages as one array, of which only those are read that are asked for."""

from concurrent.futures import ThreadPoolExecutor
from itertools import product
from math import ceil, prod
from pathlib import Path
from typing import Any

import numpy as np

from unsup_jax.errors import InputError

_KEPT = 2**26  # bytes of decoded strips or tiles that are kept, since windows overlap


class Pages:
    """An array of pages of one shape, whose first axes count them; of compressed ones the strips or tiles asked for are decoded.

    `pages` are tifffile's, of a file that may be closed since; `shape` is theirs with axes before it, and
    may have axes of length 1 anywhere.
    """

    def __init__(self, path: Path, pages: list, shape: tuple[int, ...], dtype: np.dtype, transform=None):
        self._path, self._pages, self._transform = path, pages, transform
        self.shape, self.ndim, self.dtype = shape, len(shape), np.dtype(dtype)
        page = pages[0].keyframe
        self._frame = page.shape
        self._places = _matched(shape, page.shape)  # of the axes of a page among all
        self._counting = [j for j in range(self.ndim) if j not in self._places]
        self._rows, self._columns = page.axes.index("Y"), page.axes.index("X")
        self._decoded: dict[tuple[int, int], Any] = {}

    def __getitem__(self, index: Any) -> np.ndarray:
        index = _all_axes(index, self.ndim)
        taken = [np.arange(n)[i] for n, i in zip(self.shape, index)]
        shape = [t.size for t in taken if t.ndim]
        if 0 in shape:
            return np.empty(shape, self.dtype)
        frames = list(product(*(np.atleast_1d(taken[j]) for j in self._counting)))
        window, rest = zip(*(_bounds(index[j], n) for j, n in zip(self._places, self._frame)))
        numbers = [int(np.ravel_multi_index(f, [self.shape[j] for j in self._counting])) if f else 0 for f in frames]
        result = np.stack([self._page(k, window)[rest] for k in numbers])
        if self._transform is not None:
            result = self._transform(result)
        return result.astype(self.dtype, copy=False).reshape(shape)

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return np.asarray(self[...], dtype)

    def _page(self, number, window):
        """A window of a page: slices of each of its axes."""
        page = self._pages[number]
        key, path = page.keyframe, page.parent.filehandle.path
        try:
            if key.is_final:
                stored = np.dtype(key.parent.byteorder + key.dtype.char)
                return np.array(np.memmap(path, stored, "r", page.dataoffsets[0], key.shape)[window], key.dtype)
            return self._of_segments(number, page, path, window)
        except (OSError, ValueError, RuntimeError, NotImplementedError, IndexError) as error:
            raise InputError(f"{self._path}: page {number + 1} cannot be decoded ({error})") from error

    def _of_segments(self, number, page, path, window):
        key, (rows, columns) = page.keyframe, (window[self._rows], window[self._columns])
        high, wide = (key.tilelength, key.tilewidth) if key.is_tiled else (key.rowsperstrip, key.imagewidth)
        down, across = ceil(key.imagelength / high), ceil(key.imagewidth / wide)
        needed = [
            (plane * down + row) * across + column
            for plane in range(prod(key.chunked) // (down * across))
            for row in range(rows.start // high, ceil(rows.stop / high))
            for column in range(columns.start // wide, ceil(columns.stop / wide))
        ]
        separate, depth, _, _, together = key.shaped
        result = np.empty((separate, depth, rows.stop - rows.start, columns.stop - columns.start, together), key.dtype)
        for segment, (s, d, y, x, _), shape in self._segments(number, page, path, needed):
            top, left = max(y, rows.start), max(x, columns.start)
            bottom, right = min(y + shape[1], rows.stop), min(x + shape[2], columns.stop)
            inside = np.s_[s, d : d + shape[0], top - rows.start : bottom - rows.start, left - columns.start : right - columns.start]
            result[inside] = key.nodata if segment is None else segment[: depth - d, top - y : bottom - y, left - x : right - x]
        whole = tuple(w if j in (self._rows, self._columns) else slice(0, n) for j, (w, n) in enumerate(zip(window, key.shape)))
        rest = tuple(slice(None) if j in (self._rows, self._columns) else w for j, w in enumerate(window))
        return result.reshape([w.stop - w.start for w in whole])[rest]

    def _segments(self, number, page, path, needed):
        """The decoded strips or tiles of a page, each with its place and shape."""
        key = page.keyframe
        tables = {"jpegtables": page.jpegtables, "jpegheader": key.jpegheader} if key.compression in (6, 7, 34892, 33007) else {}
        missing = [i for i in needed if (number, i) not in self._decoded]
        with open(path, "rb") as file:
            data = [_read(file, page.dataoffsets[i], page.databytecounts[i]) for i in missing]
        with ThreadPoolExecutor(max(1, key.maxworkers)) as pool:
            found = dict(zip(missing, pool.map(lambda item: key.decode(*item, **tables), zip(data, missing))))
        segments = [found[i] if i in found else self._decoded[number, i] for i in needed]
        size = prod(key.chunks) * key.dtype.itemsize
        kept = {(number, i): segment for i, segment in zip(needed, segments)}
        self._decoded = dict(list(kept.items())[-max(1, _KEPT // size) :])
        return segments


def _read(file, offset, count):
    """The bytes of a segment; None of one that was never written, which stands for no data."""
    if offset == 0 or count == 0:
        return None
    file.seek(offset)
    data = file.read(count)
    if len(data) < count:
        raise ValueError("the file ends before its pixels")
    return data


def _matched(shape, frame):
    """The places of a page's axes among those of the array, from the last; between them lie axes of length 1."""
    places, j = [], len(shape)
    for n in reversed(frame):
        j -= 1
        while shape[j] != n:
            j -= 1
        places.insert(0, j)
    return places


def _all_axes(index, ndim):
    """An index as one integer or slice for each axis."""
    index = list(index) if isinstance(index, tuple) else [index]
    if Ellipsis not in index:
        index.append(Ellipsis)
    at = index.index(Ellipsis)
    return [*index[:at], *[slice(None)] * (ndim - len(index) + 1), *index[at + 1 :]]


def _bounds(index, n):
    """(slice to be read, index of what was asked for in it) of an axis of length n."""
    if isinstance(index, slice):
        start, stop, step = index.indices(n)
        return (slice(start, max(start, stop)), slice(None)) if step == 1 else (slice(0, n), index)
    place = range(n)[index]
    return slice(place, place + 1), 0
