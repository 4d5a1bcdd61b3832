"""Estimates the arithmetic of a program from its trace, without compiling it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.extend import core


class Work(NamedTuple):
    """operations: floating-point operations of one call. equations: how many equations the program
    has, each counted once, by which its compilation takes longer. turns: how many equations one
    call goes through, by which small arrays take their time."""

    operations: float
    equations: int
    turns: float


def work(fn: Callable[..., Any], *shapes: Any) -> Work:
    """What one call is, roughly: matrix products and convolutions exactly, everything else an
    operation an element. Loops count as often as they turn, where that is known.
    """
    jaxpr = jax.make_jaxpr(fn)(*shapes).jaxpr
    return Work(_work(jaxpr), _equations(jaxpr), _turns(jaxpr))


def _inner(equation: Any) -> list[Any]:
    return [part for value in equation.params.values() for part in _jaxprs(value)]


def _equations(jaxpr: Any) -> int:
    return sum(1 + sum(map(_equations, _inner(equation))) for equation in jaxpr.eqns)


def _turns(jaxpr: Any) -> float:
    found = 0.0
    for equation in jaxpr.eqns:
        within = _inner(equation)
        each = sum(map(_turns, within)) * equation.params.get("length", 1)
        found += each if within else 1.0
    return found


def _work(jaxpr: Any) -> float:
    return sum(_equation(equation) for equation in jaxpr.eqns)


def _equation(equation: Any) -> float:
    name, params = equation.primitive.name, equation.params
    out = float(sum(np.prod(v.aval.shape) for v in equation.outvars if hasattr(v.aval, "shape")))
    if name == "dot_general":
        (contracted, _), _ = params["dimension_numbers"]
        shape = equation.invars[0].aval.shape
        return 2.0 * out * float(np.prod([shape[i] for i in contracted]))
    if name == "conv_general_dilated":
        kernel = equation.invars[1].aval.shape
        channels = kernel[params["dimension_numbers"].rhs_spec[0]]
        return 2.0 * out * float(np.prod(kernel)) / channels
    if name == "scan":
        return params["length"] * _work(params["jaxpr"].jaxpr)
    if name == "cond":
        return max(_work(branch.jaxpr) for branch in params["branches"])
    inner = _inner(equation)
    return sum(map(_work, inner)) if inner else out


def _jaxprs(value: Any) -> list[Any]:
    if isinstance(value, core.ClosedJaxpr):
        return [value.jaxpr]
    if isinstance(value, core.Jaxpr):
        return [value]
    return [part for item in value for part in _jaxprs(item)] if isinstance(value, tuple) else []
