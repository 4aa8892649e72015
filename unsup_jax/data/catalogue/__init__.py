"""Public data sets by their names, one kind of archive a file; and records of archives by their numbers."""

import difflib
import re
from collections.abc import Callable

from unsup_jax.data.catalogue import agreed, bioimageio, biostudies, empiar, figshare, omezarr, web, zenodo
from unsup_jax.data.catalogue.source import Archive, Part, Source
from unsup_jax.errors import InputError

__all__ = ["ALL", "RECORDS", "Archive", "Part", "Source", "find"]

ALL: dict[str, Source] = {
    source.name: source for kind in (web, zenodo, figshare, biostudies, omezarr, empiar, bioimageio, agreed) for source in kind.SETS
}


def _empiar(record):
    entry, _, path = record.partition("/")
    return empiar.Empiar(entry, (path,))


def _plain(name):
    """A name that is one of a folder too."""
    return re.sub(r"[^\w-]+", "-", name).strip("-").lower()


def _model(record):
    model, _, version = record.partition("/")
    return bioimageio.BioImageIO(model, version or "1")


RECORDS: dict[str, tuple[Callable[[str], Archive], str]] = {
    "zenodo": (zenodo.Zenodo, "zenodo:5156913"),
    "figshare": (figshare.Figshare, "figshare:24744648"),
    "biostudies": (biostudies.BioStudies, "biostudies:S-BIAD634"),
    "empiar": (_empiar, "empiar:10028/Particles/MRC_0601/"),
    "idr": (lambda path: omezarr.OmeZarr(f"idr/zarr/v0.4/{path}.zarr"), "idr:idr0062A/6001240"),
    "bioimageio": (_model, "bioimageio:affable-shark/1.2"),
}
"""The kinds of archives whose every record can be named, with an example each."""


def find(name: str) -> Source:
    """The data set of a name, or what the catalogue says nothing else of: a record, ARCHIVE:NUMBER, or the address of an OME-Zarr, an archive or
    a file. `InputError` names what is like a name that there is none of."""
    if name in ALL:
        return ALL[name]
    kind, _, record = name.partition(":")
    if kind in RECORDS and re.fullmatch(r"[\w./-]+", record) and ".." not in record:
        return Source(_plain(f"{kind}-{record}"), f"record {record}", "", RECORDS[kind][0](record), "", "", (Part("*", as_files=kind == "bioimageio"),))
    if kind in ("http", "https"):
        server, _, path = record.removeprefix("//").rstrip("/").partition("/")
        archive = (omezarr.OmeZarr if path.endswith(".zarr") else web.Address)(path, base=f"{kind}://{server}")
        return Source(_plain(path.rpartition("/")[2].partition("?")[0]), "a file of the web", "", archive, "", "")
    like = difflib.get_close_matches(name.lower(), ALL, 3, 0.5)
    hint = f"; like it are {', '.join(like)}" if like else ""
    examples = ", ".join(example for _, example in RECORDS.values())
    raise InputError(f"no data set {name!r}{hint}; `data list` names all, and records are named like {examples}, or by the address of a file")
