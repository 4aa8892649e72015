"""EMPIAR: raw images of electron microscopy, in MRC and TIFF with STAR and other tables, in the folders of a web server."""

from dataclasses import dataclass
from html.parser import HTMLParser
from typing import ClassVar
from urllib.parse import quote, unquote

from unsup_jax.data.catalogue.source import Archive, Part, Source
from unsup_jax.data.transfer import RemoteFile, Web


class _Links(HTMLParser):
    """The files that the page of a folder links to."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        link = dict(attributes).get("href") or ""
        if tag == "a" and link and not link.startswith(("?", "/", ".", "#")) and "/" not in link and ":" not in link:
            self.found.append(unquote(link))


@dataclass(frozen=True)
class Empiar(Archive):
    """Files and folders of an entry."""

    title: ClassVar[str] = "EMPIAR"

    entry: str
    """Its number."""
    paths: tuple[str, ...]
    """Below its folder `data`; those of folders end in a slash."""
    base: str = "https://ftp.ebi.ac.uk/empiar/world_availability"

    @property
    def address(self) -> str:
        return f"{self.base}/{self.entry}/data"

    def files(self, web: Web) -> list[RemoteFile]:
        found = []
        for path in self.paths:
            if not path.endswith("/"):
                found.append(path)
                continue
            links = _Links()
            links.feed(web.text(f"{self.address}/{quote(path)}"))
            found += [path + name for name in links.found]
        return [RemoteFile(path, f"{self.address}/{quote(path)}") for path in found]


_CC0 = "CC0"

SETS = (
    Source("empiar-10028", "the ribosome of Plasmodium falciparum, particles with RELION's STAR", "cryo-EM",
           Empiar("10028", ("Particles/shiny_2sets.star", "Particles/MRC_0601/")), _CC0,
           "W. Wong et al., Cryo-EM structure of the Plasmodium falciparum 80S ribosome bound to emetine, eLife 3, 2014; EMPIAR-10028",
           (Part("*.mrcs"), Part("*.star", "table", as_files=True)), size="51 GB"),
    Source("empiar-10028-micrographs", "ten micrographs of the same ribosomes", "cryo-EM",
           Empiar("10028", tuple(f"Micrographs/Micrographs_part1/{k:03d}.mrc" for k in range(1, 11))), _CC0,
           "W. Wong et al., Cryo-EM structure of the Plasmodium falciparum 80S ribosome bound to emetine, eLife 3, 2014; EMPIAR-10028", (Part("*.mrc"),)),
    Source("empiar-10076", "assembling large ribosomal subunits of E. coli, particles with Frealign's parameters", "cryo-EM",
           Empiar("10076", ("L17Combine_weight_local.mrc", "Frealign9Parameter_0_r1.par")), _CC0,
           "J. H. Davis et al., Modular assembly of the bacterial large ribosomal subunit, Cell 167, 2016; EMPIAR-10076",
           (Part("*.mrc"), Part("*.par", "table", as_files=True))),
)
