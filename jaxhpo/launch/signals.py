"""Ctrl-C and SIGTERM: the first asks a study to stop, the second leaves at once. SIGHUP, of a
terminal that was closed, asks too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable
from typing import Any

from jaxhpo.launch import streams

_SAID = "Stopping after this tick; once more to leave at once."
_HANGUP = getattr(signal, "SIGHUP", None)  # not on Windows
_CURSOR = b"\x1b[?25h"  # makes the cursor visible again, which a live line hides


class Stop:
    """While it is entered, turns the first signal into a question that the study asks.

    It is entered before JAX is imported, so that a signal at any moment is taken in. In a thread
    other than the main one, where signals can't be taken in, it does nothing. `say` tells the user
    that it was heard; it is called by the signal handler.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self.say: Callable[[str], None] = _say
        self._before: dict[int, Any] = {}

    def asked(self) -> bool:
        """Whether to stop."""
        return self.signal is not None

    @property
    def code(self) -> int:
        """The exit status: 130 after Ctrl-C, as shells have it; 0 after SIGTERM and SIGHUP, for
        which a clean stop is success."""
        return 128 + signal.SIGINT if self.signal == signal.SIGINT else 0

    def _take(self, number: int, frame: Any) -> None:
        if number == _HANGUP:  # may come twice, from the terminal and from the shell
            streams.unplugged()
            self.signal = self.signal or number
            return
        if self.signal is not None:  # asked twice: what has ended is recorded, the rest can wait
            if os.isatty(2):
                os.write(2, _CURSOR)
            os._exit(128 + number)
        self.signal = number
        self.say(_SAID)

    def __enter__(self) -> Stop:
        if threading.current_thread() is threading.main_thread():
            numbers = [signal.SIGINT, signal.SIGTERM]
            # Under nohup it is ignored: the study goes on without a terminal.
            if _HANGUP is not None and signal.getsignal(_HANGUP) != signal.SIG_IGN:
                numbers.append(_HANGUP)
            for number in numbers:
                self._before[number] = signal.signal(number, self._take)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # past Python's buffers, which may be in use by a print
        os.write(2, f"\n{text}\n".encode())
