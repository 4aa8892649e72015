"""`data list | get NAME | info NAME`: public data sets, downloaded and prepared by their names."""

import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from unsup_jax.data import prepared
from unsup_jax.data.catalogue import ALL, RECORDS, Part, find
from unsup_jax.errors import InputError

from . import program


@dataclass(frozen=True)
class List:
    """One line a data set; those that are prepared have a star."""
    filter: tyro.conf.Positional[str] = ""
    """Part of a name, an archive, an instrument or of what is seen."""
    directory: Path | None = None
    """Where data sets are kept, in place of UNSUP_JAX_DATA or the user's cache folder."""


@dataclass(frozen=True)
class Info:
    """What is known of a data set before it is got, and of one that is prepared."""
    name: tyro.conf.Positional[str]
    """Of the catalogue, or a record such as zenodo:5156913."""
    directory: Path | None = None
    """Where data sets are kept."""


@dataclass(frozen=True)
class Get:
    """Download a data set, and prepare it for --data.path NAME."""
    name: tyro.conf.Positional[str]
    """Of the catalogue, a record such as zenodo:5156913, or the address of an OME-Zarr, an archive or a file."""
    subset: int | None = None
    """The first so many images alone; no more comes over than they need, where the archive allows that."""
    directory: Path | None = None
    """Where data sets are kept, in place of UNSUP_JAX_DATA or the user's cache folder."""
    files: str | None = None
    """Of a record, the files to take, in archives too: a pattern such as "*.tif"."""
    axes: str | None = None
    """Axes of the files where they do not say it themselves, such as TYX."""
    dimensions: int | None = None
    """2: each plane is an image; 3: each volume is."""
    as_files: bool = False
    """Keep the files as they are, for an instrument that reads them, in place of records of images."""
    link: str | None = None
    """Your own signed link, of data that come by one alone."""


def data(arguments: list[str]) -> None:
    """List, describe or get public data sets."""
    from ._commands import parse

    verbs = {"list": (List, list_), "info": (Info, info), "get": (Get, get)}
    if not arguments or arguments[0] not in verbs:
        if arguments and arguments[0] in ("-h", "--help"):
            print(f"usage: {program()} data list [FILTER] | info NAME | get NAME [--subset 10] [--directory FOLDER]")
            return
        raise InputError(f"data takes one of {', '.join(verbs)}" + (f", not {arguments[0]!r}" if arguments else ""))
    type_, perform = verbs[arguments[0]]
    perform(parse(type_, arguments[1:], f"data {arguments[0]}", config=(tyro.conf.FlagCreatePairsOff,)))


def list_(asked: List) -> None:
    rows = []
    for source in ALL.values():
        ready = "*" if prepared.described(source.name, asked.directory) else " "
        row = (f"{ready} {source.name}", source.archive.title, source.modality, source.size, source.shows)
        if asked.filter.lower() in " ".join(row).lower():
            rows.append(row)
    widths = [max((len(row[i]) for row in rows), default=0) for i in range(5)]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())
    if not asked.filter:
        print(f"and records of archives: {', '.join(example for _, example in RECORDS.values())}; and any https://... of an OME-Zarr or a file")


def info(asked: Info) -> None:
    source = find(asked.name)
    ready = prepared.described(source.name, asked.directory)
    said = {
        "shows": source.shows, "instrument": source.modality, "archive": source.archive.title, "address": source.archive.address,
        "download": source.size or "size not known", "licence": source.licence or "told when it is got",
        "citation": source.citation or "told when it is got", "checksums": source.archive.pinned,
        "parts": ", ".join(f"{source.name}{f':{part.name}' if part.name else ''} ({part.pattern})" for part in source.parts),
        "prepared": "no" if ready is None else f"{ready['date']}, in {prepared.root(asked.directory) / source.name}: " + ", ".join(
            f"{count} {what}{f' of {name}' if name else ''}" for name, part in ready["parts"].items() for what, count in part.items()),
    }
    print(source.name)
    for name, text in said.items():
        print(f"  {name:<11}{text}")
    for file in ready["files"] if ready else []:
        print(f"  {'file':<11}{file['name']}: {file.get('sha256') or file.get('part') or ''}")


def get(asked: Get) -> None:
    source = find(asked.name)
    if asked.link is not None:
        if not source.archive.own_access:
            raise InputError(f"{source.name} needs no --link; it is public")
        source = dataclasses.replace(source, archive=dataclasses.replace(source.archive, link=asked.link))
    if asked.files is not None:
        source = dataclasses.replace(source, parts=(Part(asked.files),))
    if asked.axes is not None:
        source = dataclasses.replace(source, parts=tuple(dataclasses.replace(part, axes=asked.axes) for part in source.parts))
    if asked.dimensions is not None:
        if asked.dimensions not in (2, 3):
            raise InputError(f"dimensions is {asked.dimensions}; accepted are 2 and 3")
        source = dataclasses.replace(source, dimensions=asked.dimensions)
    console = Console(file=sys.stdout)
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn(compact=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        tasks = {}

        def progress(name, done, total):
            if name not in tasks:
                tasks[name] = shown.add_task(name, total=total)
            shown.update(tasks[name], completed=done, total=total)

        say = lambda text: console.print(text, highlight=False, markup=False, soft_wrap=True)
        place = prepared.get(
            source, subset=asked.subset, directory=asked.directory, as_files=asked.as_files, say=say, progress=progress)
    about = prepared.described(source.name, asked.directory)
    for name, part in about["parts"].items():
        path = (source.name if asked.directory is None else str(place)) + (f":{name}" if name else "")
        print(f"{', '.join(f'{count} {what}' for what, count in part.items())}: --data.{name or 'path'} {path}")
    print(f"licence: {about['licence']}; cite {about['citation']}")
