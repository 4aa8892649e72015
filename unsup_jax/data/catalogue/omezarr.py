"""OME-Zarr images that stand on a web server, as those of the IDR and the BioImage Archive do: their chunks are read as they are needed."""

from dataclasses import dataclass
from typing import ClassVar

from unsup_jax.data.catalogue.source import Archive, Source
from unsup_jax.data.transfer import RemoteFile, Web


@dataclass(frozen=True)
class OmeZarr(Archive):
    """One image."""

    title: ClassVar[str] = "OME-Zarr over HTTP"

    path: str
    """Below the base."""
    base: str = "https://livingobjects.ebi.ac.uk"

    @property
    def address(self) -> str:
        return f"{self.base}/{self.path}"

    def files(self, web: Web) -> list[RemoteFile]:
        return [RemoteFile(self.path.rstrip("/").rpartition("/")[2], self.address)]

    @property
    def pinned(self) -> str:
        return "none is published, and each chunk is read alone: those of zstd and blosc say where they are damaged"


_IDR = "idr/zarr/v0.4/"

SETS = (
    Source("idr-6001240", "a blastocyst of a mouse, nuclei and lamin, a volume of 236 planes in two channels", "fluorescence, confocal",
           OmeZarr(f"{_IDR}idr0062A/6001240.zarr"), "CC BY 4.0",
           "T. Blin et al., Nessys: a new set of tools for the automated detection of nuclei within intact tissues, PLoS Biology 17, 2019; IDR idr0062",
           size="30 MB"),
    Source("idr-13457537", "an image of 12 planes in six channels at 18 times", "fluorescence", OmeZarr(f"{_IDR}idr0101A/13457537.zarr"), "CC BY 4.0", "IDR idr0101"),
)
