"""What a program owes its terminal: characters that it can show, and a quiet end when its user or its reader leaves."""

import os
import signal
import sys
import threading
import time

INTERRUPTED = 130
"""The exit code of a program that Ctrl-C ended."""
_PATIENCE = 10.0  # seconds for what is under way to end in order, before it is left as a kill would leave it


def end_quietly_on_interrupt() -> None:
    """Ctrl-C, at any moment from now on, ends the program with one line and the exit code 130.

    It raises KeyboardInterrupt, so that files are closed and what is incomplete is removed. Nothing else is shown on
    standard error from then on: what is torn down has much to say. Compiled code, which runs no Python, is ended after
    ten seconds. To be called first of all, by the main thread. A program that was started to ignore Ctrl-C goes on doing so.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return
    told = threading.Event()

    def tell():
        if not told.is_set():
            told.set()
            os.write(2, b"interrupted\n")
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)

    def interrupt(number, frame):
        tell()
        raise KeyboardInterrupt

    def unhandled(kind, error, trace):
        if issubclass(kind, KeyboardInterrupt):
            os._exit(INTERRUPTED)  # Python's own answer is to die of the signal
        sys.__excepthook__(kind, error, trace)

    def watch():
        while signal.SIGINT not in os.read(reader, 64):
            pass
        time.sleep(_PATIENCE)
        tell()
        os._exit(INTERRUPTED)

    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    sys.excepthook = unhandled
    signal.signal(signal.SIGINT, interrupt)
    threading.Thread(target=watch, daemon=True).start()


def show_any_character() -> None:
    """What the encoding of the terminal lacks (latin-1, ASCII) is shown as a question mark, instead of ending the program."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def reader_left() -> None:
    """Standard output goes nowhere from now on: its reader has closed it, as `| head` does."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
