"""Records in a file survive what happens to processes, disks and directories."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from rows_made import IDENTITY, check_same, trial

from jaxhpo.store import schema, sqlite_file
from jaxhpo.store.errors import StudyInUse, StudyNotFound, StudyUnreadable, StudyWriteError
from jaxhpo.store.records import open_records, stored_identity

WRITER = f"""
import sys
sys.path.insert(0, {os.path.dirname(__file__)!r})
from rows_made import IDENTITY, trial
from jaxhpo.store.records import open_records
records = open_records(sys.argv[1], IDENTITY)
for start in range(0, 1_000_000, 5):
    records.write([trial(n) for n in range(start, start + 5)])
    print(start + 5, flush=True)
"""


def writer(where) -> subprocess.Popen:
    """A process that writes five trials at a time, and tells how many it has written."""
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(where)], stdout=subprocess.PIPE, text=True
    )


def told(process: subprocess.Popen) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def kill(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def numbers(where, **how) -> list[int]:
    with open_records(where, **how) as records:
        return [t.number for t in records.trials()]


# -- processes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [1, 40, 300])
def test_kill_9_loses_nothing_that_was_recorded(tmp_path, after):
    process = writer(tmp_path)
    for _ in range(after):
        known = told(process)
    with pytest.raises(StudyInUse, match=f"{tmp_path} is in use by process {process.pid}; wait"):
        open_records(tmp_path, IDENTITY)
    kill(process)
    looked_at = numbers(tmp_path, read_only=True)
    found = numbers(tmp_path, identity=IDENTITY)  # the lock died with the process
    assert looked_at == found == list(range(len(found)))
    assert len(found) >= known > 0
    assert len(found) % 5 == 0  # whole transactions only
    with open_records(tmp_path) as again:
        check_same(again.trials()[-1], trial(len(found) - 1))


@pytest.mark.parametrize("at", ["rename", "schema"])
def test_killed_while_it_was_made_a_study_can_be_made(tmp_path, monkeypatch, at):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        places = {"rename": (Path, "rename"), "schema": (schema.METADATA, "create_all")}
        patch.setattr(*places[at], killed)
        with pytest.raises(KeyboardInterrupt):
            open_records(tmp_path, IDENTITY)
    assert stored_identity(tmp_path) is None
    with pytest.raises(StudyNotFound, match=r"no study in "):
        open_records(tmp_path, read_only=True)
    with open_records(tmp_path, IDENTITY) as opened:
        assert opened.trials() == []
    assert set(listed(tmp_path)) == {"study.db", "study.lock"}


def test_a_file_of_no_bytes_is_what_is_left_of_a_study_and_no_new_one(tmp_path):
    with open_records(tmp_path, IDENTITY) as opened:
        opened.write([trial(0)])
    os.truncate(tmp_path / "study.db", 0)
    for arguments in ({"identity": IDENTITY}, {"read_only": True}, {}):
        with pytest.raises(StudyUnreadable, match=r"study\.db has 0 bytes: .* a whole copy, or"):
            open_records(tmp_path, **arguments)
    (tmp_path / "study.db").unlink()  # and the refusal let go of the lock
    with open_records(tmp_path, IDENTITY) as opened:
        assert opened.trials() == []


def test_a_log_that_outlived_its_study_is_not_taken_for_the_next_ones(tmp_path):
    process = writer(tmp_path)
    told(process)
    kill(process)
    (tmp_path / "study.db").unlink()
    assert (tmp_path / "study.db-wal").stat().st_size > 0
    with open_records(tmp_path, IDENTITY) as opened:
        assert opened.trials() == []


def test_tables_are_made_all_together_or_not_at_all(tmp_path, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("jaxhpo.store.schema.STUDY.insert", killed)
        with pytest.raises(KeyboardInterrupt):
            open_records(tmp_path, IDENTITY)
    assert stored_identity(tmp_path) is None
    open_records(tmp_path, IDENTITY).close()


def test_the_second_writer_is_refused_and_readers_are_not(tmp_path):
    with open_records(tmp_path, IDENTITY) as first:
        first.write([trial(0)])
        with pytest.raises(StudyInUse, match="open in this process already"):
            open_records(tmp_path, IDENTITY)
        with open_records(tmp_path, read_only=True) as reader:
            first.write([trial(1)])
            assert len(reader.trials()) == 2
    first.close()  # again
    open_records(tmp_path, IDENTITY).close()


def test_a_reader_sees_rows_together_with_their_curves(tmp_path):
    open_records(tmp_path, IDENTITY).close()
    done = threading.Event()

    def write():
        for start in range(0, 180, 3):
            with open_records(tmp_path, IDENTITY) as records:  # comes and goes: the log, too
                records.write([trial(n) for n in range(start, start + 3)])
        done.set()

    thread = threading.Thread(target=write)
    thread.start()
    seen = 0
    with open_records(tmp_path, read_only=True) as reader:
        while not done.is_set():
            found = reader.trials()
            assert all(t.curves for t in found)
            assert len(found) % 3 == 0
            assert len(found) >= seen
            seen = len(found)
        thread.join()
        assert len(reader.trials()) == 180


# -- disks -----------------------------------------------------------------------------------------


def test_a_full_disk_is_said_so_and_keeps_what_was_there(tmp_path):
    with open_records(tmp_path, IDENTITY) as opened:
        opened.write([trial(0)])
        size = (tmp_path / "study.db-wal").stat().st_size
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20_000, limits[1]))
        try:
            with pytest.raises(StudyWriteError, match=r"can't write to .*study\.db: .* is safe"):
                opened.write([trial(n) for n in range(1, 5000)])
            assert [t.number for t in opened.trials()] == [0]
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, before)
        opened.write([trial(1)])  # there is room again
    assert numbers(tmp_path, read_only=True) == [0, 1]


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "study.db").write_bytes(b"this is no database" * 100)
    for arguments in ({"identity": IDENTITY}, {"read_only": True}):
        with pytest.raises(StudyUnreadable, match=r"study\.db can't be read: .*not a database"):
            open_records(tmp_path, **arguments)
    with pytest.raises(StudyUnreadable, match="not a database"):
        stored_identity(tmp_path)


@pytest.mark.parametrize("kept", [0.3, 0.7])
def test_a_truncated_file_is_said_so(tmp_path, kept):
    with open_records(tmp_path, IDENTITY) as opened:
        opened.write([trial(n) for n in range(200)])
    size = (tmp_path / "study.db").stat().st_size
    os.truncate(tmp_path / "study.db", int(size * kept))
    for arguments in ({"identity": IDENTITY}, {"read_only": True}):
        with pytest.raises(StudyUnreadable, match=r"study\.db can't be read: .*malformed"):
            numbers(tmp_path, **arguments)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("update trials set config = '{' where number = 3", "row of trial 3 is damaged"),
        ("update trials set status = 'asleep' where number = 3", "'asleep' is not a valid Status"),
        ("update trials set point = x'000000' where number = 3", "row of trial 3 is damaged"),
        ("update curves set \"values\" = x'00'", "is damaged: buffer size"),
    ],
)
def test_a_damaged_row_is_named(tmp_path, change, said):
    with open_records(tmp_path, IDENTITY) as opened:
        opened.write([trial(n) for n in range(5)])
    changed(tmp_path, change)
    with pytest.raises(StudyUnreadable, match=rf"study\.db is damaged: .*{said}|{said}"):
        numbers(tmp_path)


# -- directories -----------------------------------------------------------------------------------


def test_what_is_no_study_is_said_so(tmp_path):
    for how in ({"read_only": True}, {"create": False, "identity": IDENTITY}, {}):
        with pytest.raises(StudyNotFound, match=r"no study in .*none \(no study.db\); start one"):
            open_records(tmp_path / "none", **how)
        with pytest.raises(FileNotFoundError):
            open_records(tmp_path / "none", **how)
    assert not (tmp_path / "none").exists()
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(ValueError, match=r"workdir='.*file' must be a directory, but it is a file"):
        open_records(file, IDENTITY)
    with pytest.raises(StudyWriteError, match=r"can't make the directory .*file/inner"):
        open_records(file / "inner", IDENTITY)
    for url in ("mysql://host/db", "sqlite://", "sqlite:///:memory:"):
        with pytest.raises(ValueError, match="SQLite files or PostgreSQL; give a directory"):
            open_records(url, IDENTITY)


def test_a_foreign_database_is_left_alone(tmp_path):
    with sqlite3.connect(tmp_path / "study.db") as foreign:
        foreign.execute("create table something (x)")
    foreign.close()
    with pytest.raises(StudyUnreadable, match="not of a jaxhpo study"):
        open_records(tmp_path, IDENTITY)


def changed(where, statement: str) -> None:
    connection = sqlite3.connect(where / "study.db")
    with connection:
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("99", r"a newer jaxhpo \(schema 99, this one knows \d+\); update jaxhpo"),
        ("0", r"another jaxhpo \(schema 0, .*the one that wrote it"),
        ("'x'", r"another jaxhpo \(schema x,"),
    ],
)
def test_other_versions_are_refused(tmp_path, version, said):
    open_records(tmp_path, IDENTITY).close()
    changed(tmp_path, f"update study set schema_version = {version}")
    # Whatever else another version changed, its number is what is said.
    changed(tmp_path, "alter table study rename column identity to who")
    for arguments in ({"identity": IDENTITY}, {"read_only": True}):
        with pytest.raises(StudyUnreadable, match=said):
            open_records(tmp_path, **arguments)


# -- looking on ------------------------------------------------------------------------------------


def listed(where) -> dict[str, tuple[int, int]]:
    return {p.name: (p.stat().st_size, p.stat().st_mtime_ns) for p in where.iterdir()}


def test_looking_changes_nothing(tmp_path):
    with open_records(tmp_path, IDENTITY) as opened:
        opened.write([trial(0)])
    before = listed(tmp_path)
    assert set(before) == {"study.db", "study.lock"}
    assert numbers(tmp_path, read_only=True) == [0]
    assert listed(tmp_path) == before
    with open_records(tmp_path, read_only=True) as reader:
        with pytest.raises(StudyWriteError, match="readonly database"):
            reader.write([trial(1)])
        assert len(reader.trials()) == 1


def test_a_copy_of_a_running_study_can_be_read(tmp_path):
    process = writer(tmp_path / "live")
    known = [told(process) for _ in range(20)][-1]
    process.send_signal(signal.SIGSTOP)
    shutil.copytree(tmp_path / "live", tmp_path / "copy")
    kill(process)
    assert (tmp_path / "copy" / "study.db-wal").stat().st_size > 0
    assert len(numbers(tmp_path / "copy", read_only=True)) >= known


def test_without_the_right_to_write_the_log_is_read_too(tmp_path, monkeypatch):
    """As on a disk that can't be written to, for a user who may do anything elsewhere."""
    process = writer(tmp_path / "killed")
    known = [told(process) for _ in range(20)][-1]
    kill(process)
    (tmp_path / "killed" / "study.db-shm").unlink()
    real = sqlite_file._connected

    def refused(path, mode):
        if path.parent == tmp_path / "killed":
            (tmp_path / "nowhere").mkdir(exist_ok=True)
            return real(tmp_path / "nowhere" / "none.db", mode)  # the error that SQLite gives
        return real(path, mode)

    monkeypatch.setattr(sqlite_file, "_connected", refused)
    before = listed(tmp_path / "killed")
    with open_records(tmp_path / "killed", read_only=True) as reader:
        assert len(reader.trials()) >= known
        copies = reader._database._copies.name
        assert os.path.isdir(copies)
    assert not os.path.exists(copies)
    assert listed(tmp_path / "killed") == before


@contextlib.contextmanager
def without_rights_of_root():
    """Root may write anywhere; for a while it is nobody, as far as files go."""
    mine = os.geteuid()
    if mine == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(mine)


def test_a_directory_without_the_right_to_write():
    with tempfile.TemporaryDirectory() as name:  # which nobody can get at, unlike `tmp_path`
        place = Path(name)
        with open_records(place, IDENTITY) as opened:
            opened.write([trial(0)])
        (place / "study.lock").chmod(0o444)
        place.chmod(0o555)
        try:
            with without_rights_of_root():
                assert numbers(place, read_only=True) == [0]
                said = r"can't lock .*study.lock: Permission denied"
                with pytest.raises(StudyWriteError, match=said):
                    open_records(place, IDENTITY)
        finally:
            place.chmod(0o755)
