"""Figshare, and the repositories that it runs for institutions: its articles interface names the files, with their md5."""

from dataclasses import dataclass
from typing import ClassVar

from unsup_jax.data.catalogue.source import Archive, Part, Source
from unsup_jax.data.transfer import RemoteFile, Web


@dataclass(frozen=True)
class Figshare(Archive):
    """An article by its number."""

    title: ClassVar[str] = "Figshare"

    article: str
    base: str = "https://api.figshare.com"

    @property
    def address(self) -> str:
        return f"{self.base}/v2/articles/{self.article}"

    def files(self, web: Web) -> list[RemoteFile]:
        found = web.json(self.address).get("files", [])
        md5 = lambda file: file.get("computed_md5") or file.get("supplied_md5")
        return [RemoteFile(file["name"], file["download_url"], file["size"], md5(file) and f"md5:{md5(file)}") for file in found]

    def said(self, web: Web) -> dict[str, str]:
        article = web.json(self.address)
        return {"licence": article.get("license", {}).get("name", "not stated"), "citation": article.get("citation", "not stated")}

    @property
    def pinned(self) -> str:
        return "md5, by the archive at each download"


_FMD = Figshare("24744648")
_BY = "Y. Zhang et al., A Poisson-Gaussian denoising dataset with real fluorescence microscopy images, CVPR 2019; https://doi.org/10.7274/r0-ed2r-4052"
_KINDS = {"Confocal": ("BPAE_B", "BPAE_G", "BPAE_R", "FISH", "MICE"), "TwoPhoton": ("BPAE_B", "BPAE_G", "BPAE_R", "MICE"),
          "WideField": ("BPAE_B", "BPAE_G", "BPAE_R")}
_SPECIMENS = {"BPAE_B": "nuclei of BPAE cells", "BPAE_G": "F-actin of BPAE cells", "BPAE_R": "mitochondria of BPAE cells", "FISH": "a zebrafish embryo",
              "MICE": "a mouse's brain"}


def _fmd(microscope, specimen):
    name = f"{microscope}_{specimen}"
    return Source(f"fmd-{name.lower().replace('_', '-')}", f"{_SPECIMENS[specimen]}, 50 captures of each of 20 fields", f"fluorescence, {microscope}",
                  _FMD, "CC BY-SA 4.0", _BY, (Part("raw/*/*.png"),), takes=f"{name}.tar")


SETS = (
    Source("fmd-test", "the mixed test set of FMD: 48 captures of 12 kinds with the mean of 50 as truth", "fluorescence", _FMD, "CC BY-SA 4.0", _BY,
           (Part("raw/*.png"), Part("gt/*.png", "truth")), takes="test_mix.tar"),
    *(_fmd(microscope, specimen) for microscope, specimens in _KINDS.items() for specimen in specimens),
)
