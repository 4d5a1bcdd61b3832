"""The cores that a process has, and their cache. Light: commands that start no JAX ask too."""

from __future__ import annotations

import os
from pathlib import Path

_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


def cores() -> int | None:
    """Of the machine that this process may use; all where the system does not say which, as macOS
    and Windows don't."""
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        return os.cpu_count()


def own_cache() -> int | None:
    """Bytes of the second-level cache, the largest that a core has to itself; None where the system
    does not say, as others than Linux don't."""
    for found in sorted(_CACHES.glob("index*")):
        try:
            level, size = ((found / name).read_text("utf-8").strip() for name in ("level", "size"))
            if level == "2":
                return int(size.removesuffix("K")) * 1024
        except (OSError, ValueError):
            continue
    return None
