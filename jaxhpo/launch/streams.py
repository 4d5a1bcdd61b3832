"""Standard streams that are always there, so that nothing else comes to lie where they should be.

A process may be started with some of them closed. The next file it opens, a database or a lock,
would then have the number of standard error, and every message would be written into it.
"""

from __future__ import annotations

import os
import stat
import sys

_STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


def opened() -> None:
    """Opens the standard streams that are closed, on the null device."""
    for number, (name, mode) in enumerate(_STREAMS):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, closefd=False))


def unplugged() -> None:
    """What is written to a terminal that has gone is written to the null device from now on."""
    null = os.open(os.devnull, os.O_RDWR)
    for number in range(len(_STREAMS)):
        mode = os.fstat(number).st_mode
        if stat.S_ISCHR(mode):  # `isatty` says no of a terminal that has gone
            os.dup2(null, number)
    os.close(null)
