"""Files of microscopes' makers, through the readers of `bioio`: Zeiss's CZI, Nikon's ND2, Leica's LIF."""

from pathlib import Path

import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.files.metadata import Channel, Metadata, Scale

_READERS = {".czi": "bioio_czi", ".nd2": "bioio_nd2", ".lif": "bioio_lif"}


def read(path: Path):
    """(array, axes, metadata) of the scenes of a file, all of one shape; it is read whole.

    Raises `InputError` where the reader is not installed, and on scenes of several shapes.
    """
    name = _READERS[path.suffix.lower()]
    try:
        import bioio

        reader = __import__(name).Reader
    except ImportError as error:
        raise InputError(f"{path}: is read by {name.replace('_', '-')}: pip install 'unsup_jax[bioio]'") from error
    image = bioio.BioImage(path, reader=reader)
    scenes = []
    for scene in image.scenes:
        image.set_scene(scene)
        scenes.append(np.asarray(image.data))
    if len({one.shape for one in scenes}) > 1:
        raise InputError(f"{path}: holds scenes of several shapes, {', '.join(sorted({str(one.shape) for one in scenes}))}; give a file for each")
    array, axes = (scenes[0], image.dims.order) if len(scenes) == 1 else (np.stack(scenes), f"I{image.dims.order}")
    single = [i for i, a in enumerate(axes) if a not in "YX" and array.shape[i] == 1]
    array, axes = array.squeeze(tuple(single)), "".join(a for i, a in enumerate(axes) if i not in single)
    sizes = image.physical_pixel_sizes
    scales = {a: Scale(float(step), "µm") for a in "ZYX" if a in axes and (step := getattr(sizes, a)) and step > 0}
    channels = tuple(Channel(str(one)) for one in image.channel_names or ()) if "C" in axes else ()
    return array, axes, Metadata(scales=scales, channels=channels)
