"""What is shown while a study runs."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest

from jaxhpo.launch.progress import Live, Plain, display, duration, line, rounded
from jaxhpo.study.snapshot import Snapshot
from jaxhpo.trial import Phase, Status, Trial

BEST = Trial(
    number=7,
    config={},
    point=np.zeros(1, np.float32),
    phase=Phase.MODEL,
    known=0,
    budget=1,
    metrics={"accuracy": 0.98765},
)
SNAPSHOT = Snapshot(
    trials=100,
    counts={**dict.fromkeys(Status, 0), Status.COMPLETE: 40, Status.STOPPED: 8, Status.DIVERGED: 2},
    best=BEST,
    objective="accuracy",
    maximize=True,
    useful=0.934,
    units_per_second=1234.0,
    steps_per_second=56789.0,
    elapsed=12.0,
    remaining=75.0,
    cohorts=3,
    lanes=24,
)


def test_a_line_says_everything_that_is_asked():
    assert line(SNAPSHOT) == (
        "50/100 trials, 8 stopped, 2 diverged, best accuracy 0.98765 (trial 7), "
        "93% of lane-units useful, 56,800 member-steps/s, 1 min 15 s left"
    )


def test_what_is_not_known_is_left_out():
    blank = dataclasses.replace(
        SNAPSHOT, best=None, units_per_second=0.0, steps_per_second=None, remaining=None
    )
    assert line(blank) == "50/100 trials, 8 stopped, 2 diverged"
    units = dataclasses.replace(SNAPSHOT, steps_per_second=None)
    assert "1,230 units/s" in line(units)


def test_plain_lines_come_now_and_then_and_at_the_end():
    out = io.StringIO()
    shown = Plain(out, every=1e9)
    for _ in range(5):
        shown(SNAPSHOT)
    assert out.getvalue() == ""
    shown.close()
    assert out.getvalue() == line(SNAPSHOT) + "\n"
    often = Plain(out, every=0.0)
    often(SNAPSHOT)
    assert out.getvalue().count("\n") == 2
    assert "\r" not in out.getvalue()


def test_a_terminal_gets_a_live_line():
    console = pytest.importorskip("rich.console").Console(
        file=io.StringIO(), force_terminal=True, width=200, record=True
    )
    shown = Live(console)
    shown(SNAPSHOT)
    shown.close()
    assert "50/100 trials, 8 stopped" in console.export_text()


def test_what_is_no_terminal_gets_plain_lines():
    assert isinstance(display(io.StringIO()), Plain)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59, "59 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"), [(3.14159, "3.14"), (99, "99"), (1234, "1,230"), (56789, "56,800")]
)
def test_rounded_numbers(value, text):
    assert rounded(value) == text
