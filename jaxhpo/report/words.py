"""Numbers and names as a report writes them. One number looks the same wherever it stands."""

from __future__ import annotations

import math
from typing import Any

from jaxhpo.analysis.estimate import Estimate
from jaxhpo.analysis.parameters import Parameter

UNKNOWN = "unknown"


def number(value: float | None) -> str:
    """Five significant digits, or "unknown"; 0 has no sign."""
    return UNKNOWN if value is None or not math.isfinite(value) else f"{value + 0.0:.5g}"


def strength(value: float | None) -> str:
    """A correlation or a share: two decimals."""
    return UNKNOWN if value is None else f"{round(value, 2) + 0.0:.2f}"


def chance(value: float | None) -> str:
    """A p- or q-value: two significant digits."""
    return UNKNOWN if value is None else f"{value:.2g}"


def estimate(value: Estimate) -> str:
    """A number with its 95 % interval, or the end of it that it has."""
    if value.value is not None and value.low is not None and value.high is None:
        return f"{strength(value.value)} (at least {strength(value.low)})"
    if value.value is None or value.low is None or value.high is None:
        return strength(value.value)
    return f"{strength(value.value)} ({strength(value.low)} to {strength(value.high)})"


def interval(value: Estimate, unit: str = "") -> str:
    """The same with as many digits as the objective has; `unit` stands behind the value."""
    if value.low is None or value.high is None:
        return number(value.value) + unit
    return f"{number(value.value)}{unit} ({number(value.low)} to {number(value.high)})"


def percent(value: float) -> str:
    """0 to 1 as a percentage without decimals."""
    return f"{100 * value:.0f} %"


def count(value: int) -> str:
    """A whole number with commas."""
    return f"{value:,}"


def trials(n: int, kind: str = "") -> str:
    """ "1 complete trial", "2,000 trials"."""
    return f"{n:,} {kind + ' ' if kind else ''}trial{'' if n == 1 else 's'}"


def duration(seconds: float | None) -> str:
    """Seconds as a person would say them."""
    if seconds is None:
        return UNKNOWN
    if seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def setting(value: Any) -> str:
    """A parameter's value; numbers with seven significant digits."""
    if isinstance(value, float):
        return f"{value:.7g}"
    return value if isinstance(value, str) else repr(value)


def brief(value: Any) -> str:
    """The same with four significant digits, for a table of many."""
    return f"{value:.4g}" if isinstance(value, float) else setting(value)


def short(name: str, longest: int) -> str:
    """A long name without its middle."""
    if len(name) <= longest:
        return name
    head = (longest - 1) // 2
    return f"{name[:head]}…{name[len(name) - (longest - 1 - head) :]}"


def listed(names: list[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


PHASES = {"explore": "exploring", "given": "given by the user", "model": "proposed by the model"}
"""How a trial was chosen (`jaxhpo.trial.Phase`), in the order of drawing."""

_NAMED = 8  # names in one sentence; the table has them all


def some(names: list[str]) -> str:
    """The same, with no more than a few names."""
    if len(names) <= _NAMED + 1:
        return listed(names)
    return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} others"


MANY = 6  # values of a choice, from which a table that is about something else names a few


def domain(p: Parameter, *, most: int | None = None) -> str:
    """A parameter's domain; of a choice of more than `most` values the first and the last."""
    if p.kind == "constant":
        return "constant"
    if p.low is None or p.high is None:
        shown = [setting(v) for v in p.values]
        if most is not None and len(shown) > most:
            return f"{len(shown)} values, {shown[0]} to {shown[-1]}"
        return ", ".join(shown)
    scale = ", log" if p.log else ""
    step = "" if p.step in (None, 1) else f", step {p.step:g}"
    whole = "whole numbers " if p.kind == "int" else ""
    return f"{whole}{setting(p.low)} to {setting(p.high)}{scale}{step}"
