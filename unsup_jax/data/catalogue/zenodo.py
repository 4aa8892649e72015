"""Zenodo: its records interface names the files of a record, with their md5."""

from dataclasses import dataclass
from typing import ClassVar

from unsup_jax.data.catalogue.source import Archive, Part, Source
from unsup_jax.data.transfer import RemoteFile, Web


@dataclass(frozen=True)
class Zenodo(Archive):
    """A record by its number."""

    title: ClassVar[str] = "Zenodo"

    record: str
    base: str = "https://zenodo.org"

    @property
    def address(self) -> str:
        return f"{self.base}/records/{self.record}"

    def files(self, web: Web) -> list[RemoteFile]:
        found = web.json(f"{self.base}/api/records/{self.record}").get("files", [])
        return [RemoteFile(file["key"], file["links"]["self"], file["size"], file.get("checksum")) for file in found]

    def said(self, web: Web) -> dict[str, str]:
        record = web.json(f"{self.base}/api/records/{self.record}")
        about = record["metadata"]
        authors = "; ".join(creator["name"] for creator in about.get("creators", []))
        return {"licence": about.get("license", {}).get("id", "not stated"),
                "citation": f"{authors}, {about.get('title', '')}, Zenodo, https://doi.org/{record.get('doi', '')}"}

    @property
    def pinned(self) -> str:
        return "md5, by the archive at each download"


_PN2V = "A. Krull et al., Probabilistic Noise2Void: unsupervised content-aware denoising, Frontiers in Computer Science 2, 2020"
_PPN2V = "M. Prakash et al., Fully unsupervised probabilistic Noise2Void, ISBI 2020"

SETS = (
    Source("convallaria", "a section of Convallaria, 100 frames of one field, and 100 out of focus for the noise model", "fluorescence, spinning disk",
           Zenodo("5156913"), "CC-BY-4.0", f"{_PN2V}; {_PPN2V}", (Part("*_Conv.tif"), Part("*_FD.tif", "calibration")), size="344 MB"),
    Source("mouse-skull-nuclei", "nuclei of a mouse's skull, 200 frames, and frames beside the slide for the noise model", "fluorescence, point scanning",
           Zenodo("5156960"), "CC-BY-4.0", _PPN2V, (Part("example2_digital_offset300.tif"), Part("edgeoftheslide_300offset.tif", "calibration"))),
    Source("struct-convallaria", "Convallaria with noise that is correlated along lines, 100 frames", "fluorescence, line artefacts",
           Zenodo("5160338"), "CC-BY-4.0",
           "C. Broaddus et al., Removing structured noise with self-supervised blind-spot networks, ISBI 2020; https://doi.org/10.5281/zenodo.5160338",
           (Part("*.tif"),), size="135 MB"),
)
