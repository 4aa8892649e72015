"""The BioImage Archive and BioStudies: studies (S-BIAD, S-BSST) whose files are listed by an interface, without checksums."""

from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import quote

from unsup_jax.data.catalogue.source import Archive, Part, Source
from unsup_jax.data.catalogue.web import Address
from unsup_jax.data.transfer import RemoteFile, Web
from unsup_jax.errors import InputError

_PAGE = 1000  # files that are listed at once, at most


@dataclass(frozen=True)
class BioStudies(Archive):
    """A study by its accession."""

    title: ClassVar[str] = "BioImage Archive"

    accession: str
    base: str = "https://www.ebi.ac.uk/biostudies"

    @property
    def address(self) -> str:
        return f"{self.base}/studies/{self.accession}"

    def files(self, web: Web) -> list[RemoteFile]:
        api = f"{self.base}/api/v1/studies/{self.accession}"
        count, found = web.json(f"{api}/info").get("files"), {}
        if count is None:                                           # what it answers of a study that there is none of
            raise InputError(f"{self.accession}: no study of this accession is public in BioStudies")
        for offset in range(0, count, _PAGE):                       # past the end, the last page comes again
            page = web.json(f"{api}/files?limit={_PAGE}&offset={offset}")["items"]
            found |= {item["path"]: item["Size"] for item in page}
        return [RemoteFile(path, f"{self.base}/files/{self.accession}/{quote(path)}", int(size)) for path, size in found.items()]

    def said(self, web: Web) -> dict[str, str]:
        study = web.json(f"{self.base}/api/v1/studies/{self.accession}")
        attributes = [*study.get("attributes", []), *study.get("section", {}).get("attributes", [])]
        value = lambda name: next((each["value"] for each in attributes if each["name"] == name and "value" in each), "not stated")
        return {"licence": value("License"), "citation": f"{value('Title')}, BioImage Archive, {self.accession}"}


SETS = (
    Source("s-bsst265", "nuclei of tissue sections and cells, 79 images", "fluorescence", Address(
        "files/S-BSST265/dataset.zip", "sha256:8285987ed4d57c46a46a55a33c1c085875ea41f429b59cde31d249741aa07ad1", "torch-em, which reads it",
        BioStudies.base), "CC0", "F. Kromp et al., An annotated fluorescence image dataset for training nuclear segmentation methods, "
        "Scientific Data 7, 2020", (Part("rawimages/*.tif"),)),
    Source("s-biad2193", "images of a study of the BioImage Archive, 549 files", "fluorescence", BioStudies("S-BIAD2193"), "CC0",
           "BioImage Archive, S-BIAD2193", (Part("*.tif"),), size="2 GB"),
)
