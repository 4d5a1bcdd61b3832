"""The command ``jaxhpo``: looks at a study, also while it runs, and trains trials of it again."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from jaxhpo.goals import stated
from jaxhpo.launch import reporting, show, streams
from jaxhpo.launch.commandline import parser, unknown
from jaxhpo.launch.errors import Usage, sentences
from jaxhpo.launch.foreign import export_to_optuna, opened
from jaxhpo.launch.places import folder, shown
from jaxhpo.leaders import best_of, front_of


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command. Returns 0, 1 if a rerun differs, 2 for what can't be done."""
    streams.opened()
    made = parser()
    given, others = made.parse_known_args(arguments)
    try:
        if others:
            raise Usage(unknown(made, given.command, others[0]))
        with sentences():
            code = _COMMANDS[given.command](given)
            sys.stdout.flush()
            return code
    except Usage as found:
        print(found, file=sys.stderr)
        return found.code
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


@contextlib.contextmanager
def _writing() -> Iterator[None]:
    """While the command's files are written: says what to do where they can't be."""
    try:
        yield
    except BrokenPipeError:
        raise
    except PermissionError as error:
        raise Usage(
            f"error: can't write {error.filename}: {error.strerror}; name another place with "
            "--out=DIR"
        ) from error


def _opened(given: argparse.Namespace) -> Any:
    try:
        from jaxhpo.store.records import open_records
    except ImportError as error:
        raise Usage(f'error: {error}; records need: pip install "jaxhpo[store]"') from error
    return open_records(given.dir, read_only=True)


def _show(given: argparse.Namespace) -> int:
    with opened(given) as records:
        trials, identity = records.trials(), records.identity
        if given.trial is not None:
            show.trial(_numbered(trials, given.trial), identity)
            return 0
        runs = records.sessions()
        show.study(shown(given.dir), identity, trials, runs)
        show.sessions(runs, records.facts())
        if given.plan:
            show.plan(records.facts())
        if given.trials:
            print()
            show.trials(trials, stated(identity["task"]).names)
    return 0


def _numbered(trials: Sequence[Any], number: int) -> Any:
    if not trials:
        raise Usage(f"error: --trial={number}: the study has no trials yet")
    found = next((trial for trial in trials if trial.number == number), None)
    if found is None:  # a study from elsewhere may have gaps
        first, last = trials[0].number, trials[-1].number
        raise Usage(f"error: --trial={number}: the study has trials {first} to {last}")
    return found


def _best(given: argparse.Namespace) -> int:
    with opened(given) as records:
        goals, trials = stated(records.identity["task"]), records.trials()
    best = best_of(goals, trials)
    if best is None:
        kept = " and keeps the constraints" if goals.constraints else ""
        raise Usage(
            f"error: {shown(given.dir)}: no trial is complete{kept} yet, so there is no best one"
        )
    chosen = front_of(goals, trials) if goals.several else [best]
    found = [
        {
            "number": trial.number,
            "config": {k: list(v) if isinstance(v, tuple) else v for k, v in trial.config.items()},
            "metrics": dict(trial.metrics),
        }
        for trial in chosen
    ]
    if given.json:
        print(json.dumps(found if goals.several else found[0], indent=2))
        return 0
    import yaml

    if goals.several:
        print(f"# {goals.words()}: {len(found)} trials that no other beats in all objectives")
    for trial, entry in zip(chosen, found, strict=True):
        print("---\n" * goals.several + f"# trial {trial.number}: {show.metrics(trial)}")
        print(yaml.safe_dump(entry["config"], sort_keys=False), end="")
    return 0


def _report(given: argparse.Namespace) -> int:
    with opened(given) as records, _writing():
        for path in reporting.written(given, records):
            print(path)
    return 0


def _compare(given: argparse.Namespace) -> int:
    later = {"dir": given.second, "study": given.second_study or given.study}
    other = argparse.Namespace(**(vars(given) | later))
    with opened(given) as first, opened(other) as second, _writing():
        reporting.compared(given, first, second)
    return 0


def _export(given: argparse.Namespace) -> int:
    if given.optuna is not None:
        return export_to_optuna(given)
    from jaxhpo.store.export import export

    with opened(given) as records, _writing():
        for path in export(records, given.out or folder(records) / "export"):
            print(path)
    return 0


def _rerun(given: argparse.Namespace) -> int:
    from jaxhpo.store.models import save_model

    with _opened(given) as records:
        trials, identity, facts = records.trials(), records.identity, records.facts()
        home = folder(records)
    _numbered(trials, given.trial)
    with _study_of(given.dir, identity, facts, len(trials)) as study:
        try:
            again = study.rerun(given.trial)
        except RuntimeError as error:
            raise Usage(f"error: {error}", code=1) from error
    out = Path(given.out or home / "models" / f"trial-{given.trial}")
    info = {
        "number": again.trial.number,
        "config": dict(again.trial.config),
        "units": again.trial.units,
        "metrics": dict(again.trial.metrics),
        "test": again.test,
        "same": again.same,
    }
    with _writing():
        path = save_model(out, again.state, info)
    print(f"trial {given.trial}: {show.metrics(again.trial)}")
    if again.test:
        print("on test data: " + ", ".join(f"{k} {v:.5g}" for k, v in again.test.items()))
    print(f"model: {path}")
    if again.others:
        names = ", ".join(map(str, again.others))
        print(f"It went on from states of others; trained again with it: {names}")
    if again.same:
        print("Every recorded value came out the same, bit for bit.")
        return 0
    print("It is NOT what was recorded:", file=sys.stderr)
    for difference in again.differences:
        print(f"  {difference}", file=sys.stderr)
    return 1


def _confirm(given: argparse.Namespace) -> int:
    with _opened(given) as records:
        trials, identity, facts = records.trials(), records.identity, records.facts()
    with _study_of(given.dir, identity, facts, len(trials)) as study:
        show.confirmation(study.confirm(given.top, given.seeds).to_dict())
    return 0


def _study_of(where: str, identity: dict[str, Any], facts: dict[str, Any], trials: int) -> Any:
    """The study, its task made again as the launcher noted it."""
    from jaxhpo.launch.cache import keep_programs
    from jaxhpo.launch.experiments import built, options_type
    from jaxhpo.launch.flags import restored
    from jaxhpo.space import Space
    from jaxhpo.study import Study

    launch = facts.get("launch")
    if launch is None:
        raise Usage(
            f"error: {shown(where)}: this study was not started from the command line, so its task "
            "can't be made again here; in Python: Study(task, workdir=...).rerun(N) with that task"
        )
    keep_programs()
    options = restored(options_type(launch), launch["options"])
    space = None if launch["space"] is None else Space.from_yaml(launch["space"])
    same = ("seed", "sampler", "sampler_options", "scheduler", "scheduler_options", "replicates")
    with sentences(launch["module"]):
        task = built(launch["module"], options, space)
        given = identity["enqueued"]
        return Study(
            task,
            trials=max(1, trials),
            workdir=where,
            enqueue=task.space.decode(given) if given else (),
            **{name: identity[name] for name in same},
        )


_COMMANDS = {
    "show": _show,
    "best": _best,
    "report": _report,
    "compare": _compare,
    "export": _export,
    "confirm": _confirm,
    "rerun": _rerun,
}

if __name__ == "__main__":
    sys.exit(main())
