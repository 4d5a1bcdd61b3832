"""The files of a bundle that go on being used: the best configuration, observed ranges, spaces."""

from __future__ import annotations

import json
from typing import Any

from jaxhpo.analysis.result import Analysis
from jaxhpo.analysis.slices import Slice

REMOVABLE = (
    "best_config.json",
    "empirical_ranges.yaml",
    "next_space_aggressive.yaml",
    "next_space_conservative.yaml",
)
"""All names that there may be; an older report's are removed where a newer one has none."""


def taken_along(found: Analysis) -> dict[str, str]:
    """Name to text, of those that there is something for."""
    files = {"best_config.json": _best(found), "empirical_ranges.yaml": _ranges(found)}
    if found.summary.best is not None:
        files |= {f"next_space_{space.name}.yaml": space.yaml for space in found.next_spaces}
    return {name: text for name, text in files.items() if text}


def _best(found: Analysis) -> str:
    use = found.chosen
    if use is None:
        return ""
    again = {"fresh": {"n": use.n, "mean": use.fresh.value}} if use.by == "confirm" else {}
    whole = {
        "trial": use.row.number,
        found.summary.objective: use.row.value,
        **again,
        "units": use.row.units,
        "config": dict(use.row.config),
    }
    return json.dumps(whole, indent=2, ensure_ascii=False, default=str) + "\n"


def _ranges(found: Analysis) -> str:
    from jaxhpo.space.yaml_text import dumped

    seen = {s.parameter: _range(s) for s in found.slices if s.x}
    if not seen:
        return ""
    n = found.summary.spread.n
    return f"# What the {n} complete trials tried: observed values, no advice.\n" + dumped(seen)


def _range(one: Slice) -> dict[str, Any]:
    if one.labels:
        counts = {label: one.x.count(place) for place, label in enumerate(one.labels)}
        return {"n": len(one.x), "counts": counts}
    low, high = min(one.x), max(one.x)
    kind = int if one.whole else float
    return {"n": len(one.x), "low": kind(low), "high": kind(high), "log": one.log}
