"""TIFF, with what OME, ImageJ and the makers of microscopes write into it."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from math import prod
from pathlib import Path

import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.files import imagej, ome
from unsup_jax.files.mapped import Mapped
from unsup_jax.files.metadata import Metadata, Scale, symbol
from unsup_jax.files.pages import Pages
from unsup_jax.files.picture import Picture

_BESIDE = {"Thumbnail", "Label", "Macro", "Map", "Overview"}  # photographs that a slide scanner takes of the slide
_FALSE_COLOR = {"imagej", "ome", "mmstack", "lsm", "stk", "fluoview", "scanimage", "nih"}  # a palette shows grey levels here
_JPEG = {6, 7, 34892, 33003, 33007}
_CENTIMETRES = {3: 1.0, 4: 0.1, 5: 1e-4}  # units of resolution that are of the specimen; inches are of a print


def read(path: Path):
    """(array, axes, metadata) of a TIFF; the array is read where it is sliced.

    Of a pyramid the full resolution is read; several images of one shape and type, such as the positions of an
    OME-TIFF, are stacked along an axis I. Raises `InputError` on what would be dropped or taken for something
    else: images of several shapes, missing planes or files, a palette, transparency, and colours other than RGB.
    """
    with _complaints(path), _opened(path) as file:
        series = [s for s in file.series if not (s.name in _BESIDE or s.keyframe.is_reduced or s.kind == "lsmreduced")] or file.series
        if not series:
            raise InputError(f"{path}: the TIFF holds no image")
        if file.is_ome and series[0].kind in ("uniform", "generic"):
            raise InputError(f"{path}: its OME-XML does not say where its planes lie")
        first, kinds = series[0], sorted({f"{s.axes} {s.shape} {s.dtype}" for s in series})
        if len(kinds) > 1:
            raise InputError(f"{path}: holds {len(series)} images of several shapes or types, {'; '.join(kinds)}; give a file for each")
        _check_colors(path, first.keyframe, first.kind)
        axes, shape = first.axes, tuple(first.shape)
        if len(series) > 1:
            axes, shape = next(a for a in "IRQ" if a not in axes) + axes, (len(series), *shape)
        metadata = _metadata(file, first, {"axes": axes, "count": len(series), "parts": _others(path, series)})
        return _array(path, series, shape), axes if len(set(axes)) == len(axes) else None, metadata


@contextmanager
def create(picture: Picture, path: Path) -> Iterator[np.ndarray]:
    """A TIFF like the picture, to be filled; what counts its images counts its pages, in the same order.

    It is an OME-TIFF where its name says so (.ome.tif), where it was read from one, and where there is more to
    say than the size of a pixel; ImageJ's where it was read from that. Raises `InputError` on an .ome.tif of a type
    or axes that OME does not have.
    """
    import tifffile

    dtype = np.dtype(picture.array.dtype).newbyteorder("=")
    kind = _kind(picture, path, dtype)
    axes = _stored(picture.axes, kind)
    order = [picture.axes.index(a) for a in axes]
    shape = tuple(picture.array.shape[j] for j in order)
    size = dtype.itemsize * prod(shape)  # ImageJ's own way beyond 4 GB is one page, after which lie the pixels of all
    settings = {"truncate": size > 2**32 - 2**26} if kind == "imagej" else {"bigtiff": size > 2**31}
    settings |= _tags(picture) | _samples(picture, kind, axes, shape, dtype) | _description(picture, kind, axes, shape, dtype)
    if dtype == bool:  # eight of them share a byte, so that they cannot be filled one by one
        pixels = np.zeros(shape, dtype)
        yield pixels.transpose(np.argsort(order))
        tifffile.imwrite(path, pixels, **settings)
        return
    pixels = tifffile.memmap(path, shape=shape, dtype=dtype, **settings)
    if kind == "imagej":
        with tifffile.TiffFile(path, mode="r+") as file:
            tag = file.pages.first.tags["ImageDescription"]
            tag.overwrite(imagej.restored(tag.value, picture.metadata.own["imagej"]))
    yield pixels.transpose(np.argsort(order))
    pixels.flush()


@contextmanager
def _complaints(path):
    """tifffile logs what it leaves out and goes on; here that is an error, and only what it says of tags is not."""
    said, logger = [], logging.getLogger("tifffile")
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: said.append(record.getMessage())
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate
        lost = [text for text in said if not re.search(r"[Tt]ags?\b|metadata>|GDAL|resolution|stitched|[Ll]evel|Philips", text)]
        if lost:
            raise InputError(f"{path}: cannot be read in full: {re.sub(r'<.*?> ', '', lost[0])}") from None


@contextmanager
def _opened(path):
    """The file by tifffile, with the description of its pixels, that may stand in another file."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        elsewhere = ome.described_in(file.ome_metadata) if file.is_ome else None
        if elsewhere is None:
            yield file
            return
    whole = path.with_name(elsewhere)
    if not whole.exists():
        raise InputError(f"{path}: is a part of an OME-TIFF whose description, {elsewhere}, is not beside it")
    if whole.suffix.lower() in (".tif", ".tiff"):
        with tifffile.TiffFile(whole) as file:
            yield file
        return
    with tifffile.TiffFile(path, omexml=whole.read_text("utf-8")) as file:
        yield file


def _check_colors(path, page, kind):
    """`InputError` on pixels that are neither grey levels, RGB, nor channels."""
    from tifffile import PHOTOMETRIC

    known = {PHOTOMETRIC.MINISWHITE, PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.RGB}
    if page.photometric == PHOTOMETRIC.PALETTE and kind not in _FALSE_COLOR:
        raise InputError(f"{path}: its pixels are places in a palette; accepted are grey levels and RGB")
    if page.photometric not in known | {PHOTOMETRIC.PALETTE} and not (page.photometric == PHOTOMETRIC.YCBCR and page.compression in _JPEG):
        raise InputError(f"{path}: its colours are {getattr(page.photometric, 'name', page.photometric)}; accepted are grey levels and RGB")
    if any(int(extra) in (1, 2) for extra in page.extrasamples):
        raise InputError(f"{path}: its last channel is transparency (alpha); save it without")


def _others(path, series):
    """The other files of a set that a picture lies in."""
    files = {s.keyframe.parent.filehandle.path for s in series}
    files |= {page.parent.filehandle.path for s in series if s.is_multifile for page in s if page is not None}
    return tuple(file for file in sorted(map(Path, files)) if file.resolve() != path.resolve())


def _array(path, series, shape):
    """The pixels of one or of several alike series, which are `InputError` where any are missing."""
    first = series[0]
    if len(series) == 1 and first.transform is None and (offset := first.dataoffset) is not None and not first.is_multifile:
        file = first.keyframe.parent
        if offset + first.nbytes > file.filehandle.size:
            raise InputError(f"{path}: is cut off; its pixels need {offset + first.nbytes} bytes, the file has {file.filehandle.size}")
        return Mapped(Path(file.filehandle.path), offset, np.dtype(file.byteorder + first.dtype.char), shape)
    pages = [page for s in series for page in s]
    missing = sum(page is None or not len(page.dataoffsets) for page in pages)
    expected = prod(shape) // prod(first.keyframe.shape)
    if missing or len(pages) != expected:
        raise InputError(f"{path}: {len(pages) - missing} of {expected} planes are there")
    for number, page in enumerate(pages):
        if not page.parent.filehandle.closed and page.aspage().hash != first.keyframe.hash:
            raise InputError(f"{path}: page {number + 1} differs from the first one in size or type; give a file for each")
        if max(map(sum, zip(page.dataoffsets, page.databytecounts))) > page.parent.filehandle.size:
            raise InputError(f"{path}: is cut off; the pixels of page {number + 1} go on beyond its end")
    first.keyframe.decode  # is set up while the file is open
    return Pages(path, pages, shape, first.dtype, first.transform)


def _metadata(file, series, own):
    """What the file says beside its pixels; to `own` are added its kind of description and the tags to be written again."""
    page = series.keyframe
    resolution, unit = page.resolution if "XResolution" in page.tags else (0.0, 0.0), int(page.resolutionunit)
    sizes = {a: _CENTIMETRES[unit] / r for a, r in zip("XY", resolution) if unit in _CENTIMETRES and r > 0}
    metadata = Metadata(scales={a: Scale(step, "cm").to("µm") for a, step in sizes.items()})
    if file.is_ome:
        said = ome.read(file.ome_metadata, own["count"])
        metadata = said if series.kind == "ome" else replace(said, own={})
    elif series.kind == "imagej":
        metadata = imagej.read(file.imagej_metadata, resolution, series.axes, series.shape)
    elif series.kind == "lsm":
        said = {a: Scale(file.lsm_metadata.get(f"VoxelSize{a}", 0.0), "m").to("µm") for a in "XYZ"}
        said["T"] = Scale(file.lsm_metadata.get("TimeIntervall", 0.0), "s")
        metadata = Metadata(scales={a: scale for a, scale in said.items() if scale.step > 0})
    elif series.kind == "stk" and file.stk_metadata.get("XCalibration"):
        said, unit = file.stk_metadata, symbol(str(file.stk_metadata.get("CalibrationUnits", "")))
        metadata = Metadata(scales={"X": Scale(said["XCalibration"], unit), "Y": Scale(said["YCalibration"], unit)})
    tags = {"resolution": page.resolution, "resolutionunit": page.resolutionunit} if "XResolution" in page.tags else {}
    tags |= {key: value for key, value in (("datetime", page.datetime), ("iccprofile", page.iccprofile)) if value}
    if (turned := page.tags.valueof("Orientation", 1)) != 1:  # pixels stay where they are stored
        tags["extratags"] = [(274, "H", 1, turned, False)]
    own |= {"page": page.shape, "tags": tags, "photometric": page.photometric, "colormap": page.colormap, **metadata.own}
    if series.kind in ("uniform", "generic", "shaped") and page.description and page.shaped_description != page.description:
        own["text"] = page.description
    return replace(metadata, own=own)


def _kind(picture, path, dtype):
    """How a TIFF is described: by the OME-XML it was read with ("kept"), by a new one ("ome"), as by ImageJ, or by its axes alone."""
    own, said = _own(picture), picture.metadata
    letters, named = _letters(picture.axes), ".ome." in path.name.lower()
    if "xml" in own and own["axes"] == picture.axes and dtype.name in ome.TYPES:
        return "kept"
    if "imagej" in own and not named and letters and imagej.holds(letters, picture.array.shape, dtype):
        return "imagej"
    possible = letters is not None and dtype.name in ome.TYPES
    if named and not possible:
        raise InputError(f"an OME-TIFF has axes of {imagej.AXES} and {', '.join(ome.TYPES)}, not {picture.axes} of {dtype}; write a .tif")
    more = said.name or said.description or said.channels or any(a not in "XY" or scale.origin for a, scale in said.scales.items())
    return "ome" if possible and (named or more) else "axes"


def _own(picture):
    return picture.metadata.own if picture.kind == "tiff" else {}


def _letters(axes):
    """Axes in the letters of OME and ImageJ, where images counted by another one are of a time series; None where that will not do."""
    axes = axes[:-1] + "S" if axes.endswith("YXC") and "S" not in axes else axes
    other = [a for a in axes if a not in imagej.AXES]
    if len(other) > 1 or (other and "T" in axes):
        return None
    return axes.replace(other[0], "T") if other else axes


def _stored(axes, kind):
    """The order of axes in a file: what counts pages, then Y and X, with the samples of a pixel where they lay beside them."""
    if kind == "imagej":
        letters = _letters(axes)
        return "".join(axes[letters.index(a)] for a in imagej.AXES if a in letters)
    end = next((e for e in ("YXS", "YXC", "SYX") if axes.endswith(e)), "YXS" if "S" in axes else "YX")
    return "".join(a for a in axes if a not in end) + end


def _tags(picture):
    """Resolution, date and colour profile: as read from a TIFF, or the resolution of the size of a pixel."""
    own, scales = _own(picture), picture.metadata.scales
    if "tags" in own:
        return dict(own["tags"])
    steps = [scale.to("cm") if (scale := scales.get(a)) else None for a in "XY"]
    return {"resolution": tuple(1 / s.step for s in steps), "resolutionunit": 3} if all(steps) else {}


def _samples(picture, kind, axes, shape, dtype):
    """What the numbers of a pixel are: a grey level, red, green and blue, or channels."""
    own = _own(picture)
    read_as = getattr(own.get("photometric"), "name", None)
    together = axes[-1] in "CS"
    count = shape[-1] if together else shape[-3] if axes[-3:-2] == "S" else 1
    if count == 1:
        if own.get("colormap") is not None and kind in ("imagej", "kept"):
            return {"photometric": own["photometric"], "colormap": own["colormap"]}
        return {"photometric": "miniswhite" if read_as == "MINISWHITE" else "minisblack"}
    colored = read_as in ("RGB", "YCBCR") if own else count == 3 and dtype in (np.uint8, np.uint16)
    more = count - (3 if colored else 1)
    return {
        "photometric": "rgb" if colored else "minisblack", "planarconfig": "contig" if together else "separate",
        **({"extrasamples": (0,) * more} if more else {}),
    }


def _description(picture, kind, axes, shape, dtype):
    own = _own(picture)
    if kind == "imagej":
        return {"imagej": True, "metadata": imagej.fields(own["imagej"], _letters(axes))}
    if kind == "kept":
        planes = prod(shape) // own["count"] // prod(own["page"])
        return {"description": ome.rewritten(own["xml"], planes, dtype), "metadata": None}
    if kind == "ome":
        return {"description": ome.composed(picture.metadata, _letters(axes), shape, dtype), "metadata": None}
    return {"metadata": {"axes": axes}, **({"description": own["text"].encode()} if "text" in own else {})}
