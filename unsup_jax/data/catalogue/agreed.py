"""Data for those who have agreed to their terms: the user's own signed link says where a file is."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from unsup_jax.data.catalogue.source import Archive, Part, Source
from unsup_jax.data.transfer import RemoteFile, Web
from unsup_jax.errors import InputError


@dataclass(frozen=True)
class Agreed(Archive):
    """Files behind an agreement."""

    title: ClassVar[str] = "own access"
    own_access: ClassVar[bool] = True

    page: str
    """Where the agreement is made."""
    how: str
    """How a signed link is come by."""
    link: str | None = None
    """The user's."""

    @property
    def address(self) -> str:
        return self.page

    def files(self, web: Web) -> list[RemoteFile]:
        if self.link is None:
            raise InputError(f"these data come by a link of your own: agree to their terms at {self.page}, {self.how}, and give it as --link 'https://...'")
        return [RemoteFile(unquote(PurePosixPath(urlsplit(self.link).path).name), self.link)]


_FASTMRI = Agreed("https://fastmri.med.nyu.edu", "which sends you signed links by mail")
_CITED = "J. Zbontar et al., fastMRI: an open dataset and benchmarks for accelerated MRI, arXiv:1811.08839; F. Knoll et al., Radiology: AI 2, 2020"
_TERMS = "the fastMRI data sharing agreement"

SETS = (
    Source("fastmri-knee", "k-space of knees, one coil or many (the file of your link)", "MRI", _FASTMRI, _TERMS, _CITED,
           (Part("*.h5", as_files=True),)),
    Source("fastmri-brain", "k-space of brains, many coils (the file of your link)", "MRI", _FASTMRI, _TERMS, _CITED, (Part("*.h5", as_files=True),)),
    Source("hcp", "functional and structural images of the Human Connectome Project (the file of your link)", "MRI", Agreed(
        "https://db.humanconnectome.org", "make AWS keys there, and sign a link with `aws s3 presign s3://hcp-openaccess/...`"),
        "the WU-Minn HCP open access data use terms", "D. C. Van Essen et al., The WU-Minn Human Connectome Project: an overview, NeuroImage 80, 2013",
        (Part("*.nii*", as_files=True),)),
)
