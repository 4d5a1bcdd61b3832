"""What processes that tests start have in common."""

from __future__ import annotations

import os

# A program compiled in one piece, not in 32 for as many threads, takes a quarter less of what the
# workers have, processor time; what it computes is the same to the bit.
IN_ONE_PIECE = "--xla_cpu_parallel_codegen_split_count=1"


def environment(devices: int = 1, **more: str) -> dict[str, str]:
    """The variables of a process that finds so many devices, those of this one otherwise."""
    flags = f"{IN_ONE_PIECE} --xla_force_host_platform_device_count={devices}"
    return {**os.environ, "XLA_FLAGS": flags, **more}
