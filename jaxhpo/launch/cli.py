"""``jaxhpo show|best|report|export|rerun DIR``: looks at a study, and trains one trial again."""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxhpo.launch.flags import Usage
from jaxhpo.launch.progress import duration

_TICKS = "▁▂▃▄▅▆▇█"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command. Returns 0, 1 if a rerun differs, 2 for what can't be done."""
    try:
        given = _parser().parse_args(arguments)
        return _checked(given)
    except Usage as stop:
        print(stop, file=sys.stderr)
        return stop.code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="jaxhpo", description="Looks at a study, and trains one of its trials again."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    texts = {
        "show": "where the study stands, and what it ran on",
        "best": "the best configuration",
        "report": "write the report (Markdown, HTML, JSON, figures, tables)",
        "export": "write trials and curves as CSV and Parquet",
        "rerun": "train one trial again, alone, compare it bit for bit, save its model",
    }
    made = {}
    for name, text in texts.items():
        made[name] = commands.add_parser(name, help=text, description=text.capitalize() + ".")
        made[name].add_argument("dir", metavar="DIR", help="the study's directory")
    made["show"].add_argument("--trials", action="store_true", help="a line for every trial")
    made["show"].add_argument("--trial", type=int, metavar="N", help="everything about one trial")
    made["best"].add_argument("--json", action="store_true", help="as JSON instead of YAML")
    made["report"].add_argument("--out", metavar="DIR", help="where to (DIR/report)")
    made["export"].add_argument("--out", metavar="DIR", help="where to (DIR/export)")
    made["rerun"].add_argument("--trial", type=int, metavar="N", required=True, help="which trial")
    made["rerun"].add_argument("--out", metavar="DIR", help="where to (DIR/models/trial-N)")
    return parser


def _checked(given: argparse.Namespace) -> int:
    """Runs the command; what can go wrong with a study becomes a sentence."""
    try:
        from jaxhpo.store import errors
    except ImportError as error:
        raise Usage(f'{error}; reading studies needs: pip install "jaxhpo[store]"') from error
    known = (
        errors.StudyInUse,
        errors.StudyNotFound,
        errors.StudyUnreadable,
        errors.StudyWriteError,
        ValueError,
    )
    try:
        return _COMMANDS[given.command](given)
    except known as error:
        raise Usage(f"error: {error}") from error


def _opened(given: argparse.Namespace) -> Any:
    from jaxhpo.store.records import open_records

    return open_records(given.dir, read_only=True)


def _best(trials: Sequence[Any]) -> Any:
    complete = [t for t in trials if t.status == "complete" and t.loss is not None]
    return min(complete, key=lambda t: (t.loss, t.number), default=None)


# -- show ------------------------------------------------------------------------------------------


def _show(given: argparse.Namespace) -> int:
    with _opened(given) as records:
        trials, identity = records.trials(), records.identity
        if given.trial is not None:
            _show_trial(_numbered(trials, given.trial), identity)
            return 0
        _show_study(given.dir, identity, trials)
        _show_sessions(records.sessions(), records.facts())
        if given.trials:
            print()
            _show_trials(trials, identity["task"]["objective"])
    return 0


def _numbered(trials: Sequence[Any], number: int) -> Any:
    if not 0 <= number < len(trials):
        raise Usage(f"--trial={number}: the study has trials 0 to {len(trials) - 1}")
    return trials[number]


def _show_study(where: str, identity: dict[str, Any], trials: Sequence[Any]) -> None:
    task = identity["task"]
    goal = "maximised" if task["maximize"] else "minimised"
    print(f"{where}: {task['name']}, {task['objective']} {goal}, seed {identity['seed']}")
    print(
        f"  sampler {identity['sampler']} {identity['sampler_options'] or ''}, scheduler "
        f"{identity['scheduler']} {identity['scheduler_options'] or ''}".replace(" ,", ",").rstrip()
    )
    sizes = ", ".join(f"{name} {identity[name]}" for name in ("batch", "lookahead", "width"))
    print(f"  {sizes}")
    for word, values in (
        ("trials", [t.status.value for t in trials]),
        ("proposed by", [t.phase.value for t in trials]),
    ):
        counts = {value: values.count(value) for value in dict.fromkeys(sorted(values))}
        print(f"  {word}: " + (", ".join(f"{n} {v}" for v, n in counts.items()) or "none yet"))
    best = _best(trials)
    if best is not None:
        print(f"  best: trial {best.number}, {_metrics(best)}")
        print(f"        {_config(best)}")


def _show_sessions(sessions: Sequence[dict[str, Any]], facts: dict[str, Any]) -> None:
    test = facts.get("test")
    if test and test["metrics"]:
        values = ", ".join(f"{k} {v:.5g}" for k, v in test["metrics"].items())
        print(f"  on test data (trial {test['number']}): {values}")
    for session in sessions:
        began = datetime.datetime.fromtimestamp(session["started"]).strftime("%Y-%m-%d %H:%M")
        how = session["how"] or "running, or killed"
        took = f", {duration(session['ended'] - session['started'])}" if session["ended"] else ""
        info = session["info"]
        versions, devices = info.get("versions", {}), info.get("devices", {})
        on = f"jax {versions.get('jax')} on {devices.get('count')} x {devices.get('kind')}"
        print(f"  run of {began}: {how}{took}; {on}")


def _show_trials(trials: Sequence[Any], objective: str) -> None:
    for trial in trials:
        value = trial.metrics.get(objective)
        score = "" if value is None else f"{objective} {value:.5g}"
        units = f"{trial.units}/{trial.budget}"
        print(f"{trial.number:>6}  {trial.status:<9} {units:>7}  {score:<22} {_config(trial)}")


def _show_trial(trial: Any, identity: dict[str, Any]) -> None:
    print(f"trial {trial.number}: {trial.status}, {trial.units} of {trial.budget} units")
    print(f"  proposed by {trial.phase}, knowing the results of the trials below {trial.known}")
    for name, value in trial.config.items():
        print(f"  {name:<20}{value}")
    for name, curve in trial.curves.items():
        mark = " (objective)" if name == identity["task"]["objective"] else ""
        print(f"  {name:<20}{curve[-1]:.6g}  {sparkline(curve)}{mark}")
    if trial.error:
        print(f"  {trial.error}")
    if trial.seconds is not None:
        print(f"  {trial.seconds:.3g} s of the population's time, begun {trial.attempts} time(s)")


def sparkline(values: Any, width: int = 40) -> str:
    """Values as a line of blocks, the lowest to the highest; a gap where one is not finite."""
    import numpy as np

    values = np.asarray(values, float)
    if len(values) > width:
        values = values[np.linspace(0, len(values) - 1, width).round().astype(int)]
    finite = values[np.isfinite(values)]
    if not len(finite):
        return ""
    low, span = finite.min(), float(np.ptp(finite)) or 1.0
    return "".join(
        _TICKS[int((v - low) / span * (len(_TICKS) - 1))] if np.isfinite(v) else " " for v in values
    )


def _metrics(trial: Any) -> str:
    return ", ".join(f"{name} {value:.5g}" for name, value in trial.metrics.items())


def _config(trial: Any) -> str:
    return ", ".join(f"{name}={value}" for name, value in trial.config.items())


# -- the others ------------------------------------------------------------------------------------


def _show_best(given: argparse.Namespace) -> int:
    with _opened(given) as records:
        best = _best(records.trials())
    if best is None:
        raise Usage(f"{given.dir}: no trial is complete yet, so there is no best one")
    config = {k: list(v) if isinstance(v, tuple) else v for k, v in best.config.items()}
    if given.json:
        found = {"number": best.number, "config": config, "metrics": dict(best.metrics)}
        print(json.dumps(found, indent=2))
        return 0
    import yaml

    print(f"# trial {best.number}: {_metrics(best)}")
    print(yaml.safe_dump(config, sort_keys=False), end="")
    return 0


def _report(given: argparse.Namespace) -> int:
    try:
        from jaxhpo.report.bundle import write_report
    except ImportError as error:
        raise Usage(f'{error}; a report needs: pip install "jaxhpo[report]"') from error
    with _opened(given) as records:
        for path in write_report(records, Path(given.out or Path(given.dir) / "report")):
            print(path)
    return 0


def _export(given: argparse.Namespace) -> int:
    from jaxhpo.store.export import export

    with _opened(given) as records:
        for path in export(records, given.out or Path(given.dir) / "export"):
            print(path)
    return 0


def _rerun(given: argparse.Namespace) -> int:
    from jaxhpo.store.models import save_model

    with _opened(given) as records:
        trials, identity, facts = records.trials(), records.identity, records.facts()
    _numbered(trials, given.trial)
    with _study_of(given.dir, identity, facts, len(trials)) as study:
        again = study.rerun(given.trial)
    out = Path(given.out or Path(given.dir) / "models" / f"trial-{given.trial}")
    info = {
        "number": again.trial.number,
        "config": dict(again.trial.config),
        "units": again.trial.units,
        "metrics": dict(again.trial.metrics),
        "test": again.test,
        "same": again.same,
    }
    path = save_model(out, again.state, info)
    print(f"trial {given.trial}: {_metrics(again.trial)}")
    if again.test:
        print("on test data: " + ", ".join(f"{k} {v:.5g}" for k, v in again.test.items()))
    print(f"model: {path}")
    if again.same:
        print("Every recorded value came out the same, bit for bit.")
        return 0
    print("It is NOT what was recorded:", file=sys.stderr)
    for difference in again.differences:
        print(f"  {difference}", file=sys.stderr)
    return 1


def _study_of(where: str, identity: dict[str, Any], facts: dict[str, Any], trials: int) -> Any:
    """The study, its task made again as the launcher noted it."""
    from jaxhpo.launch.cache import keep_programs
    from jaxhpo.launch.run import experiment
    from jaxhpo.space import Space
    from jaxhpo.study import Study

    launch = facts.get("launch")
    if launch is None:
        raise Usage(
            f"{where}: this study was not started from the command line, so its task can't be made "
            "again here; open it in Python with the same task: Study(task, workdir=...).rerun(N)"
        )
    keep_programs()
    made = experiment(launch["module"])
    options = made.Options(**launch["options"])
    space = None if launch["space"] is None else Space.from_yaml(launch["space"])
    same = ("seed", "sampler", "sampler_options", "scheduler", "scheduler_options")
    return Study(
        made.build(options, space),
        trials=max(1, trials),
        workdir=where,
        **{name: identity[name] for name in same},
    )


_COMMANDS = {
    "show": _show,
    "best": _show_best,
    "report": _report,
    "export": _export,
    "rerun": _rerun,
}

if __name__ == "__main__":
    sys.exit(main())
