"""Parts of a configuration chosen by name: `--method.network DnCNN --method.network.depth 12`.

A part is a field with fields of its own. The name of another class puts that class in its place, with its own defaults, before
the rest of the command line is read; the fields that follow, and those of `--help`, are then that class's.
"""

import dataclasses
import difflib
import re
import textwrap
import types
import typing
from collections.abc import Iterator
from typing import Any

from unsup_jax import core, losses, modalities, networks, noise, operators, priors
from unsup_jax.errors import InputError
from unsup_jax.losses import games
from unsup_jax.methods import score, transport

_BASES = (
    (core.Optimizer, core), (noise.NoiseModel, noise), (priors.Prior, priors), (losses.Objective, losses),
    (networks.Critic, networks), (networks.Generator, networks), (networks.FixedInput, networks),
    (games.Divergence, games), (games.Game, games),
    (score.Sampler, score), (score.Unconditional, score), (score.Parameterization, score), (transport.Forward, transport),
)  # every class that a package exports of a base can stand for any other one
_ALIKE = (
    (networks.UNet, networks.DnCNN, networks.ResNet, networks.NoiseNetwork, networks.StyledUNet),  # an image to an image
    (networks.ConvEncoder, networks.DenseEncoder),  # an image to a vector of latents
    (networks.ConvDecoder, networks.DenseDecoder, networks.CoordinateDecoder),
    (priors.TotalVariationDenoiser, priors.BM3DDenoiser, priors.PackagedDenoiser),
    (core.Own, operators.UnknownPose, operators.UnknownAngles),  # what is known of H
    modalities.INSTRUMENTS,
)
_SHORT = {"tv": "TotalVariation", "pnp": "PlugAndPlay"}


def choose(default: Any, arguments: list[str]) -> tuple[Any, list[str]]:
    """The configuration with the parts that the arguments name, and the other arguments. Raises `InputError` on an unknown name."""
    while True:
        found = dict(_parts(default))
        named = [(i, path) for i, word in enumerate(arguments) if (path := _path(word)) in found and found[path]]
        if not named:
            return default, arguments
        i, path = min(named, key=lambda each: each[1].count("."))  # a part before its own parts
        word, _, name = arguments[i].partition("=")
        taken = 1 if name else 2
        name = name or next(iter(arguments[i + 1 : i + 2]), "")
        default = _replaced(default, path.split("."), _named(word, name, found[path]))
        arguments = arguments[:i] + arguments[i + taken :]


def words(default: Any) -> str:
    """The parts of a configuration, and the names that each can be given."""
    lines = [(f"--{path.replace('_', '-')}", ", ".join(map(_name, kinds))) for path, kinds in _parts(default) if kinds]
    wide = max((len(flag) for flag, _ in lines), default=0) + 2
    shown = [textwrap.fill(names, 110, initial_indent=flag.ljust(wide), subsequent_indent=" " * wide) for flag, names in lines]
    return "\n".join(["Parts that are chosen by name, and whose own fields then follow:", "", *shown])


def _parts(value: Any, path: str = "") -> Iterator[tuple[str, list[type]]]:
    """(path, classes that can stand there) of every field with fields of its own."""
    for field in dataclasses.fields(value):
        part = getattr(value, field.name, None)
        if dataclasses.is_dataclass(part) and field.init:
            yield f"{path}{field.name}", _alternatives(field.type, part)
            yield from _parts(part, f"{path}{field.name}.")


def _alternatives(annotation, part):
    members = typing.get_args(annotation) if isinstance(annotation, types.UnionType) else ()
    kinds = [kind for kind in members if dataclasses.is_dataclass(kind)]
    kinds = kinds if len(kinds) > 1 else next((list(alike) for alike in _ALIKE if type(part) in alike), [])
    if not kinds and (base := next((base for base, _ in _BASES if isinstance(part, base)), None)):
        package = dict(_BASES)[base]
        exported = [getattr(package, name) for name in sorted(package.__all__)]
        kinds = [kind for kind in exported if isinstance(kind, type) and issubclass(kind, base)]
    kinds = [kind for kind in kinds if kind not in dict(_BASES) and all(map(_open, dataclasses.fields(kind)))]
    optional = [types.NoneType] if types.NoneType in members else []
    return (kinds if len(kinds) > 1 else []) + optional


def _name(kind):
    return "None" if kind is types.NoneType else kind.__name__


def _open(field):
    """Whether a field needs no value."""
    missing = dataclasses.MISSING
    return not field.init or field.default is not missing or field.default_factory is not missing


def _path(word):
    found = re.match(r"--([\w.-]+)(=|$)", word)
    return found and found[1].replace("-", "_")


def _named(flag, name, kinds):
    plain = lambda text: re.sub(r"[-_ ]", "", text).lower()
    by_name = {plain(_name(kind)): kind for kind in kinds}
    wanted = plain(_SHORT.get(name.lower(), name))
    if wanted not in by_name:
        near = difflib.get_close_matches(wanted, by_name, 1, 0.6)
        given = f"no {name!r}" if name and not name.startswith("--") else "a name is missing"
        hint = f"; did you mean {_name(by_name[near[0]])}?" if near else ""
        raise InputError(f"{flag}: {given}; accepted are {', '.join(map(_name, kinds))}{hint}")
    return by_name[wanted]()


def _replaced(value, path, part):
    name, *rest = path
    return dataclasses.replace(value, **{name: _replaced(getattr(value, name), rest, part) if rest else part})
