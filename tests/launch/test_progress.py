"""What is shown while a study runs."""

from __future__ import annotations

import dataclasses
import io
import sys

import numpy as np
import pytest

from jaxhpo.launch.progress import Live, Plain, display, duration, line, pause, rounded
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
    assert line(blank) == "50/100 trials, 8 stopped, 2 diverged, compiling, 12 s"
    units = dataclasses.replace(SNAPSHOT, steps_per_second=None)
    assert "1,230 units/s" in line(units)


@pytest.mark.parametrize("made", [Plain, lambda out: Live(_console(out))])
def test_who_proposes_is_said_once(made):
    out = io.StringIO()
    shown = made(out)
    shown(dataclasses.replace(SNAPSHOT, picked=((0, "sobol: no result is known yet"),)))
    for _ in range(2):
        picked = ((0, "sobol: no result is known yet"), (16, "gp: 16 trials told"))
        shown(dataclasses.replace(SNAPSHOT, picked=picked))
    shown.close()
    assert out.getvalue().count("from trial 0 on, sobol: no result is known yet\n") == 1
    assert out.getvalue().count("from trial 16 on, gp: 16 trials told\n") == 1


def _console(out):
    from rich.console import Console

    return Console(file=out, width=100)


def test_the_last_line_says_how_long_it_took():
    counts = {**SNAPSHOT.counts, Status.COMPLETE: 90}
    assert line(dataclasses.replace(SNAPSHOT, counts=counts)).endswith(", in 12 s")


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
    often.close()  # what it last said is not said again
    assert out.getvalue().count("\n") == 2
    assert "\r" not in out.getvalue()


def test_a_long_run_is_told_of_less_often():
    assert [pause(s) for s in (0, 60, 600, 7200)] == [5, 5, 30, 60]


def console(width: int):
    return pytest.importorskip("rich.console").Console(
        file=io.StringIO(), force_terminal=True, width=width, record=True
    )


@pytest.mark.parametrize("width", [50, 80, 200])
def test_a_terminal_gets_everything_whatever_its_width(width):
    screen = console(width)
    shown = Live(screen)
    shown(SNAPSHOT)
    shown.close()
    said = " ".join(screen.export_text().split())
    for part in line(SNAPSHOT).split(", "):
        if "best" not in part:
            assert part in said
    assert "best accuracy 0.98765 (trial 7)" in said
    assert "…" not in said


def test_a_terminal_shows_a_note_below():
    screen = console(120)
    shown = Live(screen)
    shown(dataclasses.replace(SNAPSHOT, trials=50, best=None))
    shown.say("Stopping")
    shown.close()
    lines = screen.export_text().splitlines()
    assert lines[-1] == "Stopping"
    assert lines[-3].endswith("50/50 trials, 8 stopped, 2 diverged, in 12 s")


def test_a_terminal_without_a_snapshot_says_that_it_starts():
    screen = console(80)
    Live(screen).close()
    assert "starting, 0 s" in screen.export_text()


def test_plain_notes_go_past_the_buffer(tmp_path):
    with open(tmp_path / "out", "w") as out:
        Plain(out).say("Stopping")
        assert (tmp_path / "out").read_text() == "\nStopping\n"
    Plain(io.StringIO()).say("nowhere to write to is no error")


def test_what_is_no_terminal_gets_plain_lines():
    assert isinstance(display(out=io.StringIO()), Plain)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_that_cannot_move_its_cursor_gets_plain_lines(monkeypatch):
    pytest.importorskip("rich")
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(display(out=Terminal()), Plain)


def test_what_is_asked_for_is_shown(monkeypatch):
    pytest.importorskip("rich")
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(display("plain", Terminal()), Plain)
    live = display("live", io.StringIO())
    assert isinstance(live, Live)
    live.close()
    out = io.StringIO()
    silent = display("none", out)
    silent(SNAPSHOT)
    silent.close()
    assert out.getvalue() == ""


def test_live_lines_without_rich_are_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "rich.console", None)
    with pytest.raises(ImportError, match=r'--progress=live: .* pip install "jaxhpo\[report\]"'):
        display("live", io.StringIO())
    assert isinstance(display(out=Terminal()), Plain)


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
