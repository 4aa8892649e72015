"""Texts of numbers: a table of one record a line."""

from pathlib import Path

import numpy as np

from unsup_jax.errors import InputError


def read_table(path: str | Path, what: str, columns: int | None = None) -> np.ndarray:
    """[line, column] of a text of numbers, with commas in a .csv and spaces else; `what` it holds is told in errors.

    Raises `InputError` on a text that cannot be read, holds none, or has another number of `columns`.
    """
    try:
        table = np.loadtxt(path, ndmin=2, delimiter="," if Path(path).suffix.lower() == ".csv" else None)
    except OSError as error:
        raise InputError(f"{path}: no text of {what} can be read there") from error
    except ValueError as error:
        raise InputError(f"{path}: not a text of {what}, one a line ({error})") from error
    if not table.size or not np.isfinite(table).all() or columns not in (None, table.shape[1]):
        raise InputError(f"{path}: holds a table of shape {table.shape}; accepted is a text of {what}, one a line")
    return table
