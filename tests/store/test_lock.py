"""One writer at a time."""

from __future__ import annotations

import errno
import os

import pytest

from jaxhpo.store import lock
from jaxhpo.store.errors import StudyInUse, StudyWriteError


def test_the_lock_is_held_until_it_is_released(tmp_path):
    held = lock.Lock(tmp_path / "study.lock")
    assert (tmp_path / "study.lock").read_text() == str(os.getpid())
    for _ in range(2):  # a refusal harms neither the lock nor who tries
        with pytest.raises(StudyInUse, match=rf"{tmp_path} is open in this process already"):
            lock.Lock(tmp_path / "study.lock")
    held.release()
    held.release()
    assert (tmp_path / "study.lock").read_text() == ""
    lock.Lock(tmp_path / "study.lock").release()


def test_a_lock_that_nobody_knows_any_more_is_let_go(tmp_path):
    held = lock.Lock(tmp_path / "study.lock")
    del held
    lock.Lock(tmp_path / "study.lock").release()


def test_what_is_left_of_a_killed_process_is_no_holder(tmp_path):
    (tmp_path / "study.lock").write_text("123456789")
    held = lock.Lock(tmp_path / "study.lock")
    assert (tmp_path / "study.lock").read_text() == str(os.getpid())
    held.release()


def test_a_file_system_without_locks_is_said_so(tmp_path, monkeypatch):
    def unknown(_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock, "_take", unknown)
    with pytest.raises(StudyWriteError, match=r"can't lock .*study.lock: No locks available"):
        lock.Lock(tmp_path / "study.lock")
    with pytest.raises(StudyWriteError, match="No such file or directory"):
        lock.Lock(tmp_path / "none" / "study.lock")
