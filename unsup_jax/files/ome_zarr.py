"""OME-Zarr 0.4 and 0.5 (Moore 2023): what the group of an image says of its axes, their scale and its channels."""

from pathlib import Path
from typing import Any

import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.files.metadata import Channel, Metadata, Scale, symbol, unit_name
from unsup_jax.files.picture import Picture


def described(path: Path, attributes: dict[str, Any]) -> tuple[str | None, str | None, Metadata]:
    """(folder of the array in full resolution, its axes, its metadata) of a group; Nones where it is no image.

    Labels beside the image are left alone. Raises `InputError` on several images: a plate, a well, a collection.
    """
    said = attributes.get("ome", attributes)
    several = {
        "plate": lambda: [f"{well['path']}/0" for well in said["plate"]["wells"]],
        "well": lambda: [image["path"] for image in said["well"]["images"]],
        "bioformats2raw.layout": lambda: _series(path),
    }
    for kind, images in several.items():
        if kind in said:
            raise InputError(f"{path}: an OME-Zarr of {len(images())} images ({kind}); choose one, for example {path}/{(images() or ['0'])[0]}")
    if "multiscales" not in said:
        return None, None, Metadata()
    if len(said["multiscales"]) > 1:
        raise InputError(f"{path}: an OME-Zarr of {len(said['multiscales'])} images in one group; name the array of one, {path}/NAME")
    first = _image(attributes).multiscales[0].datasets[0].path
    return (first, *level(attributes, first))


def only_image(path: Path, attributes: dict[str, Any]) -> Path | None:
    """The image of a collection of one, as bioformats2raw writes it; None for anything else."""
    found = _series(path) if "bioformats2raw.layout" in attributes.get("ome", attributes) else []
    return path / found[0] if len(found) == 1 else None


def level(attributes: dict[str, Any], place: str) -> tuple[str, Metadata] | None:
    """(axes, metadata) of the array at `place` below a group with these attributes; None where the group does not name it."""
    if "multiscales" not in attributes.get("ome", attributes):
        return None
    image = _image(attributes)
    for one in image.multiscales:
        for dataset in one.datasets:
            if dataset.path == place:
                axes = "".join({"time": "T", "channel": "C"}.get(a.type, a.name[0].upper()) for a in one.axes)
                return axes, Metadata(
                    name=one.name or "", scales=_scales(one, dataset, axes), channels=_channels(image),
                    own={"version": "0.5" if "ome" in attributes else "0.4"})
    return None


def order(picture: Picture) -> list[int]:
    """The order in which an OME-Zarr has the axes of a picture: time, others, channels, then space."""
    rank = {"T": 0, "C": 2, "S": 2, "Z": 3, "Y": 4, "X": 5}
    return sorted(range(len(picture.axes)), key=lambda i: rank.get(picture.axes[i], 1))


def attributes(picture: Picture, version: str) -> dict[str, Any]:
    """The attributes of the group of an image like the picture, whose array is "0"; `InputError` on axes it cannot have."""
    from yaozarrs import v04, v05

    letters = [picture.axes[i] for i in order(picture)]
    scales = [picture.metadata.scales.get(a, Scale(1.0)) for a in letters]
    kinds = {**dict.fromkeys("ZYX", "space"), "T": "time", "C": "channel", "S": "channel"}
    axes = []
    for letter, scale in zip(letters, scales):
        axis = {"name": "c" if letter == "S" else letter.lower(), "type": kinds.get(letter)}
        axis["unit"] = unit_name(scale.unit) if scale.unit and axis["type"] in ("space", "time") else None
        axes.append({key: value for key, value in axis.items() if value is not None})
    moves = [{"type": "scale", "scale": [scale.step for scale in scales]}]
    if any(scale.origin for scale in scales):
        moves.append({"type": "translation", "translation": [scale.origin for scale in scales]})
    image = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": moves}]} | ({"name": picture.metadata.name} if picture.metadata.name else {})
    said = {"multiscales": [image]}
    if any(channel != Channel() for channel in picture.metadata.channels):
        said["omero"] = {"channels": [_omero(channel, picture.array.dtype) for channel in picture.metadata.channels]}
    if version == "0.4":
        image["version"] = version
    try:
        (v04 if version == "0.4" else v05).Image.model_validate(said if version == "0.4" else {"version": version, **said})
    except ValueError as error:  # pydantic's
        reason = error.errors()[0]["msg"]
        raise InputError(f"{picture.path}: an OME-Zarr has no axes {picture.axes} ({reason}); write .tif, .npy or .h5") from error
    return said if version == "0.4" else {"ome": {"version": version, **said}}


def _series(path):
    return sorted((p.name for p in path.iterdir() if p.is_dir() and p.name.isdigit()), key=int)


def _image(attributes):
    from yaozarrs import v04, v05

    model, said = (v05.Image, attributes["ome"]) if "ome" in attributes else (v04.Image, attributes)
    shown = {key: value for key, value in said.items() if key != "omero"}
    try:
        image = model.model_validate(shown)
    except ValueError as error:  # pydantic's
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise InputError(f"not OME-Zarr 0.4 or 0.5, which are read: {error.errors()[0]['msg']} ({where})") from error
    try:
        return model.model_validate(said)
    except ValueError:
        return image  # how its channels are shown is optional, and often said in part


def _scales(one, dataset, axes):
    steps, origins = [1.0] * len(axes), [0.0] * len(axes)
    for move in [*dataset.coordinateTransformations, *(one.coordinateTransformations or [])]:
        if move.type == "scale":
            steps, origins = ([a * b for a, b in zip(values, move.scale)] for values in (steps, origins))
        else:
            origins = [a + b for a, b in zip(origins, move.translation)]
    return {
        letter: Scale(step, symbol(getattr(axis, "unit", None) or ""), origin)
        for letter, axis, step, origin in zip(axes, one.axes, steps, origins) if letter in "TZYX"
    }


def _channels(image):
    if image.omero is None:
        return ()
    return tuple(
        Channel(c.label, tuple(bytes.fromhex(c.color.lstrip("#")[:6])) if c.color else None, (c.window.start, c.window.end) if c.window else None)
        for c in image.omero.channels)


def _omero(channel, dtype):
    span = (np.iinfo(dtype).min, np.iinfo(dtype).max) if np.issubdtype(dtype, np.integer) else (0, 1)
    low, high = map(float, channel.window or span)
    said = {"window": {"min": min(low, span[0]), "start": low, "end": high, "max": max(high, span[1])}}
    said["color"] = bytes(channel.color or (255, 255, 255)).hex().upper()
    return said | ({"label": channel.name} if channel.name else {})
