"""What a run ran on: versions, device, command, git revision. For records and reports."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from jaxhpo.cores import cores

_PACKAGES = ("jaxhpo", "jax", "jaxlib", "flax", "optax", "numpy", "pandas", "SQLAlchemy")
_SECONDS = 2.0  # for git to answer


def describe() -> dict[str, Any]:
    """Plain JSON values. What can't be known is None or empty; nothing of it can fail.

    ``versions`` (package to version), ``platform``, ``cpus`` (that this process may use),
    ``devices`` (kind, platform, count of JAX's local devices), ``command`` (without passwords),
    ``git`` (of the code that was started). The machine's name is not among it.
    """
    return {
        "versions": {"python": platform.python_version(), **_versions()},
        "platform": f"{platform.system()} {platform.machine()}",
        "cpus": cores(),
        "devices": _devices(),
        "command": [Path(sys.argv[0]).name, *map(masked, sys.argv[1:])] if sys.argv else [],
        "git": revision(_started_from()),
    }


def masked(text: str) -> str:
    """A URL, or a text that holds some, with ``***`` for the passwords of databases."""
    text = re.sub(r"(://[^:/@\s]*):[^@\s]*@", r"\1:***@", text)
    return re.sub(r"([?&](?:ssl)?password=)[^&\s]*", r"\1***", text)


def revision(directory: Path) -> dict[str, Any] | None:
    """The git revision that a directory is at, and whether tracked files differ from it.

    Returns:
        ``{"revision": str, "changed": bool}``, or None where there is no git or no repository, or
        it takes too long.
    """
    command = ["git", "--no-optional-locks", "-C", str(directory)]
    status = ["status", "--porcelain=v2", "--branch", "--untracked-files=no"]
    try:
        said = subprocess.run(
            [*command, *status], capture_output=True, timeout=_SECONDS, check=True
        ).stdout.decode("utf-8", "replace")
    except (OSError, subprocess.SubprocessError):
        return None
    lines = said.splitlines()
    head = next((line.split()[2] for line in lines if line.startswith("# branch.oid ")), None)
    if head in (None, "(initial)"):
        return None
    return {"revision": head, "changed": any(not line.startswith("#") for line in lines)}


def _started_from() -> Path:
    """The directory of the program that was started; that of the shell in a notebook."""
    started = getattr(sys.modules.get("__main__"), "__file__", None)
    try:
        return Path(started).resolve().parent if started else Path.cwd()
    except OSError:  # the directory is gone
        return Path(os.sep)


def _versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name in _PACKAGES:
        try:
            found[name.lower()] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name.lower()] = None
    return found


def _devices() -> dict[str, Any]:
    try:
        import jax

        devices = jax.local_devices()
    except (ImportError, RuntimeError):  # no backend can be started
        return {}
    return {"kind": devices[0].device_kind, "platform": devices[0].platform, "count": len(devices)}
