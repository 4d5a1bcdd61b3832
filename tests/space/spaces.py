"""Hypothesis strategies for search spaces, and what holds for every small one by enumeration."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from hypothesis import strategies as st

from jaxhpo import Bool, Choice, Constant, Float, Int, Space, SpaceError
from jaxhpo.cube import FINEST_GRID

VALUES = [None, "adam", "no", "1e-3", "", 0, 1, 2.5, -3, True, (), (64,), (64, (1, "x")), "é"]


def distinct(values: list[Any]) -> list[Any]:
    """The values without those that Python takes for an earlier one."""
    return list(dict.fromkeys(values))


@st.composite
def ints(draw: st.DrawFn, most: int = 10**6) -> Int:
    log = draw(st.booleans())
    step = draw(st.integers(1, 50))
    low = draw(st.integers(step // 2 + 1, 1000) if log else st.integers(-1000, 1000))
    count = draw(st.integers(1, min(most, 20_000 if log else most) - 1))
    return Int(low, low + step * count, log=log, step=draw(st.sampled_from([step, step])))


@st.composite
def stepped(draw: st.DrawFn, most: int = 5000) -> Float:
    places = draw(st.integers(0, 4))
    step = draw(st.integers(1, 30))
    low = draw(st.integers(-1000, 1000))
    high = low + step * draw(st.integers(1, most - 1))
    return Float(*(float(f"{v}e-{places}") for v in (low, high)), step=float(f"{step}e-{places}"))


@st.composite
def continuous(draw: st.DrawFn) -> Float:
    log = draw(st.booleans())
    if log:
        low = draw(st.floats(1e-30, 1e10))
        return Float(low, low * draw(st.floats(1.001, 1e12)), log=True)
    low = draw(st.floats(-1e6, 1e6))
    return Float(low, low + draw(st.floats(1e-3, 1e7)) + abs(low) * 1e-6)


choices = st.builds(
    Choice,
    st.lists(st.sampled_from(VALUES), min_size=1, max_size=5).map(distinct),
    ordered=st.booleans(),
)
constants = st.sampled_from(VALUES).map(Constant)
grids = st.one_of(ints(), stepped(), choices, st.just(Bool()))
domains = st.one_of(grids, continuous(), constants)


@st.composite
def spaces(draw: st.DrawFn, *, small: bool = False, most: int = 6) -> Space:
    """A space with conditions, perhaps nested and with several parents each.

    Args:
        small: only few levels a parameter, so that all configurations can be gone through.
    """
    one = st.one_of(ints(4), stepped(4), choices, st.just(Bool()), constants) if small else domains
    found: dict[str, Any] = {"first": draw(st.one_of(ints(4), choices) if small else grids)}
    for i in range(draw(st.integers(0, most - 1))):
        domain = draw(one)
        if not isinstance(domain, Constant) and draw(st.integers(0, 2)):
            parents = draw(st.sets(st.sampled_from(sorted(found)), max_size=2))
            when = {p: draw(_levels_of(found[p])) for p in sorted(parents) if _fit(found[p])}
            domain = type(domain)(**{**vars(domain), "when": when})
        found[f"p{i}"] = domain
    names = draw(st.permutations(list(found)))
    try:
        return Space({name: found[name] for name in names})
    except SpaceError as error:  # conditions drawn at random may exclude each other
        if "hold for some configuration" not in str(error):
            raise
        return Space({n: d for n, d in found.items() if not getattr(d, "when", None)})


def levels_of(domain: Any) -> list[Any]:
    """All values of a domain that is no continuous float."""
    if isinstance(domain, Constant):
        return [domain.value]
    if isinstance(domain, Bool):
        return [False, True]
    if isinstance(domain, Choice):
        return list(domain.choices)
    if isinstance(domain, Int):
        return list(range(domain.low, domain.high + 1, domain.step or 1))
    count = round((domain.high - domain.low) / domain.step) + 1
    return [round(domain.low + k * domain.step, 6) for k in range(count)]


def _fit(domain: Any) -> bool:
    if isinstance(domain, Float) and domain.step is None:
        return False
    return len(levels_of(domain)) <= FINEST_GRID


def _levels_of(domain: Any) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(levels_of(domain)), min_size=1, max_size=3)


def everything(space: Space) -> list[dict[str, Any]]:
    """Every configuration of a small space, each once, by going through all the levels."""
    positions = [p for p in space.layout.positions]
    points = np.array(list(itertools.product(*positions)), np.float32)
    found = {repr(sorted(c.items())): c for c in space.decode(points)}
    return list(found.values())
