"""OME-XML, the description that an OME-TIFF carries.

What a document says of specimen, instrument and channels is kept; how its pixels are stored is written anew, since
a written file stores them in the order of its axes. Documents of every version of the schema are read, valid or not,
so they are trees of elements here, not checked models. https://docs.openmicroscopy.org/ome-model/
"""

import sys
import uuid
from xml.etree import ElementTree

import numpy as np

from unsup_jax.files.metadata import Channel, Metadata, Optics, Scale, symbol

TYPES = {
    "int8": "int8", "int16": "int16", "int32": "int32", "uint8": "uint8", "uint16": "uint16", "uint32": "uint32",
    "float32": "float", "float64": "double", "bool": "bit",
}
"""The pixel types of OME, by NumPy's names."""

_NAMESPACE = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
_STEPS = {"X": ("PhysicalSizeX", "µm"), "Y": ("PhysicalSizeY", "µm"), "Z": ("PhysicalSizeZ", "µm"), "T": ("TimeIncrement", "s")}
_STORAGE = {"TiffData", "BinData", "MetadataOnly"}


def described_in(xml: str) -> str | None:
    """The name of the file that describes this one's pixels, where this document says it is another."""
    root = ElementTree.fromstring(xml)
    return next((e.get("MetadataFile") for e in root if _tag(e) == "BinaryOnly"), None)


def read(xml: str, images: int) -> Metadata:
    """What a document says of its images: the scales, channels and name of the first of them.

    `own` holds the document itself where it has as many `images` as the file has series of pixels.
    """
    root = ElementTree.fromstring(xml)
    found = [e for e in root if _tag(e) == "Image" and any(_tag(d) == "TiffData" for d in e.iter())]
    if not found:
        return Metadata()
    pixels = next(e for e in found[0] if _tag(e) == "Pixels")
    scales = {}
    for axis, (key, usual) in _STEPS.items():
        step, unit = _number(pixels.get(key)), symbol(pixels.get(f"{key}Unit", usual))
        if step > 0:
            scales[axis] = Scale(step, unit, _position(pixels, axis, unit) if len(found) == 1 else 0.0)
    channels = tuple(Channel(e.get("Name"), _color(e.get("Color"))) for e in pixels if _tag(e) == "Channel")
    channels = channels if any(channel != Channel() for channel in channels) else ()
    description = next((e.text or "" for e in found[0] if _tag(e) == "Description"), "")
    own = {"xml": xml} if len(found) == images else {}
    return Metadata(found[0].get("Name", ""), description, scales, channels, _optics(root, found[0], pixels), own)


def rewritten(xml: str, planes: int, dtype: np.dtype) -> bytes:
    """A document whose images are each stored as `planes` pages in the order of their axes, one image after the other."""
    root = ElementTree.fromstring(xml)
    namespace = root.tag[: root.tag.rfind("}") + 1]
    first = 0
    for image in [e for e in root if _tag(e) == "Image"]:
        if not any(_tag(e) == "TiffData" for e in image.iter()):
            root.remove(image)  # an image without pixels
            continue
        pixels = next(e for e in image if _tag(e) == "Pixels")
        for element in [e for e in pixels if _tag(e) in _STORAGE]:
            pixels.remove(element)
        for plane in pixels:
            for checksum in [e for e in plane if _tag(e) == "HashSHA1"]:
                plane.remove(checksum)
        pixels.set("Type", TYPES[dtype.name])
        if "BigEndian" in pixels.attrib:
            pixels.set("BigEndian", "true" if sys.byteorder == "big" else "false")
        after = sum(_tag(e) == "Channel" for e in pixels)
        pixels.insert(after, ElementTree.Element(f"{namespace}TiffData", IFD=str(first), PlaneCount=str(planes)))
        first += planes
    root.set("UUID", f"urn:uuid:{uuid.uuid4()}")
    return _encoded(root, namespace)


def composed(metadata: Metadata, axes: str, shape: tuple[int, ...], dtype: np.dtype) -> bytes:
    """A new document of one image, stored as pages in the order of `axes`: of T, Z and C, then YX, YXS or SYX."""
    sizes = dict(zip(axes, shape))
    samples = sizes.get("S", 1)
    order = "XY" + "".join(reversed([a for a in axes if a in "TZC"]))
    order += "".join(a for a in "CZT" if a not in order)
    root = ElementTree.Element("OME", xmlns=_NAMESPACE, UUID=f"urn:uuid:{uuid.uuid4()}", Creator="unsup_jax")
    image = ElementTree.SubElement(root, "Image", ID="Image:0", **({"Name": metadata.name} if metadata.name else {}))
    if metadata.description:
        ElementTree.SubElement(image, "Description").text = metadata.description
    pixels = ElementTree.SubElement(image, "Pixels", ID="Pixels:0", DimensionOrder=order, Type=TYPES[dtype.name])
    for axis in "XYZCT":
        pixels.set(f"Size{axis}", str(sizes.get(axis, 1) * (samples if axis == "C" else 1)))
    for axis, (key, usual) in _STEPS.items():
        scale = metadata.scales.get(axis)
        if scale is not None and scale.to(usual):
            pixels.set(key, repr(scale.step))
            pixels.set(f"{key}Unit", scale.unit)
    for c in range(sizes.get("C", 1)):
        channel = ElementTree.SubElement(pixels, "Channel", ID=f"Channel:0:{c}", SamplesPerPixel=str(samples))
        said = metadata.channels[c] if len(metadata.channels) == sizes.get("C", 1) else Channel()
        if said.name:
            channel.set("Name", said.name)
        if said.color:
            red, green, blue = said.color
            channel.set("Color", str(int(np.uint32(red << 24 | green << 16 | blue << 8 | 255).view(np.int32))))
    planes = int(np.prod([sizes[a] for a in axes if a in "TZC"], initial=1))
    ElementTree.SubElement(pixels, "TiffData", IFD="0", PlaneCount=str(planes))
    placed = {a: s for a, s in metadata.scales.items() if a in "XYZ" and s.origin and s.to("µm")}
    for place in np.ndindex(*(sizes.get(a, 1) for a in "TZC")) if placed else ():
        at = dict(zip("TZC", place))
        plane = ElementTree.SubElement(pixels, "Plane", {f"The{a}": str(i) for a, i in at.items()})
        for axis, scale in placed.items():
            plane.set(f"Position{axis}", repr(scale.origin + at.get(axis, 0) * scale.step))
            plane.set(f"Position{axis}Unit", scale.unit)
    return _encoded(root, "")


def _tag(element):
    return element.tag.rpartition("}")[2]


def _number(text):
    try:
        value = float(text)
    except (TypeError, ValueError):
        return 0.0
    return value if np.isfinite(value) else 0.0


def _position(pixels, axis, unit):
    """Where the first plane lies along an axis of space, in the unit of the pixels; 0 where the stage does not say."""
    plane = next((e for e in pixels if _tag(e) == "Plane"), None)
    if plane is None or f"Position{axis}" not in plane.attrib:
        return 0.0
    place = Scale(1.0, symbol(plane.get(f"Position{axis}Unit", "reference frame")), _number(plane.get(f"Position{axis}"))).to(unit)
    return place.origin if place else 0.0


def _optics(root, image, pixels):
    """The objective that the image names, or the only one there is, the medium of its settings, and the light of the channels."""
    settings = next((e for e in image if _tag(e) == "ObjectiveSettings"), None)
    objectives = [e for e in root.iter() if _tag(e) == "Objective"]
    named = [e for e in objectives if settings is not None and e.get("ID") == settings.get("ID")] or objectives
    aperture = _number(named[0].get("LensNA")) if len(named) == 1 else 0.0
    index = 0.0 if settings is None else _number(settings.get("RefractiveIndex"))
    light = [
        Scale(_number(e.get("EmissionWavelength")), symbol(e.get("EmissionWavelengthUnit", "nm"))).to("µm") for e in pixels if _tag(e) == "Channel"
    ]
    known = tuple(one.step for one in light if one is not None and one.step > 0)
    return Optics(aperture or None, index or None, known if len(known) == len(light) else ())


def _color(text):
    """(red, green, blue) of OME's signed 32 bits of red, green, blue and alpha."""
    return None if text is None else tuple(int(_number(text)) >> shift & 255 for shift in (24, 16, 8))


def _encoded(root, namespace):
    """A document in UTF-8, with its main namespace as the default one, as readers of OME expect."""
    if namespace:
        for element in root.iter():
            element.tag = element.tag.removeprefix(namespace)
        root.set("xmlns", namespace[1:-1])
    return b'<?xml version="1.0" encoding="UTF-8"?>' + ElementTree.tostring(root, encoding="unicode").encode()
