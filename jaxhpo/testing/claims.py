"""How a check says what does not hold: AssertionError with what was expected, also under ``-O``."""

from __future__ import annotations

from typing import Any


def holds(claim: bool, what: str) -> None:
    """Raises AssertionError with `what` unless the claim is true."""
    if not claim:
        raise AssertionError(what)


def equal(found: Any, expected: Any, what: str) -> None:
    """Raises AssertionError with both values unless they are equal."""
    if found != expected:
        raise AssertionError(f"{what}: expected {expected!r:.300}, got {found!r:.300}")
