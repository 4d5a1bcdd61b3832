"""How many cores a process has. Light: commands that start no JAX ask for it too."""

from __future__ import annotations

import os


def cores() -> int | None:
    """Of the machine that this process may use; all where the system does not say which, as macOS
    and Windows don't."""
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        return os.cpu_count()
