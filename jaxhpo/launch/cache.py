"""Keeps compiled programs on disk, so that the next run of an experiment starts at once."""

from __future__ import annotations

import os
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
    jax.config.update("jax_compilation_cache_dir", where)
    # Many small programs take as long as a large one, so all are kept.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
