"""What the digits experiment can be told. Light, so that ``--help`` is quick."""

from __future__ import annotations

import dataclasses
from typing import Literal


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Options of the experiment; each becomes a flag."""

    search: Literal["seed", "wide"] = dataclasses.field(
        default="seed", metadata={"help": "which space is searched"}
    )
    min_epochs: int = dataclasses.field(default=5, metadata={"help": "fewest epochs tried"})
    max_epochs: int = dataclasses.field(default=20, metadata={"help": "most epochs tried"})
    split_seed: int = dataclasses.field(
        default=0, metadata={"help": "seed of the split into training, validation and test images"}
    )


SMOKE = {"trials": 24, "min_epochs": 1, "max_epochs": 3}
"""What --smoke sets: the whole line in a few seconds."""
