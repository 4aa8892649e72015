"""The XML header of an ISMRMRD file, which fastMRI's files hold too."""

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.files.scan import Space


@dataclass(frozen=True)
class Header:
    """What the XML header says of the first encoding."""

    text: str
    encoded: Space
    reconstructed: Space
    centres: tuple[int, int]
    """Zero frequency among the counted steps of phase and partition encoding."""
    trajectory: str
    coil_names: tuple[str, ...]
    noise_bandwidth: float = 1.0
    """Bandwidth of the noise that the receiver lets pass, of that of its samples; one where the header does not say it."""

    @classmethod
    def parse(cls, path: Path, text: bytes | str) -> "Header":
        """The header of a file; `InputError` where it is damaged or says no matrix."""
        text = text.decode(errors="replace") if isinstance(text, bytes) else text
        try:
            root = ElementTree.fromstring(text.encode())
            for node in root.iter():
                node.tag = node.tag.rpartition("}")[2]
            encoding = root.find("encoding")
            numbers = lambda kind, place: tuple(kind(encoding.findtext(f"{place}/{axis}")) for axis in "xyz")
            spaces = [
                Space(numbers(int, f"{name}/matrixSize"), numbers(float, f"{name}/fieldOfView_mm")) for name in ("encodedSpace", "reconSpace")
            ]
            bandwidth = float(root.findtext("acquisitionSystemInformation/relativeReceiverNoiseBandwidth") or 1)
        except (ElementTree.ParseError, AttributeError, TypeError, ValueError) as error:
            raise InputError(f"{path}: its ISMRMRD header cannot be read ({error})") from error
        steps = [encoding.findtext(f"encodingLimits/kspace_encoding_step_{i}/center") for i in (1, 2)]
        centres = tuple(n // 2 if step is None else int(step) for n, step in zip(spaces[0].matrix[1:], steps))
        names = tuple(node.text or "" for node in root.findall("acquisitionSystemInformation/coilLabel/coilName"))
        return cls(text, *spaces, centres, encoding.findtext("trajectory") or "cartesian", names, bandwidth)

    def check_cartesian(self, path: Path) -> None:
        """Raise `InputError` on another trajectory."""
        if self.trajectory != "cartesian":
            raise InputError(f"{path}: {self.trajectory} k-space; accepted is cartesian k-space")

    def wanted(self) -> tuple[int, int, int]:
        """Samples of the encoded grid that span the reconstructed field of view."""
        ratio = np.divide(self.reconstructed.field_of_view_mm, self.encoded.field_of_view_mm)
        return tuple(min(n, round(n * part)) for n, part in zip(self.encoded.matrix, ratio))
