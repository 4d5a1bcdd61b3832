"""What a run ran on: versions, device, command, git revision. For records and reports."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

_PACKAGES = ("jaxhpo", "jax", "jaxlib", "flax", "optax", "numpy", "pandas", "SQLAlchemy")


def describe() -> dict[str, Any]:
    """Plain JSON values. What can't be known is None; nothing of it can fail."""
    return {
        "versions": {"python": platform.python_version(), **_versions()},
        "platform": f"{platform.system()} {platform.machine()}",
        "cpus": len(os.sched_getaffinity(0)),
        "devices": _devices(),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]] if sys.argv else [],
        "git": revision(),
    }


def revision() -> dict[str, Any] | None:
    """The git revision of the working directory, and whether files differ from it."""
    try:
        head, status = (
            subprocess.run(
                ["git", *arguments], capture_output=True, text=True, timeout=2, check=True
            ).stdout.strip()
            for arguments in (("rev-parse", "HEAD"), ("status", "--porcelain", "-uno"))
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return {"revision": head, "changed": bool(status)}


def _versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name in _PACKAGES:
        try:
            found[name.lower()] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name.lower()] = None
    return found


def _devices() -> dict[str, Any]:
    import jax

    devices = jax.local_devices()
    return {"kind": devices[0].device_kind, "platform": devices[0].platform, "count": len(devices)}
