"""Command line: list, run, resume, reconstruct and compare experiments."""

import errno
import gc
import sys

from unsup_jax import huge_pages, terminal
from unsup_jax.errors import InputError, NonFinite

from . import program

USAGE = """usage: {program} COMMAND ...

  list [FILTER]                      every experiment, one line each
  run NAME [--FIELD VALUE ...]       train, evaluate, report; `run NAME --help` explains every field; NAME may be path/to/mine.py
  resume RUN                         go on from the newest complete checkpoint of a run's folder
  reconstruct RUN INPUT -o OUTPUT    apply a trained run to your own TIFF, PNG, NPY, HDF5, Zarr, MRC
  export RUN -o model.zip            a trained run as a BioImage.IO package, ONNX (.onnx) or a program of jax.export (.jax)
  denoise INPUT -o OUTPUT            your own noisy file, by the method that is estimated to suit it best, filters or learnt from it
  deconvolve INPUT -o OUTPUT         your own blurred file, of a known point spread function: --psf-sigma S, --psf FILE or the optics
  reconstruct-mri INPUT -o OUTPUT    your own k-space, by the reconstruction that is estimated to suit it best
  tomography INPUT -o OUTPUT         your own projections, with --angles where the file does not say them, or tilt series
  compare NAME NAME ... | MODALITY   several methods on the data of the first, or on --data..., in one table
  data list | get NAME | info NAME   public data sets: downloaded, checked and prepared, then read by --data.path NAME
"""


_REFUSED = (
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG,
)


def main(arguments: list[str]) -> int:
    """Exit code: 0, 1 for a training that failed, 2 for bad input (one line on standard error), 130 for Ctrl-C."""
    terminal.show_any_character()
    try:
        code = _perform(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except BrokenPipeError:
        terminal.reader_left()
        return 0
    except KeyboardInterrupt:
        return terminal.INTERRUPTED
    except (InputError, NonFinite) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1 if isinstance(error, NonFinite) else 2
    except OSError as error:
        if error.errno not in _REFUSED:
            raise
        print(f"error: {error.filename or 'output'}: {error.strerror}", file=sys.stderr)
        return 2


def start() -> int:
    """The whole program, as a process of its own."""
    terminal.end_quietly_on_interrupt()
    huge_pages.restart()
    return main(sys.argv[1:])


def _perform(arguments):
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE.format(program=program()))
        return 0 if arguments else 2
    gc.disable()  # looking for garbage among what is imported, and stays, would be a fifth of the time
    from ._commands import COMMANDS  # which takes long

    gc.freeze()
    gc.enable()
    name, *rest = arguments
    if name not in COMMANDS:
        raise InputError(f"no command {name!r}; accepted are {', '.join(COMMANDS)}")
    COMMANDS[name](rest)
    return 0


if __name__ == "__main__":
    sys.exit(start())
