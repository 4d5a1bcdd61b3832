"""Checks a domain when a space is made of it, and brings it into its normal form.

Every error is a `SpaceError` that names the argument, the parameter, the value and the way out.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any, get_args

import numpy as np

from jaxhpo.space.domains import (
    DOMAINS,
    Choice,
    Constant,
    Domain,
    Float,
    Int,
    Natural,
    is_number,
    plain,
    refused,
    same,
    traceable,
)

NATURAL = get_args(Natural)
LARGEST, SMALLEST = (float(x) for x in (np.finfo(np.float32).max, np.finfo(np.float32).tiny))
INT32 = np.iinfo(np.int32)
UNORDERED = str | bytes | Mapping | set | frozenset  # no list of choices, though one can iterate


def checked(domain: Domain, name: str) -> Domain:
    """The domain in its normal form: plain Python values, `static` decided.

    Raises:
        SpaceError: what is wrong with it, for the parameter called `name`.
    """
    if isinstance(domain, Constant):
        return Constant(_constant(domain, name))
    if domain.when is not None and not isinstance(domain.when, Mapping):
        fix = "write when={'parent': value}"
        raise refused(domain, name, "when", "map parents to values", repr(domain.when), fix)
    _flags(domain, name)
    if isinstance(domain, Float):
        return _float(domain, name)
    if isinstance(domain, Int):
        return _int(domain, name)
    if isinstance(domain, Choice):
        return _choice(domain, name)
    return domain


def _flags(domain: Domain, name: str) -> None:
    for flag in ("log", "ordered", "static"):
        value = getattr(domain, flag, False)
        if not isinstance(value, bool) and not (value is None and isinstance(domain, Choice)):
            fix = f"write {flag}=True or {flag}=False"
            raise refused(domain, name, flag, "be True or False", repr(value), fix)
    natural = getattr(domain, "natural", "neither")
    if natural not in NATURAL:
        fix = "name the bounds that can't be moved, if any"
        raise refused(domain, name, "natural", f"be one of {NATURAL}", repr(natural), fix)


def _number(domain: Float | Int, name: str, argument: str) -> float | int:
    value = plain(getattr(domain, argument))
    whole = isinstance(domain, Int)
    must = "be a whole number" if whole else "be a number"
    if not is_number(value):
        fix = "use Bool() for False and True" if isinstance(value, bool) else "write a number"
        raise refused(domain, name, argument, must, repr(value), fix)
    if not _is_finite(value):
        fix = "write a finite number" + ("" if argument == "step" else ", a bound that you believe")
        raise refused(domain, name, argument, "be finite", repr(value), fix)
    if whole and value != int(value):
        fix = f"write {round(value)}, or use Float"
        raise refused(domain, name, argument, must, repr(value), fix)
    return int(value) if whole else float(value)


def _is_finite(value: float | int) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an int beyond every float
        return False


def _bounds(domain: Float | Int, name: str) -> tuple[Any, Any]:
    low, high = _number(domain, name, "low"), _number(domain, name, "high")
    got = f"low={low!r}, high={high!r}"
    if low >= high:
        fix = "swap them" if low > high else f"write the value alone for a constant: {name}={low!r}"
        raise refused(domain, name, "low", "be below high", got, fix)
    if domain.log and low <= 0:
        least = 1 if isinstance(domain, Int) else float(f"{min(abs(high) * 1e-3, 1e-6):.1g}")
        fix = f"write a low such as {least!r}, or drop log=True" if high > 0 else "drop log=True"
        raise refused(domain, name, "low", "be above 0 with log=True", got, fix)
    return low, high


def _float(domain: Float, name: str) -> Float:
    low, high = _bounds(domain, name)
    got = f"low={low!r}, high={high!r}"
    if max(abs(low), abs(high)) > LARGEST or (domain.log and low < SMALLEST):
        fix = "search its logarithm, or another unit"
        raise refused(domain, name, "low, high", "fit float32 (1.2e-38 to 3.4e38)", got, fix)
    if np.float32(low) == np.float32(high):
        fix = "widen the range, or search the difference to a constant"
        raise refused(domain, name, "low, high", "differ in float32", got, fix)
    step = None
    if domain.step is not None:
        step = _step(domain, name, low, high)
        finest = float(np.spacing(np.float32(max(abs(low), abs(high)))))
        if step < finest and not domain.static:
            fix = "widen the step, or drop it"
            must = f"be at least {finest:.2g}, what float32 can tell apart between the bounds"
            raise refused(domain, name, "step", must, f"step={step!r}", fix)
    elif domain.static:
        fix = "give it a step, use Choice([...]), or leave it traced"
        must = "be False without a step, or there would be endless programs"
        raise refused(domain, name, "static", must, "static=True", fix)
    return dataclasses.replace(domain, low=low, high=high, step=step)


def _step(domain: Float | Int, name: str, low: float, high: float) -> float | int:
    step = _number(domain, name, "step")
    got = f"low={low!r}, high={high!r}, step={step!r}"
    if step <= 0:
        fix = "write the distance between two neighbours"
        raise refused(domain, name, "step", "be above 0", f"step={step!r}", fix)
    if domain.log and isinstance(domain, Float):
        fix = "drop one of the two, or list the values: Choice([...], ordered=True)"
        raise refused(domain, name, "step", "be None with log=True", f"step={step!r}", fix)
    steps = (high - low) / step
    if steps < 0.5 or abs(steps - round(steps)) > 1e-9 * max(1.0, steps):
        below = low + math.floor(steps) * step
        above = low + math.ceil(steps) * step
        highs = [f"high={h:.12g}" for h in (below, above) if h > low]
        fix = f"write {' or '.join(highs)}, or another step"
        raise refused(domain, name, "step", "divide high - low", got, fix)
    return step


def _int(domain: Int, name: str) -> Int:
    low, high = _bounds(domain, name)
    if not domain.static and not (INT32.min <= low and high <= INT32.max):
        fix = "search its logarithm or a multiple of it, or declare static=True"
        got = f"low={low}, high={high}"
        raise refused(domain, name, "low, high", "fit int32", got, fix)
    step = None if domain.step is None else _step(domain, name, low, high)
    if domain.log and step is not None and 2 * low <= step:
        fix = f"write a low above {step // 2}, a smaller step, or Choice([...], ordered=True)"
        got = f"low={low}, step={step}"
        raise refused(domain, name, "low", "be above half a step with log=True", got, fix)
    return dataclasses.replace(domain, low=low, high=high, step=None if step == 1 else step)


def _constant(domain: Constant, name: str) -> Any:
    value = plain(domain.value)
    try:
        hash(value)
    except TypeError:
        fix = "write Choice([...]) to search it, or a tuple for a constant"
        raise refused(domain, name, "value", "be hashable", repr(value), fix) from None
    if isinstance(value, type) and issubclass(value, DOMAINS):
        raise refused(
            domain, name, "value", "be a value", value.__name__, f"call it: {value.__name__}(...)"
        )
    _finite(domain, name, "value", value)
    return value


def _finite(domain: Domain, name: str, argument: str, value: Any) -> None:
    if not _all_finite(value):
        fix = "write a finite number, or None with a meaning of your own"
        raise refused(domain, name, argument, "be finite", repr(value), fix)


def _all_finite(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_all_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def _choice(domain: Choice, name: str) -> Choice:
    values = domain.choices
    if isinstance(values, UNORDERED) or not isinstance(values, Iterable):
        fix = "write a list: Choice([a, b])"
        raise refused(domain, name, "choices", "be a list of values", repr(values), fix)
    values = tuple(plain(v) for v in values)
    if not values:
        fix = "give it a value, or drop the parameter"
        raise refused(domain, name, "choices", "hold a value", "[]", fix)
    seen: dict[Any, Any] = {}
    for value in values:
        try:
            hash(value)
        except TypeError:
            fix = "write a tuple instead of a list, or a name that the task looks up"
            raise refused(domain, name, "choices", "be hashable", repr(value), fix) from None
        _finite(domain, name, "choices", value)
        if value in seen:
            twin = seen[value]
            fix = (
                "drop one" if same(twin, value) else "drop or rename one: Python takes them for one"
            )
            got = f"{twin!r} and {value!r}"
            raise refused(domain, name, "choices", "all be different", got, fix)
        seen[value] = value
    static = not traceable(values) if domain.static is None else domain.static
    if not static:
        _traced(domain, name, values)
    return dataclasses.replace(domain, choices=values, static=static)


def _traced(domain: Choice, name: str, values: tuple[Any, ...]) -> None:
    got = repr(list(values))
    if not traceable(values):
        fix = "drop static=False"
        must = "all be numbers (or all bools) with static=False"
        raise refused(domain, name, "choices", must, got, fix)
    if all(isinstance(v, int) for v in values):
        if not all(INT32.min <= v <= INT32.max for v in values):
            fix = "declare static=True"
            raise refused(domain, name, "choices", "fit int32", got, fix)
    elif max(map(abs, values)) > LARGEST or len(set(map(np.float32, values))) < len(values):
        fix = "declare static=True, or write other numbers"
        raise refused(domain, name, "choices", "fit float32 and differ there", got, fix)
