"""What the digits experiment can be told. Light, so that ``--help`` is quick."""

from __future__ import annotations

import dataclasses
from typing import Literal

from jaxhpo.launch import option


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Options of the experiment; each becomes a flag."""

    search: Literal["seed", "wide"] = option("seed", "which space is searched")
    min_epochs: int = option(5, "fewest epochs tried", least=1)
    max_epochs: int = option(20, "most epochs tried", least=1)
    split_seed: int = option(
        0, "seed of the split into training, validation and test images", least=0
    )


SMOKE = {"trials": 24, "min_epochs": 1, "max_epochs": 3}
"""What --smoke sets: the whole line in a few seconds."""
