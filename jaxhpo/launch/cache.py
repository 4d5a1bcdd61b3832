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
    jax.config.update("jax_compilation_cache_dir", os.path.join(home, "jaxhpo", "programs"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
