"""Learning rates over a trial's own budget: the share of the learning rate at each step, by a name
that may be traced, of a length that may be traced.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from jaxhpo.option import choices, distinct, mapped, number, select

_CYCLE_START = 1 / 25  # of a one-cycle schedule, and of its end another ten thousandth
_STEPS_AT = (1 / 3, 2 / 3, 8 / 9)  # of the budget: epochs 30, 60 and 80 of 90


class _Kind(NamedTuple):
    warmup: float
    final: float


_KINDS = {
    "none": _Kind(0.0, 1.0),
    "constant": _Kind(0.0, 1.0),
    "linear": _Kind(0.0, 0.0),
    "cosine": _Kind(0.0, 0.0),
    "warmup_cosine": _Kind(0.05, 0.0),
    "one_cycle": _Kind(0.3, _CYCLE_START * 1e-4),
    "exponential": _Kind(0.0, 0.01),
    "step": _Kind(0.0, 0.1),
}
SCHEDULES = tuple(_KINDS)


def schedule(kind: Any, step: Any, steps: Any, *, warmup: Any = None, final: Any = None) -> Array:
    """What the learning rate is multiplied with at a step, float32.

    none, constant   1
    linear           falls from 1 to `final` along a line
    cosine           along half a cosine (Loshchilov and Hutter 2017, "SGDR", equation 5, one cycle)
    warmup_cosine    the same, with a warm-up of 5 % unless `warmup` says otherwise
    one_cycle        rises from 1/25 to 1 in the first 30 % (or `warmup`), then falls to `final`, by
                     default 1/250,000; both along half a cosine (Smith and Topin 2018,
                     "Super-Convergence", whose lines PyTorch and optax replaced by cosines)
    exponential      falls by equal factors to `final`, by default 1 %
    step             is multiplied with `final`, by default 0.1, at 1/3, 2/3 and 8/9 of the steps
                     (Goyal et al. 2017, section 5.1: epochs 30, 60 and 80 of 90)

    Before all but one_cycle the learning rate may warm up: it rises in equal steps and is whole at
    the last of the first ``warmup * steps`` (gradual warm-up, Goyal et al. 2017, section 2.2, from
    nothing); what falls then falls over the rest of the steps.

    Args:
        kind: one of the names, None for "none", or an `Option` of these.
        step: which step, from 0; an integer, usually traced.
        steps: how many there are in all; a number, an `Option`, or traced. None will do where
            the learning rate is constant.
        warmup: share of the steps, in [0, 1); may be traced.
        final: what is left at the end; may be traced.

    Raises:
        ValueError: if there is no such schedule, or `steps` is needed and missing.
    """
    kind = distinct(mapped(kind, lambda name: name or "none"))
    for name in choices(kind):
        if name not in _KINDS:
            raise ValueError(f"schedule(kind=...) must be one of {', '.join(_KINDS)}, got {name!r}")
    flat = set(choices(kind)) <= {"none", "constant"}
    if flat and warmup is None:
        return jnp.ones((), jnp.float32)
    if steps is None:
        raise ValueError(
            f"schedule(steps=...) must be given for kind={choices(kind)}: the schedule ends with "
            "the trial's last step"
        )
    warmup = mapped(kind, lambda name: _KINDS[name].warmup) if warmup is None else warmup
    final = mapped(kind, lambda name: _KINDS[name].final) if final is None else final
    at, end, warmup, final = (
        jnp.asarray(number(value), jnp.float32) for value in (step, steps, warmup, final)
    )

    def share(name: str) -> Array:
        return _share(name, at, end, warmup * end, final)

    return select(kind, share)


def _share(name: str, at: Array, end: Array, rising: Array, final: Array) -> Array:
    """The share at step `at` of `end`, of which `rising` are for warming up."""
    ramp = jnp.minimum(1.0, (at + 1.0) * (1.0 / jnp.maximum(rising, 1.0)))
    gone = jnp.clip((at - rising) * (1.0 / jnp.maximum(end - rising, 1.0)), 0.0, 1.0)

    if name in {"none", "constant"}:
        return ramp
    if name == "linear":
        return ramp * (1.0 + (final - 1.0) * gone)
    if name in {"cosine", "warmup_cosine"}:
        return ramp * (final + (1.0 - final) * _falling(gone))
    if name == "one_cycle":
        risen = jnp.clip(at * (1.0 / jnp.maximum(rising, 1.0)), 0.0, 1.0)
        up = _CYCLE_START + (1.0 - _CYCLE_START) * _falling(1.0 - risen)
        return jnp.where(at < rising, up, final + (1.0 - final) * _falling(gone))
    if name == "exponential":
        return ramp * final**gone
    passed = at[None] * (1.0 / end)[None] >= jnp.asarray(_STEPS_AT)
    return ramp * final ** passed.sum().astype(jnp.float32)


def _falling(gone: Array) -> Array:
    """From 1 at 0 to 0 at 1, along half a cosine."""
    return 0.5 * (1.0 + jnp.cos(jnp.pi * gone))
