"""What the spectral experiment can be told. Light, so that ``--help`` is quick."""

from __future__ import annotations

import dataclasses
from typing import Literal

from jaxhpo.launch import option

TRIALS = 2048
"""How many trials the search has where nothing else is said; the report it follows had 50."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Options of the experiment; each becomes a flag."""

    search: Literal["seed", "wide"] = option(
        "seed", "which space is searched: the grid of 1,492,992 settings, or ranges around it"
    )
    epochs: tuple[int, ...] = option((100, 200, 400), "most epochs of a trial, those tried")
    loss_weight: float = option(
        1.0, "of the colour head in the loss, where it is not searched", least=0.0
    )
    data_seed: int = option(0, "of the films: what is mixed, its errors, which are for testing")
    split_seed: int = option(0, "of the choice of films for validation among the others")
    validation: int = option(14, "films for validation; 17 are for testing, 84 there are", least=2)
    baseline: bool = option(
        True, "also search a simple model with as many trials, and compare on the test films"
    )


SMOKE = {"trials": 24, "epochs": (2, 4)}
"""What --smoke sets: the whole line in a short time."""
