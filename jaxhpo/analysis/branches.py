"""The branches of a conditional space, in each of which a fixed set of parameters is active.

A parameter's branch is the trials in which it was active; what it does can only be compared there.
Parameters without a condition share one branch, all trials.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxhpo.analysis.activity import same
from jaxhpo.analysis.sample import Sample
from jaxhpo.space import Constant, Space

Chain = dict[str, tuple[Any, ...]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Branch:
    """Attributes:
    when: parent to the values that it has in this branch, grandparents included; empty: all.
    own: the parameters that are active in exactly this branch.
    names: all that are active everywhere in it, `own` included, in the order of the columns.
    """

    when: Mapping[str, tuple[Any, ...]]
    own: tuple[str, ...]
    names: tuple[str, ...]

    @property
    def label(self) -> str:
        """The branch in words: "all trials", or "kind = sgd, depth = 2 or 3"."""
        if not self.when:
            return "all trials"
        parts = (f"{p} = {' or '.join(map(str, values))}" for p, values in self.when.items())
        return ", ".join(parts)

    def rows(self, sample: Sample) -> np.ndarray:
        """bool [n], the trials of the branch."""
        return ~np.isnan(sample.units[:, sample.column(self.own[0])])


def branches(space: Space) -> tuple[Branch, ...]:
    """All branches, the one of all trials first."""
    chains = {name: chain(space, name) for name in space.names}
    found: list[tuple[Chain, list[str]]] = [({}, [])]
    for name in space.names:
        known = next((own for when, own in found if _equal(when, chains[name])), None)
        if known is None:
            found.append((chains[name], [name]))
        else:
            known.append(name)
    return tuple(
        Branch(
            when=when,
            own=tuple(own),
            names=tuple(n for n in space.names if _implied(chains[n], when)),
        )
        for when, own in found
        if own
    )


def chain(space: Space, name: str) -> Chain:
    """Every condition that a parameter needs, its parents' own included; constants left out."""
    found: Chain = {}
    for parent, wanted in (space.parameters[name].when or {}).items():
        if isinstance(space.parameters[parent], Constant):
            continue
        values = tuple(wanted) if isinstance(wanted, list) else (wanted,)
        for other, held in [*chain(space, parent).items(), (parent, values)]:
            before = found.get(other)
            found[other] = held if before is None else tuple(v for v in before if _in(v, held))
    return found


def _in(value: Any, values: tuple[Any, ...]) -> bool:
    return any(same(value, other) for other in values)


def _implied(needed: Chain, given: Chain) -> bool:
    return all(p in given and all(_in(v, needed[p]) for v in given[p]) for p in needed)


def _equal(a: Chain, b: Chain) -> bool:
    return _implied(a, b) and _implied(b, a)
