"""Functions and tasks that are no task."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax.numpy as jnp

from jaxhpo import SpaceError
from jaxhpo.contracts import Task
from jaxhpo.study import StudyFailed
from jaxhpo.tasks.objective import objective
from tests.bad_input.rows import SPACE, TASK, Bad, bowl, each_row, refused, run, study


def returning(value: Any) -> Task:
    return objective(lambda key, hp: value(hp), SPACE, name="mine")


def changed(**given: Any) -> Callable[[Path], None]:
    return lambda _: run(TASK._replace(**given))


OBJECTIVES = {
    "objective that is no function": Bad(
        lambda _: objective(3, SPACE),  # type: ignore[arg-type]
        ValueError,
        ["objective(fn=...)", "got 3"],
    ),
    "objective without a space": Bad(
        lambda _: objective(bowl, {"x": 1}),  # type: ignore[arg-type]
        ValueError,
        ["objective(space=...)", "{'x': 1}", "Space("],
    ),
    "static names as a string": Bad(
        lambda _: objective(bowl, SPACE, static="kind"), ValueError, ["'kind'", "static=['kind']"]
    ),
    "static name that is not there": Bad(
        lambda _: study(objective(bowl, SPACE, static=["zz"])),
        ValueError,
        ["static=...", "(x, n, kind)", "'zz'"],
    ),
    "static continuous parameter": Bad(
        lambda _: study(objective(bowl, SPACE, static=["x"])),
        SpaceError,
        ["continuous Float", "'x'", "give it a step"],
    ),
    "decision on a traced value": Bad(
        lambda _: run(returning(lambda hp: 1.0 if hp["x"] > 0.5 else 0.0)),
        StudyFailed,
        ["mine", "jax.numpy.where", "objective(static=[...])"],
    ),
    "conversion of a traced value": Bad(
        lambda _: run(returning(lambda hp: float(hp["x"]))),
        StudyFailed,
        ["mine", "'x'", "jax.numpy.where"],
    ),
    "objective that returns a vector": Bad(
        lambda _: run(returning(lambda hp: jnp.ones(3))), StudyFailed, ["shape (3,)", "its mean"]
    ),
    "objective that returns nothing": Bad(
        lambda _: run(returning(lambda hp: None)), StudyFailed, ["must return real scalars", "None"]
    ),
    "objective that returns text": Bad(
        lambda _: run(returning(lambda hp: "low")), StudyFailed, ["must return real", "'low'"]
    ),
    "complex objective": Bad(
        lambda _: run(returning(lambda hp: 1j * hp["x"])),
        StudyFailed,
        ["real scalars", "complex64"],
    ),
    "objective without the metric": Bad(
        lambda _: run(objective(lambda key, hp: {"a": hp["x"]}, SPACE, metric="b")),
        StudyFailed,
        ["metric=...", "(a)", "'b'"],
    ),
    "objective that fails": Bad(
        lambda _: run(returning(lambda hp: 1 / 0)), StudyFailed, ["all failed", "ZeroDivisionError"]
    ),
    "objective of a name that is not searched": Bad(
        lambda _: run(returning(lambda hp: hp["lr"])), StudyFailed, ["KeyError: 'lr'", "'kind': "]
    ),
    "budget of no unit": Bad(
        changed(budget=lambda hp: 0), ValueError, ["budget(hp)", "at least 1", "got 0", "'x': "]
    ),
    "budget of half units": Bad(
        changed(budget=lambda hp: 1.5), ValueError, ["budget(hp)", "whole number", "got 1.5"]
    ),
    "task without a function": Bad(
        changed(train=None), ValueError, ["Task(train=...)", "must be a function", "None"]
    ),
    "task with a direction in words": Bad(
        changed(maximize="yes"), ValueError, ["Task(maximize=...)", "True or False", "'yes'"]
    ),
    "task with a number for a name": Bad(changed(name=3), ValueError, ["Task(", "name=3"]),
    "task with static names as a string": Bad(
        changed(static="kind"), ValueError, ["Task(static=...)", "'kind'", "frozenset({'kind'})"]
    ),
    "task with an elastic name that is not there": Bad(
        changed(elastic=frozenset({"zz"})), ValueError, ["elastic", "'zz'", "(x, n, kind)"]
    ),
    "task with a name to be alike in that is not there": Bad(
        changed(alike=frozenset({"zz"})), ValueError, ["alike", "'zz'", "(x, n, kind)"]
    ),
    "data that are text": Bad(
        changed(data={"names": "abc"}), ValueError, ["Task(data=...)", "'abc'", "data['names']"]
    ),
    "task that does not report its objective": Bad(
        changed(objective="zz"), StudyFailed, ["evaluate(...)", "'zz'", "['objective']"]
    ),
    "metric that is a vector": Bad(
        changed(evaluate=lambda hp, state, data: {"objective": jnp.ones(3)}),
        StudyFailed,
        ["'objective'", "shape (3,)", "take its mean"],
    ),
    "state that changes its structure": Bad(
        changed(train=lambda key, hp, state, data: {"other": jnp.ones(())}),
        StudyFailed,
        ["train(...)", "same structure", "'other'"],
    ),
    "state that changes its type": Bad(
        changed(train=lambda key, hp, state, data: {"objective": jnp.ones((), jnp.int32)}),
        StudyFailed,
        ["train(...)", "objective", "float32", "int32"],
    ),
}


@each_row(OBJECTIVES)
def test_a_task_refuses(bad, tmp_path):
    refused(bad, tmp_path)
