"""Ctrl-C and SIGTERM, sent to real processes."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from processes import environment

from jaxhpo.launch.cli import main as cli
from jaxhpo.launch.signals import Stop
from jaxhpo.store.records import open_records
from jaxhpo.trial import Trial

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent / "folder"
LONG = ("--trials=100000", "--sampler=random", "--noreport", "--work=200000", "--batch=8")


def recorded(where: Path) -> list[Trial]:
    if not (where / "study.db").exists():
        return []
    try:
        with open_records(where, read_only=True) as records:
            return records.trials()
    except (OSError, RuntimeError):  # in the moment in which it is made
        return []


def ended(where: Path) -> int:
    return sum(trial.status.ended for trial in recorded(where))


def wait_for_trials(process: subprocess.Popen, where: Path) -> int:
    deadline = time.monotonic() + 120
    while not (count := ended(where)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return count


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_the_first_signal_stops_after_the_tick(started, tmp_path, capsys, number, code):
    process = started(*LONG)
    before = wait_for_trials(process, tmp_path / "study")
    # Others may look while it runs, but not take part.
    assert cli(["show", str(tmp_path / "study")]) == 0
    assert "running" in capsys.readouterr().out
    assert cli(["rerun", str(tmp_path / "study"), "--trial", "0"]) == 2
    assert str(process.pid) in capsys.readouterr().err
    process.send_signal(number)
    said, shown = process.communicate(timeout=60)
    assert process.returncode == code, shown
    assert "Stopping after this tick; once more to leave at once." in shown
    assert "Traceback" not in shown
    assert f"The same command goes on from here:\n  python -m toy --workdir={tmp_path}" in said
    with open_records(tmp_path / "study", read_only=True) as records:
        assert sum(trial.status.ended for trial in records.trials()) >= before
        assert records.sessions()[-1]["how"] == "interrupted"


@pytest.mark.slow
def test_the_second_signal_leaves_at_once(started, tmp_path):
    # Ticks so long that the first signal can't be answered in time.
    process = started(*LONG[:-2], "--work=2000000000")
    deadline, before = time.monotonic() + 120, 0
    # As long as trials are proposed a signal can be answered; then the first tick begins.
    while not before or len(recorded(tmp_path / "study")) != before:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        before = len(recorded(tmp_path / "study"))
        time.sleep(2.0)
    process.send_signal(signal.SIGINT)
    time.sleep(1.0)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, shown = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "Traceback" not in shown


@pytest.mark.slow
def test_a_signal_before_anything_is_trained_is_taken_in(started, tmp_path):
    process = started(*LONG)
    time.sleep(0.5)  # Python has begun; JAX is being imported
    process.send_signal(signal.SIGINT)
    _, shown = process.communicate(timeout=60)
    assert process.returncode in (130, -signal.SIGINT)
    if "Stopping" in shown:  # otherwise the signal came before the first line of ours
        assert process.returncode == 130
        assert "Traceback" not in shown
        assert ended(tmp_path / "study") == 0


def test_a_signal_becomes_a_question():
    said = []
    before = signal.getsignal(signal.SIGTERM)
    with Stop() as stop:
        stop.say = said.append
        assert not stop.asked()
        signal.raise_signal(signal.SIGTERM)
        assert stop.asked()
        assert stop.code == 0
    assert said == ["Stopping after this tick; once more to leave at once."]
    assert signal.getsignal(signal.SIGTERM) is before
    with Stop() as stop:
        stop.say = said.append
        signal.raise_signal(signal.SIGINT)
        assert stop.code == 130


# Whoever runs these tests may be deaf to a hangup (nohup), and its children with it.
ON_A_TERMINAL = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


@pytest.mark.slow
def test_a_terminal_that_is_closed_stops_the_study_cleanly(tmp_path):
    where = tmp_path / "study"
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", ON_A_TERMINAL, "-m", "toy", f"--workdir={where}", *LONG],
        cwd=FOLDER,
        env=environment(PYTHONPATH=str(ROOT)),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    try:
        os.close(theirs)
        os.set_blocking(ours, False)
        deadline = time.monotonic() + 120
        while not ended(where):
            with contextlib.suppress(BlockingIOError):
                os.read(ours, 65536)
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.1)
        os.close(ours)
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
        process.wait()
    with open_records(where, read_only=True) as records:
        assert records.sessions()[-1]["how"] == "interrupted"


def test_a_hangup_asks_twice_without_leaving_and_nohup_is_respected(monkeypatch):
    monkeypatch.setattr("jaxhpo.launch.streams.unplugged", lambda: None)
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        with Stop() as stop:
            assert not stop.asked()
            signal.raise_signal(signal.SIGHUP)
            signal.raise_signal(signal.SIGHUP)
            assert stop.asked()
            assert stop.code == 0
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with Stop() as stop:
            signal.raise_signal(signal.SIGHUP)
            assert not stop.asked()
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("closed", ["<&- >&- 2>&-", ">&-", "2>&-"])
def test_closed_streams_are_opened_on_the_null_device(closed, tmp_path):
    code = (
        "from jaxhpo.launch import streams; streams.opened(); import sys, os; print('out');"
        "print('err', file=sys.stderr); sys.stderr.flush(); sys.stdout.flush();"
        f"file = open({str(tmp_path / 'file')!r}, 'w'); assert file.fileno() > 2;"
        "os.write(2, b'past the buffers'); file.write(str(file.fileno()))"
    )
    command = f'exec "$0" -c "$1" {closed}'
    done = subprocess.run(["sh", "-c", command, sys.executable, code], cwd=ROOT)
    assert done.returncode == 0
    assert int((tmp_path / "file").read_text()) > 2
