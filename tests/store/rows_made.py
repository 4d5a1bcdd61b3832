"""Trials made up for the tests of the store."""

from __future__ import annotations

import dataclasses

import numpy as np

from jaxhpo.trial import Phase, Status, Trial

IDENTITY = {"seed": 0, "space": {"lr": {"low": 0.1, "high": 1.0}}, "sampler": "tpe"}


def trial(number: int, **change) -> Trial:
    made = Trial(
        number=number,
        config={"lr": 0.1 + number, "hidden": (64, (32,)), "act": "re|lu", "on": True, "n": None},
        point=np.array([0.25, 1 / 3], np.float32),
        phase=Phase.MODEL,
        known=number // 2,
        budget=3,
        status=Status.COMPLETE,
        units=3,
        loss=-0.1 / 3,
        metrics={"accuracy": 0.1 / 3, "odd": float("nan")},
        curves={"accuracy": np.array([0.1, np.nan, np.inf], np.float32)},
        attempts=1,
        started=1.5,
        finished=2.5,
        seconds=0.25,
    )
    return dataclasses.replace(made, **change)


def check_same(a: Trial, b: Trial) -> None:
    """Every field, to the bit and the type."""
    for one, other in ((a.point, b.point), *((a.curves[n], b.curves[n]) for n in a.curves)):
        assert one.dtype == other.dtype == np.float32
        assert one.tobytes() == other.tobytes()
    assert a.curves.keys() == b.curves.keys()
    plain = [dataclasses.replace(t, point=None, curves={}) for t in (a, b)]  # type: ignore[arg-type]
    assert repr(plain[0]) == repr(plain[1])
