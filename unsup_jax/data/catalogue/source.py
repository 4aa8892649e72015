"""What a public data set is to us: where its files are, what it shows, under which licence, and how its files become images."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from unsup_jax.data.transfer import RemoteFile, Web, public


@dataclass(frozen=True)
class Archive:
    """A place where files of data sets are kept. A subclass names the files of one of its records."""

    title: ClassVar[str]
    """What people call it."""
    own_access: ClassVar[bool] = False
    """Whether its files are for those alone who have agreed to its terms, and come by links of their own."""

    @property
    def address(self) -> str:
        """The page or the file that a person would open."""
        raise NotImplementedError

    def files(self, web: Web) -> list[RemoteFile]:
        """The files of the record; `InputError` where the archive does not tell them."""
        raise NotImplementedError

    def said(self, web: Web) -> dict[str, str]:
        """The licence and the citation that the archive has on the record, for a record that the catalogue does not describe."""
        return {"licence": "not stated", "citation": public(self.address)}

    @property
    def pinned(self) -> str:
        """Where the checksums come from."""
        return "none is published: the sha256 of the first download is kept, and later ones are held against it"


@dataclass(frozen=True)
class Part:
    """Some of the files of a data set, and what they are."""

    pattern: str
    """Names of files, or of members of archives, with * and ?."""
    name: str = ""
    """What stands after the colon of NAME:PART, such as truth; empty for the measurements themselves."""
    axes: str | None = None
    """Axes of the files, where they do not say it themselves."""
    as_files: bool = False
    """Whether they are kept as they are, for an instrument that reads them, instead of becoming records of images."""


@dataclass(frozen=True)
class Source:
    """One data set of the catalogue."""

    name: str
    """By which it is got, and by which `--data.path` reads it."""
    shows: str
    """What is seen, in a line."""
    modality: str
    """What it was acquired with."""
    archive: Archive
    """Where its files are."""
    licence: str
    """As the archive or its authors say it."""
    citation: str
    """What to cite."""
    parts: Sequence[Part] = (Part("*"),)
    """The measurements, then what belongs to them."""
    takes: str = "*"
    """Which of the record's files are downloaded."""
    size: str = ""
    """Of the download, about, where it is known."""
    dimensions: int = 2
    """2: each plane is an image; 3: each volume is."""

    def at(self, base: str) -> "Source":
        """The same in an archive of the same kind on another server."""
        return dataclasses.replace(self, archive=dataclasses.replace(self.archive, base=base))
