"""Whose states a trial was trained from, where a scheduler lets trials go on as copies of others.

A trial's history (`jaxhpo.trial.Trial.history`) says at which unit it took whose state, and with
which configuration it had been trained until then. So its training is a row of *legs*, each begun
at the state in which another trial's leg ended, and from the records alone all of it can be trained
again: the legs of the trial itself, and of the others those that lead to a state it took.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from jaxhpo.trial import Trial


@dataclasses.dataclass(frozen=True, kw_only=True)
class Leg:
    """A trial trained with one configuration.

    Attributes:
        trial: as it was then. start, end: after which of its units the leg begins and ends.
        source: the leg at whose end it begins, or None: at the trial's beginning.
    """

    trial: Trial
    start: int
    end: int
    source: Leg | None

    @property
    def place(self) -> tuple[int, int]:
        """What tells it from all other legs of a study: the trial's number and the end."""
        return self.trial.number, self.end


def legs(trials: Sequence[Trial], number: int) -> list[Leg]:
    """All legs of a trial and those they rest on, each after the one at whose end it begins.

    Raises:
        ValueError: if the trial took the state of one that the records don't hold that far.
    """
    found: dict[tuple[int, int], Leg] = {}
    trial = trials[number]
    for end in [*(change["unit"] for change in trial.history), trial.units]:
        _leg(trials, number, end, found)
    return list(found.values())


def _leg(
    trials: Sequence[Trial], number: int, end: int, found: dict[tuple[int, int], Leg]
) -> Leg | None:
    """The leg that ends after `end` units, before anything was changed there; None for no unit."""
    if (number, end) in found or end == 0:
        return found.get((number, end))
    trial = trials[number]
    if trial.units < end:
        raise ValueError(
            f"the records hold {trial.units} units of trial {number}, but another took its state "
            f"after {end}; run the study again"
        )
    before = [change for change in trial.history if change["unit"] < end]
    after = [change for change in trial.history if change["unit"] >= end]
    source, start = None, 0
    if before:
        start = before[-1]["unit"]
        source = _leg(trials, before[-1]["source"], start, found)
    config = after[0]["config"] if after else trial.config
    leg = Leg(trial=dataclasses.replace(trial, config=config), start=start, end=end, source=source)
    found[leg.place] = leg
    return leg
