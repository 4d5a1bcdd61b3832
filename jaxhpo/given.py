"""Checks of numbers that a user gives, before anything is traced."""

from __future__ import annotations

from typing import Any


def whole(where: str, **given: tuple[Any, int]) -> None:
    """Refuses what is not a whole number, or less than the least allowed; name to (value, least).

    Raises:
        ValueError: in the form of the call that was made: argument, value and what it must be.
    """
    for name, (value, least) in given.items():
        if isinstance(value, bool) or not hasattr(value, "__index__") or value < least:
            raise ValueError(
                f"{where}({name}=...) must be a whole number, at least {least}, got "
                f"{name}={value!r}"
            )
