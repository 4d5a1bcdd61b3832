"""The command ``jaxhpo``: looks at a study, also while it runs, and trains trials of it again."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxhpo import __version__
from jaxhpo.goals import stated
from jaxhpo.launch import reporting, show, streams
from jaxhpo.launch.errors import Usage, sentences
from jaxhpo.launch.foreign import export_to_optuna, foreign, opened
from jaxhpo.launch.places import folder, shown
from jaxhpo.leaders import best_of, front_of


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command. Returns 0, 1 if a rerun differs, 2 for what can't be done."""
    streams.opened()
    given = _parser().parse_args(arguments)
    try:
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="jaxhpo",
        description="Looks at a study, also while it runs, and trains one of its trials again.",
        epilog=_examples("show runs/digits", "best runs/digits --json", "COMMAND --help"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"jaxhpo {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    texts = {
        "show": ("where the study stands, and what it ran on", "", " --trials", " --trial 7"),
        "best": (
            "the best configuration, or the front",
            " > best.yaml",
            " --json",
        ),
        "report": ("write the report (Markdown, HTML, JSON, figures, tables)", " --out report"),
        "compare": (
            "whether a second study did better than a first, and which of its advice was right",
            " runs/refined",
            " runs/refined --out comparison",
        ),
        "export": ("write trials and curves as CSV and Parquet", " --out tables"),
        "confirm": ("train the best again with fresh seeds", "", " --top 10 --seeds 5"),
        "rerun": ("train one trial again, alone, compare it bit for bit, save it", " --trial 7"),
    }
    made = {}
    for name, (text, *examples) in texts.items():
        made[name] = commands.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            epilog=_examples(*(f"{name} runs/digits{more}" for more in examples)),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        made[name].add_argument("dir", metavar="DIR", help="the study's directory, or database URL")
    made["show"].add_argument("--trials", action="store_true", help="a line for every trial")
    made["show"].add_argument("--trial", type=int, metavar="N", help="everything about one trial")
    made["best"].add_argument("--json", action="store_true", help="as JSON instead of YAML")
    made["show"].add_argument(
        "--plan", action="store_true", help="which structures share a program, and why"
    )
    made["confirm"].add_argument("--top", type=int, metavar="N", default=5, help="how many (5)")
    made["confirm"].add_argument(
        "--seeds", type=int, metavar="N", default=5, help="how often each (5)"
    )
    made["report"].add_argument("--out", metavar="DIR", help="where to (DIR/report)")
    for name in ("show", "best", "report", "export"):
        foreign(made[name])
    reporting.arguments(made["report"])
    compare = made["compare"]
    compare.add_argument("second", metavar="SECOND", help="the study that came after it")
    compare.add_argument("--out", metavar="DIR", help="write a report there, too")
    compare.add_argument("--seed", type=int, metavar="N", help="of every resampling (0)")
    foreign(compare)
    compare.add_argument("--second-study", metavar="NAME", help="of the second, if not the same")
    reporting.looks(compare)
    made["export"].add_argument("--out", metavar="DIR", help="where to (DIR/export)")
    made["export"].add_argument(
        "--optuna", metavar="URL", help="instead, as a study into this Optuna storage"
    )
    made["rerun"].add_argument("--trial", type=int, metavar="N", required=True, help="which trial")
    made["rerun"].add_argument("--out", metavar="DIR", help="where to (DIR/models/trial-N)")
    return parser


def _examples(*commands: str) -> str:
    return "\n".join(["examples:", *(f"  jaxhpo {command}" for command in commands)])


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
        show.study(shown(given.dir), identity, trials)
        show.sessions(records.sessions(), records.facts())
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
    with opened(given) as records:
        for path in reporting.written(given, records):
            print(path)
    return 0


def _compare(given: argparse.Namespace) -> int:
    later = {"dir": given.second, "study": given.second_study or given.study}
    other = argparse.Namespace(**(vars(given) | later))
    with opened(given) as first, opened(other) as second:
        reporting.compared(given, first, second)
    return 0


def _export(given: argparse.Namespace) -> int:
    if given.optuna is not None:
        return export_to_optuna(given)
    from jaxhpo.store.export import export

    with opened(given) as records:
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
    from jaxhpo.launch.flags import restored
    from jaxhpo.launch.run import built, options_type
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
