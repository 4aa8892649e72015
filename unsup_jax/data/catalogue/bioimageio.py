"""BioImage.IO: packages of trained models, whose description names their files with their sha256."""

from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

from unsup_jax.data.catalogue.source import Archive, Part, Source
from unsup_jax.data.transfer import RemoteFile, Web
from unsup_jax.errors import InputError
from unsup_jax.lazy import Lazy

yaml = Lazy("yaml")


@dataclass(frozen=True)
class BioImageIO(Archive):
    """A version of a model by its name."""

    title: ClassVar[str] = "BioImage.IO"

    model: str
    version: str
    base: str = "https://uk1s3.embassy.ebi.ac.uk/public-datasets/bioimage.io"

    @property
    def address(self) -> str:
        return f"{self.base}/{self.model}/{self.version}/files"

    def files(self, web: Web) -> list[RemoteFile]:
        found = {"rdf.yaml": None, **_sources(self._description(web))}
        return [RemoteFile(name, f"{self.address}/{quote(name)}", None, sha256 and f"sha256:{sha256}") for name, sha256 in found.items()]

    def said(self, web: Web) -> dict[str, str]:
        described = self._description(web)
        cited = "; ".join(" ".join(filter(None, (each.get("text"), each.get("doi")))) for each in described.get("cite", []))
        return {"licence": described.get("license", "not stated"), "citation": cited or "not stated"}

    @property
    def pinned(self) -> str:
        return "sha256, by the model's description"

    def _description(self, web):
        found = yaml.safe_load(web.text(f"{self.address}/rdf.yaml"))
        if not isinstance(found, dict):
            raise InputError(f"{self.address}/rdf.yaml: is no description of a model")
        return found


def _sources(described: Any) -> dict[str, str | None]:
    """The files of the package that a description names by `source`, with their sha256 where it says it."""
    if isinstance(described, list):
        return {name: sha256 for each in described for name, sha256 in _sources(each).items()}
    if not isinstance(described, dict):
        return {}
    found = {name: sha256 for each in described.values() for name, sha256 in _sources(each).items()}
    name = described.get("source")
    if isinstance(name, str) and ":" not in name and not name.startswith("/") and ".." not in name:
        found[name] = described.get("sha256")
    return found


SETS = (
    Source("bioimageio-affable-shark", "a U-Net that segments nuclei, its weights, and images to test it with", "trained model",
           BioImageIO("affable-shark", "1.2"), "see the model's page", "BioImage.IO, affable-shark; https://doi.org/10.5281/zenodo.5764892",
           (Part("*", "", as_files=True),)),
)
