"""Arguments of a study that can't be right."""

from __future__ import annotations

from pathlib import Path

from jaxhpo import SpaceError
from jaxhpo.store.errors import StudyMismatch, StudyUnreadable, StudyWriteError
from tests.bad_input.rows import Bad, a_file, bowl, each_row, refused, study

FULL = {"x": 0.5, "n": 1, "kind": "a"}


def other_study(where: Path) -> None:
    study(workdir=where, seed=3).close()
    study(workdir=where, seed=4)


def spoiled_records(where: Path) -> None:
    (where / "study.db").write_bytes(b"no database at all" * 100)
    study(workdir=where)


def emptied_records(where: Path) -> None:
    (where / "study.db").touch()
    study(workdir=where)


STUDIES = {
    "no trials": Bad(lambda _: study(trials=0), ValueError, ["Study(trials=...)", "got 0"]),
    "part of a trial": Bad(lambda _: study(trials=1.5), ValueError, ["trials=...", "got 1.5"]),
    "trials as text": Bad(lambda _: study(trials="8"), ValueError, ["trials=...", "got '8'"]),
    "trials None": Bad(lambda _: study(trials=None), ValueError, ["trials=...", "trials=512"]),
    "seed below 0": Bad(lambda _: study(seed=-1), ValueError, ["Study(seed=...)", "got -1"]),
    "seed that is another": Bad(
        lambda _: study(seed=2**40 + 5), ValueError, ["seed=...", "2**32", f"{2**40 + 5}", "seed=5"]
    ),
    "seed None": Bad(lambda _: study(seed=None), ValueError, ["Study(seed=...)", "seed=0"]),
    "empty batch": Bad(lambda _: study(batch=0), ValueError, ["Study(batch=...)", "got 0"]),
    "lookahead below 0": Bad(lambda _: study(lookahead=-1), ValueError, ["lookahead", "got -1"]),
    "no lanes": Bad(lambda _: study(width=0), ValueError, ["Study(width=...)", "got 0"]),
    "no drivers": Bad(lambda _: study(drivers=0), ValueError, ["Study(drivers=...)", "got 0"]),
    "more lanes than memory": Bad(
        lambda _: study(width=10**8),
        ValueError,
        ["Study(width=...)", "at most 65536", "got 100000000", "leave it out"],
    ),
    "batch without end": Bad(lambda _: study(batch=10**9), ValueError, ["batch=...", "at most"]),
    "more trials than numbers": Bad(
        lambda _: study(trials=10**20), ValueError, ["trials=...", "at most 2147483646", "got 1000"]
    ),
    "no task": Bad(
        lambda _: study(bowl),
        ValueError,
        ["Study(task=...)", "got function", "objective(fn, space)"],
    ),
    "unknown sampler": Bad(
        lambda _: study(sampler="tpee"), ValueError, ["sampler='tpee'", "holds: ", "tpe"]
    ),
    "unknown scheduler": Bad(
        lambda _: study(scheduler="medan"), ValueError, ["scheduler='medan'", "holds: ", "median"]
    ),
    "unknown option of a sampler": Bad(
        lambda _: study(sampler="tpe", sampler_options={"start": 1}),
        ValueError,
        ["sampler_options={'start': 1}", "no option 'start'", "it has startup"],
    ),
    "option of a sampler out of range": Bad(
        lambda _: study(sampler="tpe", sampler_options={"candidates": 0}),
        ValueError,
        ["tpe(candidates=...)", "at least 1", "candidates=0"],
    ),
    "options of a sampler as a list": Bad(
        lambda _: study(sampler_options=["startup"]),
        ValueError,
        ["Study(sampler_options=...)", "got ['startup']", "sampler_options={'name': value}"],
    ),
    "option of a scheduler out of range": Bad(
        lambda _: study(scheduler="median", scheduler_options={"warmup": 0}),
        ValueError,
        ["median(warmup=...)", "at least 1", "warmup=0"],
    ),
    "eta that keeps all": Bad(
        lambda _: study(scheduler="asha", scheduler_options={"eta": 1}),
        ValueError,
        ["asha(eta=...)", "above 1", "eta=1"],
    ),
    "no replicates": Bad(lambda _: study(replicates=0), ValueError, ["replicates=...", "got 0"]),
    "plan as a list": Bad(
        lambda _: study(plan=["kind"]), ValueError, ["Study(plan=...)", "['kind']", "{'name': "]
    ),
    "plan of another kind": Bad(
        lambda _: study(plan={"kind": "fast"}),
        ValueError,
        ["'kind'", "'traced', 'grouped' or 'cohorts'"],
    ),
    "plan of what can't be planned": Bad(
        lambda _: study(plan={"x": "traced"}), ValueError, ["Study(plan=...)", "'x'", "elastic"]
    ),
    "enqueued configuration alone": Bad(
        lambda _: study(enqueue=FULL), ValueError, ["enqueue=...", "'kind': 'a'", "enqueue=[{"]
    ),
    "enqueued with an unknown name": Bad(
        lambda _: study(enqueue=[{**FULL, "y": 1}]), SpaceError, ["'y'", "y=1", "the space has"]
    ),
    "enqueued without a name": Bad(
        lambda _: study(enqueue=[{"x": 0.5, "n": 1}]), SpaceError, ["'kind'", "missing", "give it"]
    ),
    "enqueued out of range": Bad(
        lambda _: study(enqueue=[{**FULL, "x": 2.0}]), SpaceError, ["'x'", "0.0 to 1.0", "x=2.0"]
    ),
    "enqueued choice that is none": Bad(
        lambda _: study(enqueue=[{**FULL, "kind": "c"}]), SpaceError, ["'kind'", "'a', 'b'", "'c'"]
    ),
    "no devices": Bad(
        lambda _: study(devices=[]), ValueError, ["devices=...", "got []", "jax.local_devices()"]
    ),
    "number of devices": Bad(lambda _: study(devices=4), ValueError, ["devices=...", "got 4"]),
    "name of a device": Bad(
        lambda _: study(devices=["cpu"]), ValueError, ["devices=...", "'cpu'", "jax.local_devices"]
    ),
    "workdir that is a number": Bad(
        lambda _: study(workdir=5), ValueError, ["workdir=...", "got 5", "directory"]
    ),
    "workdir that is a file": Bad(
        lambda at: study(workdir=a_file(at)), ValueError, ["workdir='", "is a file", "another one"]
    ),
    "workdir below a file": Bad(
        lambda at: study(workdir=a_file(at) / "here"),
        StudyWriteError,
        ["can't make the directory", "file/here", "use another workdir"],
    ),
    "database of another kind": Bad(
        lambda _: study(workdir="mysql://me:secret@host/db"),
        ValueError,
        ["workdir='mysql://me:***@host/db'", "SQLite files or PostgreSQL", "give a directory"],
    ),
    "records of another study": Bad(
        other_study, StudyMismatch, ["seed: the study has 3, this run has 4", "another workdir"]
    ),
    "records that are none": Bad(
        spoiled_records, StudyUnreadable, ["study.db", "not a database", "another workdir"]
    ),
    "records of no bytes": Bad(
        emptied_records, StudyUnreadable, ["study.db has 0 bytes", "whole copy", "remove the file"]
    ),
    "checkpoints before their time": Bad(
        lambda _: study(checkpoint_seconds=-1.0),
        ValueError,
        ["Study(checkpoint_seconds=...)", "at least 0", "got -1.0"],
    ),
    "checkpoints at no time": Bad(
        lambda _: study(checkpoint_seconds=None), ValueError, ["checkpoint_seconds", "got None"]
    ),
    "rerun of no trial": Bad(
        lambda _: study().rerun(7), ValueError, ["rerun(number=...)", "has none yet", "got 7"]
    ),
}


@each_row(STUDIES)
def test_a_study_refuses(bad, tmp_path):
    refused(bad, tmp_path)
