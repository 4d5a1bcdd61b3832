"""Checkpoints: whole or not there, whatever happens to them or to the process."""

from __future__ import annotations

import errno
import logging
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhpo.store import checkpoint_files, codec
from jaxhpo.store.checkpoints import (
    Checkpoints,
    CheckpointSkipped,
    digest,
    newest,
)
from jaxhpo.store.errors import StudyWriteError
from jaxhpo.store.models import load_model, save_model

STUDY = "f00d"


def content(step: int) -> tuple[dict, dict]:
    """Arrays and host values that are a function of the step."""
    draws = np.random.default_rng(step)
    arrays = {
        "cohort-0": {"w": jnp.asarray(draws.normal(size=(8, 5)), jnp.float32), "step": step},
        "cohort-1": (jax.random.key(step), jnp.zeros((0, 2))),
    }
    return arrays, {"trials": [step, step + 1], "curves": draws.normal(size=3), "best": None}


def saved(directory: Path, *steps: int, study: str = STUDY) -> Path:
    """`directory`, with checkpoints of these steps."""
    with Checkpoints(directory, study) as checkpoints:
        for step in steps:
            checkpoints.save(step, *content(step))
    return directory


def is_whole(found) -> bool:
    return found is not None and digest(found.arrays, found.host) == digest(*content(found.step))


def files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


@pytest.fixture
def held(monkeypatch):
    """Holds a save up where it writes, until the event is set; the test must set it."""
    let_go, finish = threading.Event(), checkpoint_files._finish

    def later(*args):
        assert let_go.wait(60)
        finish(*args)

    monkeypatch.setattr(checkpoint_files, "_finish", later)
    yield let_go
    let_go.set()


# -- what is saved comes back ----------------------------------------------------------------------


def test_the_last_two_are_kept_and_the_newest_comes_back(tmp_path):
    saved(tmp_path / "new" / "place", 3, 5, 4)
    place = tmp_path / "new" / "place"
    assert sorted(os.listdir(place)) == ["checkpoint-000002", "checkpoint-000003"]
    with Checkpoints(place, STUDY) as checkpoints:
        step, arrays, host = checkpoints.restored()
        assert step == 4  # the newest, whatever its number
        expected = content(4)
        assert digest(arrays, host) == digest(*expected)
        assert isinstance(arrays["cohort-0"]["w"], np.ndarray)
        chex.assert_trees_all_equal(
            arrays["cohort-0"]["w"], np.asarray(expected[0]["cohort-0"]["w"])
        )
        assert arrays["cohort-0"]["step"] == 4
        assert host["best"] is None
        checkpoints.save(np.int64(9), *content(9))
        assert checkpoints.restored().step == 9  # waits for it
    assert newest(place, STUDY).step == newest(place).step == 9


@pytest.mark.parametrize("keep", [1, 3])
def test_as_many_as_asked_for_are_kept(tmp_path, keep):
    with Checkpoints(tmp_path, STUDY, keep=keep) as checkpoints:
        for step in range(5):
            checkpoints.save(step, *content(step))
    assert len(os.listdir(tmp_path)) == keep
    assert newest(tmp_path).step == 4


def test_nothing_to_restore(tmp_path):
    with Checkpoints(tmp_path / "none", STUDY) as checkpoints:
        assert checkpoints.restored() is None
    assert newest(tmp_path / "not even this") is None


def test_nothing_but_values_and_nothing_at_all(tmp_path):
    with Checkpoints(tmp_path, STUDY) as checkpoints:
        checkpoints.save(0, {}, {"n": 1})
        assert checkpoints.restored() == (0, {}, {"n": 1})
        checkpoints.save(1, {}, {})
        assert checkpoints.restored() == (1, {}, {})


def test_a_save_returns_at_once_and_the_next_waits(tmp_path, held):
    checkpoints = Checkpoints(tmp_path, STUDY)
    array = np.arange(4)
    device = jnp.arange(4.0)
    checkpoints.save(0, {"host": array, "device": device}, {})
    array[:] = 9  # it was copied
    changed = jax.jit(lambda x: x + 1, donate_argnums=0)(device)
    jax.block_until_ready(changed)
    assert newest(tmp_path) is None
    threading.Timer(0.2, held.set).start()
    checkpoints.save(1, {"x": 1}, {})
    assert held.is_set()
    found = newest(tmp_path)
    assert found.step == 0 or found.arrays == {"x": 1}
    checkpoints.close()
    first = checkpoint_files.read(tmp_path / "checkpoint-000001", STUDY)[1]["arrays"]
    assert first["host"].tolist() == [0, 1, 2, 3]
    assert first["device"].tolist() == [0.0, 1.0, 2.0, 3.0]


def test_quiet_and_without_threads_left(tmp_path, capfd):
    before = set(threading.enumerate())
    filters = list(logging.getLogger("absl").filters)
    saved(tmp_path, 1, 2, 3)
    assert newest(tmp_path).step == 3
    deadline = time.monotonic() + 30  # Orbax's own end a moment after they are done
    while set(threading.enumerate()) - before:
        assert time.monotonic() < deadline, threading.enumerate()
        time.sleep(0.01)
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("absl").filters == filters


ENDS = """
import sys
sys.path.insert(0, sys.argv[2])
from test_checkpoints import STUDY, content
from jaxhpo.store.checkpoints import Checkpoints
checkpoints = Checkpoints(sys.argv[1], STUDY)
checkpoints.save(6, *content(6))
checkpoints.wait()
checkpoints.save(7, *content(7))
"""


def test_a_process_that_ends_without_closing_keeps_what_was_saved(tmp_path):
    here = Path(__file__).parent
    command = [sys.executable, "-c", ENDS, str(tmp_path), str(here)]
    done = subprocess.run(command, cwd=here.parents[1], capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found = newest(tmp_path)
    assert is_whole(found)
    assert found.step in (6, 7)  # Python starts no threads any more, which Orbax needs


def test_a_run_of_several_processes_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    with pytest.raises(ValueError, match="for runs of one process, this one has 2"):
        Checkpoints(tmp_path, STUDY)


def test_beside_another_use_of_orbax(tmp_path):
    with Checkpoints(tmp_path / "checkpoints", STUDY) as checkpoints:
        for step in range(6):
            checkpoints.save(step, *content(step))
            save_model(tmp_path / "model", {"w": np.full(3, step)}, {})
            assert load_model(tmp_path / "model")[0]["w"].tolist() == [step] * 3
        assert is_whole(checkpoints.restored())


# -- what fails ------------------------------------------------------------------------------------


def test_a_full_disk_is_told_once_and_the_former_stays(tmp_path, monkeypatch):
    saved(tmp_path, 1)
    checkpoints = Checkpoints(tmp_path, STUDY)

    def full(path, content):
        path.write_bytes(content[:7])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint_files, "_write_file", full)
    said = r"checkpoint of step 2 to .*: No space left on device\. .* before is safe; make room"
    checkpoints.save(2, *content(2))
    with pytest.raises(StudyWriteError, match=said):
        checkpoints.wait()
    checkpoints.wait()
    checkpoints.save(2, *content(2))
    with pytest.raises(StudyWriteError, match=said):
        checkpoints.save(3, *content(3))
    checkpoints.save(2, *content(2))
    with pytest.raises(StudyWriteError, match=said):
        checkpoints.restored()
    checkpoints.save(2, *content(2))
    with pytest.raises(StudyWriteError, match=said):
        checkpoints.close()
    checkpoints.close()
    assert os.listdir(tmp_path) == ["checkpoint-000001"]
    assert is_whole(newest(tmp_path))
    monkeypatch.undo()
    assert newest(saved(tmp_path, 3)).step == 3


def test_a_disk_that_is_full_from_the_beginning(tmp_path, monkeypatch):
    saved(tmp_path, 1)

    def full(path, block):
        path.mkdir()
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with Checkpoints(tmp_path, STUDY) as checkpoints:
        monkeypatch.setattr(checkpoint_files, "_begin_state", full)
        with pytest.raises(StudyWriteError, match=r"step 2 to .*: No space left on device"):
            checkpoints.save(2, *content(2))
        monkeypatch.undo()
        assert os.listdir(tmp_path) == ["checkpoint-000001"]
        checkpoints.save(3, *content(3))
        assert is_whole(checkpoints.restored())


def test_an_error_of_the_caller_comes_before_that_of_a_save(tmp_path, monkeypatch):
    def broken(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint_files, "_write_file", broken)

    def save_and(mistake):
        with Checkpoints(tmp_path, STUDY) as checkpoints:
            checkpoints.save(0, {}, {})
            if mistake:
                raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        save_and(mistake=True)
    with pytest.raises(StudyWriteError, match="No space left"):
        save_and(mistake=False)


def test_files_that_may_grow_no_further(tmp_path, capfd):
    """The limit that the operating system sets, which Orbax meets in its own code."""
    saved(tmp_path, 1)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    checkpoints = Checkpoints(tmp_path, STUDY)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limits[1]))
    try:
        checkpoints.save(2, {"x": np.zeros(1 << 20, np.float32)}, {})
        said = r"can't write the checkpoint of step 2 to .*: File too large\. What was saved"
        with pytest.raises(StudyWriteError, match=said):
            checkpoints.wait()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert capfd.readouterr().err == ""  # Orbax's own tracebacks help nobody
    assert os.listdir(tmp_path) == ["checkpoint-000001"]
    checkpoints.save(3, *content(3))
    checkpoints.close()
    assert is_whole(newest(tmp_path))


FULL = """
import sys, numpy as np
from jaxhpo.store.checkpoints import Checkpoints, newest
from jaxhpo.store.errors import StudyWriteError
with Checkpoints(sys.argv[1], "f00d") as checkpoints:
    checkpoints.save(1, {"x": np.ones(1 << 18, np.float32)}, {})
    checkpoints.wait()
    checkpoints.save(2, {"x": np.ones(1 << 20, np.float32)}, {})
    try:
        checkpoints.wait()
    except StudyWriteError as error:
        print(error)
found = newest(sys.argv[1])
print(found.step, found.arrays["x"].sum())
"""
OWN_DISK = ["unshare", "--map-root-user", "--mount", "sh", "-c"]


def may_mount() -> bool:
    command = [*OWN_DISK, "mount -t tmpfs none /mnt"]
    with_one = shutil.which("unshare") is not None
    return with_one and subprocess.run(command, capture_output=True).returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(not may_mount(), reason="this user may not mount a small disk")
def test_a_disk_that_is_really_full(tmp_path):
    mounted = f'mount -t tmpfs -o size=3m none "{tmp_path}" && exec "$@"'
    command = [*OWN_DISK, mounted, "sh", sys.executable, "-c", FULL, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    assert "can't write the checkpoint of step 2" in done.stdout
    assert ": No space left on device. What was saved before is safe" in done.stdout
    assert done.stderr == ""
    assert done.stdout.endswith(f"1 {float(1 << 18)}\n")


def test_a_directory_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StudyWriteError, match=r"can't make the directory .*file/here: .*another"):
        Checkpoints(tmp_path / "file" / "here", STUDY)


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda c: c.save(-1, {}, {}), ValueError, r"save\(step=\.\.\.\) .* got step=-1"),
        (lambda c: c.save(1.5, {}, {}), ValueError, r"save\(step=\.\.\.\) .* got step=1\.5"),
        (lambda c: c.save(True, {}, {}), ValueError, r"save\(step=\.\.\.\) .* got step=True"),
        (lambda c: c.save(1, {"x": {1}}, {}), TypeError, r"\{1\} of type set at arrays/x"),
        (lambda c: c.save(1, {}, {"x": b""}), TypeError, r"b'' of type bytes at host/x"),
        (lambda c: (c.close(), c.save(1, {}, {})), ValueError, r"save\(step=1\) after close"),
    ],
)
def test_a_save_that_cannot_be(tmp_path, call, error, said):
    checkpoints = Checkpoints(tmp_path, STUDY)
    with pytest.raises(error, match=said):
        call(checkpoints)
    checkpoints.close()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"identity_digest": ""}, r"identity_digest=\.\.\.\) must be a string .* got .*''"),
        ({"identity_digest": 5}, r"identity_digest=5"),
        ({"identity_digest": STUDY, "keep": 0}, r"keep=\.\.\.\) must be at least 1, got keep=0"),
        ({"identity_digest": STUDY, "keep": 1.5}, r"keep=1\.5"),
    ],
)
def test_checkpoints_that_cannot_be(tmp_path, arguments, said):
    with pytest.raises(ValueError, match=said):
        Checkpoints(tmp_path, **arguments)


# -- what is damaged, foreign, left over -----------------------------------------------------------


def skipped(directory: Path, study: str | None = STUDY):
    """What is found, and what was said of those that were passed over."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = newest(directory, study)
    assert all(w.category is CheckpointSkipped for w in caught)
    return found, [str(w.message) for w in caught]


def test_a_flipped_byte_anywhere_is_noticed(tmp_path):
    path = saved(tmp_path, 1) / "checkpoint-000001"
    place = random.Random(0)
    tried = 0
    for file in files(path):
        whole = file.read_bytes()
        for at in place.sample(range(len(whole)), min(60, len(whole))):
            wrong = bytearray(whole)
            wrong[at] ^= 1 << place.randrange(8)
            file.write_bytes(wrong)
            with pytest.raises(checkpoint_files.Unusable, match="is damaged"):
                checkpoint_files.read(path, STUDY)
            tried += 1
        file.write_bytes(whole)
    assert tried > 300
    assert is_whole(newest(tmp_path))


def test_every_file_cut_short_damaged_or_lost(tmp_path):
    newer = saved(tmp_path / "whole", 1, 2) / "checkpoint-000002"
    for file in files(newer):
        whole = file.read_bytes()
        sizes = {0, len(whole) // 2, len(whole) - 1} - {len(whole), -1}
        damages = [whole[:size] for size in sizes] + [b"\0" + whole[1:], whole + b"\0", None]
        for damage in damages:
            if damage is None:
                file.unlink()
            else:
                file.write_bytes(damage)
            found, said = skipped(tmp_path / "whole")
            assert is_whole(found)
            assert found.step == 1
            assert len(said) == 1
            assert said[0].startswith(f"checkpoint {newer} is skipped: ")
            assert file.name in said[0]
        file.write_bytes(whole)
    assert skipped(tmp_path / "whole")[0].step == 2


def test_content_that_its_files_do_not_betray(tmp_path, monkeypatch):
    """Of checkpoints that were written wrongly to begin with."""
    path = saved(tmp_path, 1, 2) / "checkpoint-000002"
    shutil.rmtree(path)
    begin = checkpoint_files._begin_state
    monkeypatch.setattr(checkpoint_files, "_begin_state", lambda path, x: begin(path, x ^ 1))
    saved(tmp_path, 2)
    found, said = skipped(tmp_path)
    assert found.step == 1
    assert said == [f"checkpoint {path} is skipped: its content is not what was saved"]


def test_all_damaged(tmp_path):
    saved(tmp_path, 1, 2)
    for path in tmp_path.iterdir():
        (path / "tree.json").write_text("{}")
    found, said = skipped(tmp_path)
    assert found is None
    assert len(said) == 2
    (tmp_path / "checkpoint-000007").write_text("a file")
    (tmp_path / "checkpoint-000008").mkdir()
    found, said = skipped(tmp_path)
    assert found is None
    assert "checkpoint.json can't be read: No such file" in said[0]
    assert "checkpoint.json can't be read: Not a directory" in said[1]


def test_of_another_study(tmp_path):
    saved(tmp_path, 1)
    saved(tmp_path, 2, 3, 4, study="cafe")
    found, said = skipped(tmp_path)
    assert found.step == 1  # neither removed nor counted among those of the other
    assert len(said) == 2
    assert said[0].endswith(": it is of another study (cafe; this one is f00d)")
    assert skipped(tmp_path, None)[0].step == 4


def rewritten(path: Path, **changes) -> None:
    """Its description with changes and the right checksum."""
    info = {**checkpoint_files.about(path), **changes}
    text = codec.dumps(info).encode()
    checksum = checkpoint_files.hashlib.sha256(text).hexdigest().encode()
    (path / "checkpoint.json").write_bytes(checksum + b"\n" + text)


def test_of_another_version(tmp_path):
    saved(tmp_path, 1, 2)
    rewritten(tmp_path / "checkpoint-000002", format=7)
    found, said = skipped(tmp_path)
    assert found.step == 1
    assert said[0].endswith(": it has format 7, this jaxhpo knows 1")


def test_damaged_ones_don_t_count_and_go_with_the_next_save(tmp_path):
    saved(tmp_path, 1, 2)
    (tmp_path / "checkpoint-000002" / "tree.json").unlink()
    with Checkpoints(tmp_path, STUDY) as checkpoints:
        with pytest.warns(CheckpointSkipped, match=r"tree\.json can't be read: No such file"):
            assert checkpoints.restored().step == 1
        assert len(os.listdir(tmp_path)) == 2
        checkpoints.save(3, *content(3))
    assert sorted(os.listdir(tmp_path)) == ["checkpoint-000001", "checkpoint-000003"]


def test_what_a_killed_process_left_is_removed(tmp_path):
    saved(tmp_path, 1)
    shutil.copytree(tmp_path / "checkpoint-000001", tmp_path / ".checkpoint-000002.part")
    shutil.copytree(tmp_path / "checkpoint-000001", tmp_path / ".checkpoint-000000.old")
    (tmp_path / ".checkpoint-000003.part").write_text("a file")
    assert newest(tmp_path).step == 1
    assert len(os.listdir(tmp_path)) == 4  # looking changes nothing
    with Checkpoints(tmp_path, STUDY):
        assert os.listdir(tmp_path) == ["checkpoint-000001"]


# -- killed ----------------------------------------------------------------------------------------

LOOP = """
import sys
sys.path.insert(0, sys.argv[2])
from test_checkpoints import STUDY, content
from jaxhpo.store.checkpoints import Checkpoints
from orbax.checkpoint import v1
checkpoints = Checkpoints(sys.argv[1], STUDY)
found = checkpoints.restored()
step = found.step if found else 0
print("ready", flush=True)
while True:
    step += 1
    checkpoints.save(step, *content(step))
    checkpoints.wait()
    print(step, flush=True)
"""


def killed_in_a_loop(directory: Path, kills: int, seed: int) -> None:
    here = Path(__file__).parent
    command = [sys.executable, "-W", "error", "-c", LOOP, str(directory), str(here)]
    place, known = random.Random(seed), 0
    for kill in range(kills):
        process = subprocess.Popen(command, cwd=here.parents[1], stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        if kill % 2:  # the others may come before anything is saved
            known = int(process.stdout.readline())
        time.sleep(place.uniform(0.0, 0.5))
        process.send_signal(signal.SIGKILL)
        said = process.communicate(timeout=60)[0].split()
        assert process.returncode == -signal.SIGKILL
        known = int(said[-1]) if said else known
        found = newest(directory, STUDY)  # a checkpoint that is skipped would be an error here
        if known or found:
            assert is_whole(found)
            assert found.step in (known, known + 1)
            known = found.step
    assert known >= kills // 2
    assert is_whole(newest(saved(directory, known + 1)))
    assert not [name for name in os.listdir(directory) if name.startswith(".")]


def test_killed_at_random_moments(tmp_path):
    killed_in_a_loop(tmp_path, kills=2, seed=1)


@pytest.mark.slow
def test_killed_at_many_random_moments(tmp_path):
    killed_in_a_loop(tmp_path, kills=12, seed=2)
