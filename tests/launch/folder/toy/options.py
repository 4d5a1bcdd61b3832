"""What the toy can be told: an option of every type."""

from __future__ import annotations

import dataclasses
from typing import Literal

from jaxhpo.launch import option


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Options of the toy."""

    center: tuple[float, ...] = option((0.25, 0.75), "where the bowl is lowest")
    noise: float = option(0.01, "standard deviation of what is added", least=0.0)
    work: int = option(0, "rounds of idle arithmetic", least=0)
    power: Literal[2, 4] = option(2, "how steep the bowl is")
    label: str | None = option(None, "what to call it")
    fault: Literal["none", "said", "slip", "module"] = option("none", "what goes wrong in build")
    broken: bool = option(False, "let every trial fail")

    def __post_init__(self) -> None:
        """Refuses what can't be."""
        if len(self.center) != 2:
            raise ValueError(f"--center must be two numbers, got {len(self.center)}")


SMOKE = {"trials": 6, "center": (0.5, 0.5)}
