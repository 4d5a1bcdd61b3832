"""Checks of samplers' options, before anything is traced."""

from __future__ import annotations


def reals(where: str, **given: tuple[float, float]) -> None:
    """Refuses what is not a number between 0 and a limit, both left out; name to (value, limit).

    Raises:
        ValueError: in the form of the call that was made.
    """
    for name, (value, limit) in given.items():
        real = isinstance(value, int | float) and not isinstance(value, bool)
        if not real or not 0 < value < limit:
            range_ = "in (0, 1)" if limit == 1 else "a finite number above 0"
            raise ValueError(f"{where}({name}=...) must be {range_}, got {name}={value!r}")
