"""Huge pages for the buffers of a program: 4 kB pages, faulted in one by one at each step, cost up to a sixth of its time.

XLA takes the buffers of a step from malloc. One of more than 64 MB is mapped anew each time, whatever `mallopt`
says, because threads other than the main one keep no heap that large; pages of 2 MB make that cheap.
"""

import os
import signal
import sys


def restart() -> None:
    """Start this program again, once, with malloc told to ask for huge pages, which it can only be told at its start.

    To be called first of all, before imports that take long. Ctrl-C waits until the new start takes it in
    (`terminal.end_quietly_on_interrupt`). Does nothing off the GNU C library, where GLIBC_TUNABLES
    is set already (set it to "" to have none), and where Python does not know its own command line.
    """
    if "CS_GNU_LIBC_VERSION" in getattr(os, "confstr_names", ()) and "GLIBC_TUNABLES" not in os.environ and sys.executable:
        os.environ["GLIBC_TUNABLES"] = "glibc.malloc.hugetlb=1"
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    elif hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
