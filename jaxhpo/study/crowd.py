"""Whether a study needs so many programs that compiling them may be most of its work."""

from __future__ import annotations

_FEW = 8  # trials a program, below which compiling is worth a word
_MANY = 8  # programs, up to which it is not


class ManyPrograms(UserWarning):
    """A study has few trials for each program that it must compile."""


def crowded(programs: int, trials: int) -> str | None:
    """What to say of a study of so many trials that needs so many programs, or None."""
    if programs <= max(_MANY, trials // _FEW):
        return None
    return (
        f"That is a program to compile for every {trials / programs:.2g} trials: compiling may "
        "take longer than training. Search fewer structures, or more trials."
    )
