"""Which parameters go with the objective, and whether that can be told at all.

For a parameter with an order, Spearman's rank correlation; for one without, the share of the ranks'
variance between its groups (epsilon squared of Kruskal and Wallis 1952; Tomczak and Tomczak 2014).
P-values come only from trials whose configuration was chosen without looking at results; trials of
an adaptive sampler are not independent, and what is computed from them describes them, no more.
The false discovery rate over all parameters is controlled after Benjamini and Hochberg 1995.
"""

# pandas types a column as anything that indexing may give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportGeneralTypeIssues=false

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pandas as pd
from scipy import stats

from jaxhpo.analysis.slices import coordinates
from jaxhpo.cube import Kind
from jaxhpo.space import Space

FEWEST = 25  # independent trials, below which nothing is tested
RATE = 0.05  # false discovery rate


@dataclasses.dataclass(frozen=True, kw_only=True)
class Association:
    """One parameter and the objective.

    Attributes:
        parameter: its name. ordered: whether `strength` has a sign.
        n: complete trials in which it was active. strength: Spearman's rho (ordered), or epsilon
            squared (0 to 1), over these; descriptive where any was chosen adaptively; None if it
            can't be computed.
        independent: how many of the n were chosen without looking at results.
        rho_independent: the same measure over those, p: its two-sided p-value, q: p after
            Benjamini and Hochberg over all parameters; None where it is not tested.
        verdict: "associated" (q at most 0.05), "not identifiable", or "not tested".
        reason: why it is not tested, or "".
    """

    parameter: str
    ordered: bool
    n: int
    strength: float | None
    independent: int
    rho_independent: float | None
    p: float | None
    q: float | None
    verdict: str
    reason: str


def associations(table: pd.DataFrame, space: Space) -> tuple[Association, ...]:
    """Every searched parameter of the space, the strongest first."""
    complete = table[(table["status"] == "complete") & table["value"].notna()]
    drafts = [_draft(complete, space, name) for name in space.names]
    tested = [d for d in drafts if d.p is not None]
    if tested:
        q = stats.false_discovery_control([d.p for d in tested])
        adjusted = {d.parameter: float(value) for d, value in zip(tested, q, strict=True)}
        drafts = [
            dataclasses.replace(
                d,
                q=adjusted[d.parameter],
                verdict="associated" if adjusted[d.parameter] <= RATE else "not identifiable",
            )
            if d.parameter in adjusted
            else d
            for d in drafts
        ]
    return tuple(sorted(drafts, key=lambda d: -abs(d.strength or 0.0)))


def _draft(complete: pd.DataFrame, space: Space, name: str) -> Association:
    kind = space.layout.kinds[space.names.index(name)]
    active = complete[complete[f"param.{name}"].notna()]
    free = active[active["phase"] == "explore"]
    ordered = kind is not Kind.CATEGORY
    strength, _ = _measured(active, space, name, ordered)
    reason = ""
    if len(free) < FEWEST:
        reason = (
            f"{len(free)} of its trials were chosen without looking at results, {FEWEST} are needed"
        )
    elif free["value"].nunique() < 2:
        reason = "all of these trials have the same value"
    rho, p = (None, None) if reason else _measured(free, space, name, ordered)
    if not reason and p is None:
        reason = "it has a single value in these trials"
    return Association(
        parameter=name,
        ordered=ordered,
        n=len(active),
        strength=strength,
        independent=len(free),
        rho_independent=rho,
        p=p,
        q=None,
        verdict="not tested",
        reason=reason,
    )


def _measured(
    rows: pd.DataFrame, space: Space, name: str, ordered: bool
) -> tuple[float | None, float | None]:
    """Strength and p-value, or None where there is nothing to compare."""
    value = rows["value"].to_numpy(float)
    given = rows[f"param.{name}"]
    if len(rows) < 3 or len(set(value.tolist())) < 2 or given.map(repr).nunique() < 2:
        return None, None
    if ordered:
        rho, p = stats.spearmanr(coordinates(space.parameters[name], given), value)
        return float(rho), float(p)
    groups = [value[(given.map(repr) == key).to_numpy()] for key in given.map(repr).unique()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        h, p = stats.kruskal(*groups)
    if not np.isfinite(h):
        return None, None
    # Epsilon squared, H / (n - 1), is between 0 and 1.
    return float(h / (len(value) - 1)), float(p)
