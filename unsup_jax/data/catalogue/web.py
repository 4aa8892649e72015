"""Files that stand at an address, with checksums that those who use them have published."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import ClassVar
from urllib.parse import urlsplit

from unsup_jax.data.catalogue.source import Archive, Part, Source
from unsup_jax.data.transfer import RemoteFile, Web


@dataclass(frozen=True)
class Address(Archive):
    """One file."""

    title: ClassVar[str] = "a web server"

    path: str
    """Below the base."""
    checksum: str | None = None
    """"sha256:..." or "md5:..."."""
    by: str = ""
    """Who published the checksum."""
    base: str = ""
    """The server."""

    @property
    def address(self) -> str:
        return f"{self.base}/{self.path}"

    def files(self, web: Web) -> list[RemoteFile]:
        return [RemoteFile(PurePosixPath(urlsplit(self.address).path).name, self.address, None, self.checksum)]

    @property
    def pinned(self) -> str:
        return f"{self.checksum.partition(':')[0]}, recorded by {self.by}" if self.checksum else super().pinned


_CHALLENGE = "https://data.celltrackingchallenge.net"
_TERMS = ("the challenge's conditions of use: cite it; scientific use outside of the challenge asks the data's providers for permission, commercial "
          "use the organisers too")
_CTC = "M. Maska et al., The Cell Tracking Challenge: 10 years of objective benchmarking, Nature Methods 20, 2023"
_TORCH_EM = "torch-em, which reads it"
_FHT = "https://download.fht.org"
_PORTFOLIO = "CAREamics' portfolio of data sets"
_SEM = "T.-O. Buchholz et al., Content-aware image restoration for electron microscopy, Methods in Cell Biology 152, 2019"


def _challenge(name, sha256, shows, size):
    return Source(
        name.lower(), shows, "fluorescence, time series", Address(f"training-datasets/{name}.zip", f"sha256:{sha256}", _TORCH_EM, _CHALLENGE),
        _TERMS, _CTC, (Part("0[12]/t*.tif"),), size=size)


SETS = (
    _challenge("Fluo-N2DH-GOWT1", "1a7bd9a7d1d10c4122c7782427b437246fb69cc3322a975485c04e206f64fc2c",
               "nuclei of mouse stem cells (GFP-GOWT1), confocal, two movies", "53 MB"),
    _challenge("Fluo-C2DL-MSC", "a083521f0cb673ae02d4957c5e6580c2e021943ef88101f6a2f61b944d671af2",
               "rat mesenchymal stem cells, spinning disk, two movies", "72 MB"),
    Source("n2v-sem", "a cell in a scanning electron microscope, crops of one image", "electron microscopy", Address(
        "jug/n2v/SEM.zip", "sha256:e1999b5d10abb1714b7663463f83d0bfb73990f5e0705b6cd212c4d3e824b96c", _PORTFOLIO, _FHT),
        "CC-BY-4.0", _SEM, (Part("*.tif"),), size="13 MB"),
    Source("n2n-sem", "a cell in a scanning electron microscope, at several scan times", "electron microscopy", Address(
        "jug/n2n/SEM.zip", "sha256:03aca31eac4d00a8381577579de2d48b98c77bab91e2f8f925999ec3252d0dac", _PORTFOLIO, _FHT),
        "CC-BY-4.0", _SEM, (Part("*.tif"),), size="173 MB"),
    Source("n2v-flywing", "membranes of a fly's wing, planes of a volume", "fluorescence", Address(
        "jug/n2v/flywing-data.zip", "sha256:01106b6dc096c423babfca47ef27059a01c2ca053769da06e8649381089a559f", _PORTFOLIO, _FHT),
        "CC-BY-4.0", "T.-O. Buchholz et al., DenoiSeg: joint denoising and segmentation, ECCV Workshops 2020", (Part("*.tif"),), size="10 MB"),
    Source("n2v-bsd400", "grey natural images of 180 x 180 in white noise of deviation 25, the training of the BSD68 rows", "photographs", Address(
        "jug/n2v/BSD68_reproducibility_data.zip", "sha256:32c66d41196c9cafff465f3c7c42730f851c24766f70383672e18b8832ea8e55", _PORTFOLIO, _FHT),
        "not stated; Berkeley's images are for research and education, without commerce",
        "D. Martin et al., A database of human segmented natural images, ICCV 2001; A. Krull et al., Noise2Void, CVPR 2019",
        (Part("train/*.npy", axes="NYX"),), size="395 MB"),
    Source("care-u2os", "nuclei of U2OS cells (BBBC006) with artificial noise", "fluorescence", Address(
        "image_restoration_data.zip", "sha256:4112d3666a4f419bbd51ab0b7853c12e16c904f89481cbe7f1a90e48f3241f72", _PORTFOLIO,
        "https://dl-at-mbl-2023-data.s3.us-east-2.amazonaws.com"),
        "CC0-1.0", "V. Ljosa et al., Annotated high-throughput microscopy image sets for validation, Nature Methods 9, 2012",
        (Part("*.tif"),), size="761 MB"),
    Source("w2s", "cells in three colours, 400 wide-field captures of each of 120 fields; the first colour", "fluorescence, wide field", Address(
        "w2s/W2S_raw.zip", base="https://datasets.epfl.ch"),
        "not stated; cite", "R. Zhou et al., W2S: Microscopy data with joint denoising and super-resolution, ECCV Workshops 2020",
        (Part("wf_channel0.npy", axes="TYX"),), size="40 GB"),
)
