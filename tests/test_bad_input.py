"""Whatever is wrong with what a user gives, the error names the argument, the value, a way out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxhpo import Choice, Float, Int, Space, SpaceError, Study
from jaxhpo.contracts import Task
from jaxhpo.launch import cli, option
from jaxhpo.launch.errors import Usage
from jaxhpo.launch.flags import parsed
from jaxhpo.launch.run import experiment
from jaxhpo.store import checkpoint_files
from jaxhpo.store.checkpoints import Checkpoints, CheckpointSkipped, newest
from jaxhpo.store.errors import StudyMismatch, StudyNotFound, StudyUnreadable, StudyWriteError
from jaxhpo.store.models import load_model, save_model
from jaxhpo.store.records import open_records
from jaxhpo.study import StudyFailed
from jaxhpo.tasks.objective import objective
from jaxhpo.tasks.parts.splits import split
from jaxhpo.tasks.supervised import supervised


class Bad(NamedTuple):
    """A row. act: ``(an empty directory) -> what fails``. said: all of it in the message."""

    act: Callable[[Path], Any]
    error: type[BaseException]
    said: Sequence[str]


SPACE = Space(x=Float(0.0, 1.0), n=Int(1, 4), kind=Choice(["a", "b"]))
FULL = {"x": 0.5, "n": 1, "kind": "a"}


def bowl(key, hp):
    return hp["x"] ** 2


TASK = objective(bowl, SPACE)


def study(task: Any = TASK, **given: Any) -> Study:
    return Study(task, **{"trials": 4, "sampler": "random", "width": 4, **given})


def run(task: Task) -> None:
    with study(task) as opened:
        opened.run()


def returning(value: Any) -> Task:
    return objective(lambda key, hp: value(hp), SPACE, name="mine")


# -- studies ---------------------------------------------------------------------------------------


def other_study(where: Path) -> None:
    study(workdir=where, seed=3).close()
    study(workdir=where, seed=4)


def spoiled_records(where: Path) -> None:
    (where / "study.db").write_bytes(b"no database at all" * 100)
    study(workdir=where)


def a_file(where: Path) -> Path:
    (where / "file").write_text("")
    return where / "file"


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
    "rerun of no trial": Bad(
        lambda _: study().rerun(7), ValueError, ["rerun(number=...)", "has none yet", "got 7"]
    ),
}

# -- spaces (`tests/space/test_bad_spaces.py` has all of them) -------------------------------------


def from_yaml(text: str) -> Callable[[Path], Space]:
    return lambda _: Space.from_yaml(text)


SPACES = {
    "bounds that are swapped": Bad(
        lambda _: Space(lr=Float(0.1, 0.01)), SpaceError, ["Float(low=...)", "'lr'", "swap them"]
    ),
    "logarithm of 0": Bad(
        lambda _: Space(lr=Float(0.0, 1.0, log=True)), SpaceError, ["'lr'", "low=0.0", "drop log"]
    ),
    "nothing to search": Bad(lambda _: Space(a=1), SpaceError, ["Space(...)", "add a Float"]),
    "condition on nothing": Bad(
        lambda _: Space(x=Float(0, 1, when={"kind": "a"})), SpaceError, ["'x'", "'kind'", "when"]
    ),
    "condition on a value that can't be": Bad(
        lambda _: Space(kind=Choice(["a", "b"]), x=Float(0, 1, when={"kind": "c"})),
        SpaceError,
        ["'x'", "'c'", "'a', 'b'"],
    ),
    "choice of nothing": Bad(lambda _: Space(k=Choice([])), SpaceError, ["Choice(", "'k'"]),
    "file with an unknown type": Bad(
        from_yaml("lr: {type: flaot, low: 0, high: 1}"), SpaceError, ["'lr'", "'flaot'", "float"]
    ),
    "file without a bound": Bad(
        from_yaml("lr: {type: float, low: 0}"), SpaceError, ["'lr'", "'high'", "add high:"]
    ),
    "file that is a list": Bad(from_yaml("- lr"), SpaceError, ["got", "lr"]),
}

# -- tasks -----------------------------------------------------------------------------------------

ROWS = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
LABELS = (ROWS[:, 0] > 0).astype(int)
DATA = split(ROWS, LABELS, seed=0, validation=0.25, test=0.25)
TRAINED = Space(lr=Float(1e-3, 1e-1), batch_size=Choice([8, 16]), epochs=Int(1, 2))


class Net(nn.Module):
    out: int = 2
    gives: Callable[[Any], Any] = staticmethod(lambda y: y)

    @nn.compact
    def __call__(self, x, train):
        return self.gives(nn.Dense(self.out)(x))


def training(**given: Any) -> Task:
    return supervised(**{"space": TRAINED, "model": lambda hp: Net(), "data": DATA, **given})


def of(inputs: Any = ROWS, targets: Any = LABELS, **given: Any) -> Callable[[Path], Any]:
    """A task on these rows."""
    data = {"train": (inputs, targets), "validation": (inputs, targets)}
    return lambda _: training(**{"data": data, "batch_size": 8, **given})


def trained(inputs: Any = ROWS, targets: Any = LABELS, **given: Any) -> Callable[[Path], None]:
    """A study of such a task, with batches of 8 of the 40 rows."""
    return lambda where: run(of(inputs, targets, **given)(where))


def giving(fn: Callable[[Any], Any], out: int = 2) -> Callable[[Any], Net]:
    return lambda hp: Net(out, fn)


def changed(**given: Any) -> Callable[[Path], None]:
    return lambda _: run(TASK._replace(**given))


TASKS = {
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
        lambda _: run(returning(lambda hp: float(hp["x"]))), StudyFailed, ["mine", "static=[...]"]
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
    "unknown loss": Bad(
        lambda _: training(loss="huber"), ValueError, ["loss=...", "'cross_entropy'", "'huber'"]
    ),
    "metric that is no function": Bad(
        lambda _: training(metrics={"m": 3}), ValueError, ["metrics['m']", "got 3"]
    ),
    "unknown objective": Bad(
        lambda _: training(objective="f1"), ValueError, ["objective=...", "accuracy", "'f1'"]
    ),
    "own metric without a direction": Bad(
        lambda _: training(objective="m", metrics={"m": lambda outputs, targets: outputs[:, 0]}),
        ValueError,
        ["maximize=...", "True or False", "'m'"],
    ),
    "batch size that is not searched": Bad(
        lambda _: training(batch_size="size"), ValueError, ["batch_size=...", "'size'", "add size="]
    ),
    "batches of no rows": Bad(
        lambda _: training(batch_size=0), ValueError, ["batch_size=...", "at least 1", "got 0"]
    ),
    "no epochs": Bad(lambda _: training(epochs=0), ValueError, ["epochs=...", "1", "got 0"]),
    "epochs that are no whole numbers": Bad(
        lambda _: training(space=Space(lr=Float(0, 1), epochs=Float(1, 5)), batch_size=8),
        ValueError,
        ["epochs=...", "'epochs'", "Float(low=1", "Int("],
    ),
    "batch sizes that are words": Bad(
        lambda _: training(
            space=Space(lr=Float(0, 1), batch_size=Choice(["small", "large"])), epochs=1
        ),
        ValueError,
        ["batch_size=...", "'batch_size'", "'small'", "Choice([16, 32])"],
    ),
    "patience below 0": Bad(
        lambda _: training(patience=-1), ValueError, ["patience=...", "at least 0", "got -1"]
    ),
    "folds beside validation rows": Bad(
        lambda _: training(folds=3), ValueError, ["folds=3", 'data["validation"]', 'data["train"]']
    ),
    "more folds than rows": Bad(
        lambda _: training(folds=50, data={"train": DATA["train"]}),
        ValueError,
        ["folds=50", "100 training rows", "got 20"],
    ),
    "no learning rate": Bad(
        lambda _: training(space=Space(z=Float(0, 1)), batch_size=8, epochs=1),
        ValueError,
        ["optimizer=...", "'lr'", "it has z", "optax.adam"],
    ),
    "model instead of its maker": Bad(
        lambda _: training(model=Net()),
        ValueError,
        ["model=...", "(hp) -> flax.linen.Module", "Net"],
    ),
    "model of the wrong shape": Bad(
        lambda _: run(training(loss="mse", batch_size=16)),
        StudyFailed,
        ["loss='mse'", "same shape", "[16, 2]"],
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
    "targets that would broadcast": Bad(
        trained(ROWS, ROWS[:, 0], loss="mae", model=giving(lambda y: y, 1)),
        StudyFailed,
        ["loss='mae'", "same shape", "[8, 1] and [8]", "targets[:, None]"],
    ),
    "outputs that would broadcast": Bad(
        trained(ROWS, ROWS[:, :1], loss="mse", model=giving(lambda y: y[:, 0])),
        StudyFailed,
        ["loss='mse'", "[8] and [8, 1]", "outputs[:, None]"],
    ),
    "metric that broadcasts": Bad(
        trained(metrics={"m": lambda outputs, targets: outputs[:, :1] * targets[None]}),
        StudyFailed,
        ["metrics['m']", "a value a row (or a scalar)", "shape [40, 40]", "same shape"],
    ),
    "loss that is a mean": Bad(
        trained(objective="loss", loss=lambda outputs, targets: outputs.mean()),
        StudyFailed,
        ["loss=...", "a value a row, shape [8]", "got shape []"],
    ),
    "loss that is nothing": Bad(
        trained(objective="loss", loss=lambda outputs, targets: None),
        StudyFailed,
        ["loss=...", "a value a row", "got None"],
    ),
    "model that gives several arrays": Bad(
        trained(model=giving(lambda y: (y, y))),
        StudyFailed,
        ["loss='cross_entropy'", "must be one array", "a tuple of 2", "loss=function"],
    ),
    "model that gives no array": Bad(
        trained(model=giving(lambda y: {"logits": y})),
        StudyFailed,
        ["one array", "a dict of logits"],
    ),
    "model that gives nothing": Bad(
        trained(model=giving(lambda y: None)), StudyFailed, ["one array", "got None"]
    ),
    "model with nothing to train": Bad(
        trained(model=(lambda key, hp, x: None, lambda hp, params, x, key: x[:, :2])),
        StudyFailed,
        ["model=...", "no parameters to train", "got None"],
    ),
    "r2 of what does not vary": Bad(
        of(ROWS, np.ones((40, 2)), loss="mse", objective="r2"),
        ValueError,
        ["objective='r2'", "data['validation']", "output 0 of 2 is 1.0", "objective='loss'"],
    ),
    "optimizer by name": Bad(
        of(optimizer="adam"), ValueError, ["optimizer=...", "(hp) -> optax", "got 'adam'"]
    ),
    "optimizer that is none": Bad(
        trained(optimizer=lambda hp: None), StudyFailed, ["optimizer=...", "got NoneType"]
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

# -- the command line ------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    widths: tuple[int, ...] = option((64,), "of layers")
    noise: float = option(0.1, "what is added", least=0.0)
    power: Literal[2, 4] = option(2, "how steep")


def flags(*arguments: str) -> Callable[[Path], Any]:
    return lambda _: parsed("mine", Options, arguments, smoke={})


def command(*arguments: str) -> Callable[[Path], None]:
    """A command of `jaxhpo` that ends with status 2; its sentence is the error."""

    def act(where: Path) -> None:
        (where / "empty").mkdir()
        with study(workdir=where / "made") as made:
            made.records.write(made.trials)
        code = cli.main([argument.replace("HERE", str(where)) for argument in arguments])
        assert code == 2

    return act


FLAGS = {
    "unknown flag": Bad(flags("--trails=8"), Usage, ["trails", "Did you mean: trials", "--help"]),
    "trials in words": Bad(flags("--trials=many"), Usage, ["--trials=many", "a whole number, got"]),
    "noise in words": Bad(flags("--noise=some"), Usage, ["--noise=some", "a number, got 'some'"]),
    "no trials at all": Bad(
        flags("--trials=0"), Usage, ["--trials=0", "not a positive integer", "--help"]
    ),
    "no flag at all": Bad(flags("trials=8"), Usage, ["'trials=8'", "begin with --"]),
    "sampler that is mistyped": Bad(
        flags("--sampler=tep"), Usage, ["sampler='tep'", "Did you mean tpe?", "sobol"]
    ),
    "scheduler that is mistyped": Bad(
        flags("--scheduler=medain"), Usage, ["scheduler='medain'", "Did you mean median?"]
    ),
    "choice that is none": Bad(flags("--power=3"), Usage, ["--power=3", "2|4"]),
    "number below its least": Bad(
        flags("--noise=-1"), Usage, ["--noise=-1", "not a non-negative number"]
    ),
    "list of words": Bad(flags("--widths=8,wide"), Usage, ["--widths=8,wide", "ints", "commas"]),
    "experiment that is not there": Bad(
        lambda _: experiment("no_such_experiment"), Usage, ["'no_such_experiment'", "run this in"]
    ),
    "no study there": Bad(
        command("show", "HERE/empty"), Usage, ["there is no study in", "empty", "--workdir="]
    ),
    "no best trial yet": Bad(
        command("best", "HERE/made"), Usage, ["made", "no trial is complete yet"]
    ),
    "trial that is not there": Bad(
        command("show", "HERE/made", "--trial=7"), Usage, ["--trial=7", "no trials yet"]
    ),
}

# -- what is saved ---------------------------------------------------------------------------------


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

TABLE = STUDIES | SPACES | TASKS | FLAGS | SAVED


@pytest.mark.parametrize("row", TABLE)
def test_bad_input_is_refused_in_words_that_help(row, tmp_path, capsys):
    bad = TABLE[row]
    if issubclass(bad.error, Warning):
        with pytest.warns(bad.error) as caught:
            bad.act(tmp_path)
        message = str(caught[0].message)
    elif bad.act.__qualname__.startswith("command"):
        bad.act(tmp_path)
        message = capsys.readouterr().err
    else:
        with pytest.raises(bad.error) as raised:
            bad.act(tmp_path)
        assert type(raised.value) is bad.error
        message = str(raised.value)
    for words in bad.said:
        assert words in message, f"{words!r} is not in: {message}"


def test_the_table_is_large_and_names_its_rows_once():
    assert len(TABLE) == sum(map(len, (STUDIES, SPACES, TASKS, FLAGS, SAVED)))
    assert len(TABLE) >= 130
