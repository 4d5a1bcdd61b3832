"""What was saved and is not what it should be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from jaxhpo.store import checkpoint_files
from jaxhpo.store.checkpoints import Checkpoints, CheckpointSkipped, newest
from jaxhpo.store.errors import StudyNotFound, StudyWriteError
from jaxhpo.store.models import load_model, save_model
from jaxhpo.store.records import open_records
from tests.bad_input.rows import Bad, a_file, each_row, refused


def checkpoint(where: Path) -> Path:
    """A checkpoint, the only one in `where`."""
    with Checkpoints(where, "mine") as checkpoints:
        checkpoints.save(1, {"w": np.ones(3)}, {"n": 1})
    return where / "checkpoint-000001"


def spoiled(name: str, content: bytes | None) -> Callable[[Path], Any]:
    """Restores a checkpoint in which one file was replaced, or lost."""

    def act(where: Path) -> None:
        file = checkpoint(where) / name
        if content is None:
            file.unlink()
        else:
            file.write_bytes(content)
        assert newest(where, "mine") is None

    return act


def of_format_9(where: Path) -> None:
    path = checkpoint(where)
    form, checkpoint_files.FORMAT = checkpoint_files.FORMAT, 9
    try:
        newest(where, "mine")
    finally:
        checkpoint_files.FORMAT = form
    assert path.exists()


def unlike(where: Path) -> None:
    save_model(where, {"w": np.ones((2, 3))}, {})
    load_model(where, {"w": np.ones((2, 4))})


SAVED = {
    "checkpoint of another study": Bad(
        lambda at: newest(checkpoint(at).parent, "yours"),
        CheckpointSkipped,
        ["checkpoint-000001", "another study", "mine", "yours"],
    ),
    "checkpoint of another version": Bad(
        of_format_9, CheckpointSkipped, ["checkpoint-000001", "format 1", "knows 9"]
    ),
    "checkpoint with a damaged tree": Bad(
        spoiled("tree.json", b"{}"), CheckpointSkipped, ["-000001", "tree.json is damaged"]
    ),
    "checkpoint that says nothing of itself": Bad(
        spoiled("checkpoint.json", b""), CheckpointSkipped, ["checkpoint.json is damaged"]
    ),
    "checkpoint without a file": Bad(
        spoiled("tree.json", None), CheckpointSkipped, ["tree.json can't be read: No such file"]
    ),
    "checkpoint of what can't be saved": Bad(
        lambda at: Checkpoints(at, "mine").save(1, {"w": {1, 2}}, {}),
        TypeError,
        ["{1, 2}", "arrays/w", "a checkpoint holds arrays"],
    ),
    "checkpoint of step -1": Bad(
        lambda at: Checkpoints(at, "mine").save(-1, {}, {}), ValueError, ["step=-1", "at least 0"]
    ),
    "checkpoints below a file": Bad(
        lambda at: Checkpoints(a_file(at) / "here", "mine"),
        StudyWriteError,
        ["can't make the directory", "file/here", "another workdir"],
    ),
    "model that is unlike": Bad(
        unlike, ValueError, ["load_model(like=...)", "w: saved float64 [2, 3]", "[2, 4]"]
    ),
    "no model there": Bad(load_model, FileNotFoundError, ["holds no saved model", "model.json"]),
    "no records there": Bad(
        lambda at: open_records(at), StudyNotFound, ["there is no study in", "--workdir="]
    ),
}


@each_row(SAVED)
def test_saved_files_are_refused(bad, tmp_path):
    refused(bad, tmp_path)
