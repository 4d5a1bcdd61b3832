"""Keeps compiled programs on disk, so that the next run of an experiment starts at once."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def keep_programs() -> None:
    """Switches JAX's compilation cache on, unless the user has set it up in another way.

    A program that comes from the cache is the one that was compiled: the results are the same.
    """
    import jax

    set_up = getattr(jax.config, "jax_compilation_cache_dir", None)
    if set_up or os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        return
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(Path.home(), ".cache")
    where = os.path.join(home, "jaxhpo", "programs")
    try:
        os.makedirs(where, exist_ok=True)
    except OSError:  # a home that can't be written: every run compiles
        return
    _swept(Path(where))
    jax.config.update("jax_compilation_cache_dir", where)
    # Many small programs take as long as a large one, so all are kept.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)


def _swept(where: Path) -> None:
    """Removes programs of which a process that was killed had written a part. JAX can't read such a
    file, and doesn't write it again: every later run would warn and compile.

    Looked at are the files written since this was done last.
    """
    try:
        from jax._src.compilation_cache import decompress_executable as unpacked
    except ImportError:  # no part of JAX's promised interface: it may be gone
        return
    stamp = where / "swept"
    try:
        since = stamp.stat().st_mtime if stamp.exists() else 0.0
        stamp.touch()
        for file in where.glob("*-cache"):
            if file.stat().st_mtime >= since and not _whole(unpacked, file.read_bytes()):
                file.unlink(missing_ok=True)
    except OSError:  # not ours to write, or swept by another process just now
        return


def _whole(unpacked: Callable[[bytes], bytes], packed: bytes) -> bool:
    try:
        unpacked(packed)
    except Exception:  # of whichever library packed it
        return False
    return True
