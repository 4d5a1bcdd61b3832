"""Rows that nothing can be learned from."""

from __future__ import annotations

import numpy as np

from jaxhpo.study import StudyFailed
from jaxhpo.tasks.parts.splits import split
from tests.bad_input.nets import DATA, LABELS, ROWS, of, trained, training
from tests.bad_input.rows import Bad, each_row, refused, run

ROWS_GIVEN = {
    "no validation rows": Bad(
        lambda _: training(data={"train": (ROWS, LABELS)}),
        ValueError,
        ["supervised(data=...)", '"validation"', "['train']"],
    ),
    "inputs alone": Bad(
        lambda _: training(data={**DATA, "train": ROWS}), ValueError, ["data['train']", "a pair"]
    ),
    "rows that don't match": Bad(
        lambda _: training(data={**DATA, "train": (ROWS, LABELS[:5])}),
        ValueError,
        ["data['train']", "equally many rows", "(40, 3)", "(5,)"],
    ),
    "inputs with NaN": Bad(
        lambda _: training(data={**DATA, "train": (ROWS * np.nan, LABELS)}),
        ValueError,
        ["data['train']", "inputs", "40 of 40", "drop or fill"],
    ),
    "label that the model has no output for": Bad(
        trained(ROWS, LABELS + 4),
        StudyFailed,
        ["loss='cross_entropy'", "the label 5", "has 2 outputs", "6 outputs", "0, 1, 2"],
    ),
    "label that only the test rows hold": Bad(
        lambda _: run(training(data={**DATA, "test": (ROWS, LABELS + 1)})),
        ValueError,  # two batch sizes: the study traces the task to choose how to train them
        ["data['test'] holds the label 2", "has 2 outputs"],
    ),
    "labels below 0": Bad(
        of(ROWS, LABELS - 1), ValueError, ["data['train']", "from 0 on", "got -1", "unique"]
    ),
    "labels with a fraction": Bad(
        of(ROWS, LABELS + 0.5), ValueError, ["data['train']", "got float32 (", "astype(int)", "mse"]
    ),
    "labels in one-hot rows": Bad(
        of(ROWS, np.eye(2)[LABELS]), ValueError, ["labels of shape [rows]", "[40, 2]", "argmax"]
    ),
    "labels that are words": Bad(
        of(ROWS, np.where(LABELS, "cat", "dog")),
        ValueError,
        ["data['train']", "targets must be numbers", "<U3", "encode text"],
    ),
    "labels that 32 bits don't hold": Bad(
        of(ROWS, LABELS + 2**32),
        ValueError,
        ["targets must fit int32", "40 of 40", "4294967297"],
    ),
    "labels that are missing": Bad(
        of(ROWS, None), ValueError, ["data['train']", "[rows]", "got NoneType", "loss=function"]
    ),
    "inputs of mixed columns": Bad(
        of(np.array([[1.0, "a"]] * 40, object)),
        ValueError,
        ["inputs must be numbers", "object (float)", "shape [40, 2]", "astype"],
    ),
    "inputs too large for float32": Bad(
        of(np.full((40, 3), 1e39)), ValueError, ["inputs must be finite", "1e+39", "scale"]
    ),
    "inputs in a list": Bad(
        of(ROWS.tolist()), ValueError, ["data['train']", "and 117 more", "numpy.asarray(list)"]
    ),
    "validation rows of another kind": Bad(
        lambda _: training(data={**DATA, "validation": (np.ones((40, 3), np.uint8), LABELS)}),
        ValueError,
        ["data['validation']", "float32 of shape [20, 3]", "got uint8", "prepare all splits"],
    ),
    "validation rows of another form": Bad(
        lambda _: training(data={**DATA, "validation": ({"a": ROWS}, LABELS)}),
        ValueError,
        ["data['validation']", "inputs", "form of those in data['train']", "{'a': *}"],
    ),
    "no rows for validation": Bad(
        lambda _: training(data={**DATA, "validation": (ROWS[:0], LABELS[:0])}),
        ValueError,
        ["data['validation']", "at least one", "(0, 3)"],
    ),
    "r2 of what does not vary": Bad(
        of(ROWS, np.ones((40, 2)), loss="mse", objective="r2"),
        ValueError,
        ["objective='r2'", "data['validation']", "output 0 of 2 is 1.0", "objective='loss'"],
    ),
    "shares above the whole": Bad(
        lambda _: split(ROWS, LABELS, seed=0, validation=1.2, test=0.1),
        ValueError,
        ["split(validation=..., test=...)", "validation=1.2", "leave rows for training"],
    ),
    "split without rows": Bad(
        lambda _: split(ROWS[:2], LABELS[:2], seed=0, validation=0.1, test=0.1),
        ValueError,
        ["2 rows", "validation: 0", "give more rows"],
    ),
}


@each_row(ROWS_GIVEN)
def test_data_are_refused(bad, tmp_path):
    refused(bad, tmp_path)
