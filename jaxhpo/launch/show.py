"""What ``jaxhpo show`` prints about a study, and about one of its trials."""

from __future__ import annotations

import datetime
import shlex
from collections.abc import Sequence
from typing import Any

from jaxhpo.goals import Goals, stated
from jaxhpo.launch.progress import duration, rounded
from jaxhpo.leaders import best_of, front_of

_TICKS = "▁▂▃▄▅▆▇█"


def study(
    where: str,
    identity: dict[str, Any],
    trials: Sequence[Any],
    runs: Sequence[dict[str, Any]] = (),
) -> None:
    """Who the study is, how many trials stand where, and the best one."""
    task = identity["task"]
    goals = stated(task)
    seed = f", seed {identity['seed']}" if "seed" in identity else ""
    print(f"{where}: {task['name']}, {goals.words()}{seed}")
    if "source" in identity:
        print(f"  from {identity['source']}; sampler {identity.get('sampler', 'not known')}")
    else:
        _origin(identity)
    # Of a study that was interrupted nothing runs, though some trials had been begun.
    running = "begun" if runs and runs[-1]["how"] else "running"
    for word, values in (
        ("trials", [running if t.status == "running" else t.status.value for t in trials]),
        ("proposed by", [t.phase.value for t in trials]),
    ):
        counts = {value: values.count(value) for value in dict.fromkeys(sorted(values))}
        print(f"  {word}: " + (", ".join(f"{n} {v}" for v, n in counts.items()) or "none yet"))
    if goals.constraints:
        _feasible(goals, trials)
    best = best_of(goals, trials)
    if goals.several:
        front(goals, trials)
    elif best is not None:
        print(f"  best: trial {best.number}, {metrics(best)}")
        print(f"        {config(best)}")


def _feasible(goals: Goals, trials: Sequence[Any]) -> None:
    """How many complete trials keep each constraint."""
    complete = [t for t in trials if t.status == "complete"]
    kept = goals.violations(complete) == 0
    parts = [
        f"{name} at most {bound:g} {n}"
        for (name, bound), n in zip(goals.constraints, kept.sum(axis=0), strict=True)
    ]
    every = int(kept.all(axis=1).sum())
    both = f" ({', '.join(parts)})" if len(parts) > 1 else ""
    print(f"  feasible: {every} of {len(complete)} complete{both}")


def front(goals: Goals, trials: Sequence[Any], most: int = 12) -> None:
    """The trials that no other beats in every objective, a line each."""
    found = front_of(goals, trials)
    some = f", {most} of them spread out" if len(found) > most else ""
    print(f"  front: {len(found)} trials that no other beats in all objectives{some}")
    places = sorted({round(i * (len(found) - 1) / (most - 1)) for i in range(most)})
    for one in [found[i] for i in places] if len(found) > most else found:
        values = ", ".join(f"{name} {one.metrics[name]:.5g}" for name in goals.names)
        print(f"    trial {one.number}: {values}; {config(one)}")


def _origin(identity: dict[str, Any]) -> None:
    print(
        f"  sampler {identity['sampler']} {identity['sampler_options'] or ''}, scheduler "
        f"{identity['scheduler']} {identity['scheduler_options'] or ''}".replace(" ,", ",").rstrip()
    )
    names = ("batch", "lookahead", "width", *(["startup"] if identity.get("startup") else []))
    sizes = ", ".join(f"{name} {identity[name]}" for name in names)
    print(f"  {sizes}")


def sessions(runs: Sequence[dict[str, Any]], facts: dict[str, Any]) -> None:
    """Who proposed, the test metrics, how fast it was, and when, how long and on what the study
    ran."""
    if facts.get("warm_start"):
        prior(facts["warm_start"])
    for note in facts.get("sampler") or []:
        print(f"  proposals from trial {note['first']} on: {note['says']}")
    test = facts.get("test")
    if test and test["metrics"]:
        values = ", ".join(f"{k} {v:.5g}" for k, v in test["metrics"].items())
        print(f"  on test data (trial {test['number']}): {values}")
    summary = facts.get("summary")
    if summary:
        rate = f"{rounded(summary['units_per_second'])} units/s"
        if summary["steps_per_second"]:
            rate = f"{rounded(summary['steps_per_second'])} member-steps/s"
        print(
            f"  last run: {programs(summary['cohorts'])}, {summary['useful']:.0%} of lane-units "
            f"useful, {rate}"
        )
    if facts.get("confirm"):
        confirmation(facts["confirm"])
    if facts.get("launch"):
        print(f"  command: {shlex.join(facts['launch']['command'])}")
    for session in runs:
        began = datetime.datetime.fromtimestamp(session["started"]).strftime("%Y-%m-%d %H:%M")
        how = session["how"] or "running, or killed"
        seconds = (session["ended"] or session["started"]) - session["started"]
        took = f", {duration(max(0.0, seconds))}" if session["ended"] else ""
        if seconds < 0:
            took = ", while the clock was set back"
        info = session["info"]
        versions, devices = info.get("versions", {}), info.get("devices", {})
        on = f"jax {versions.get('jax')} on {devices.get('count')} x {devices.get('kind')}"
        git = info.get("git")
        code = f", revision {git['revision'][:9]}{' and changes' * git['changed']}" if git else ""
        print(f"  run of {began}: {how}{took}; {on}{code}")


def programs(count: int) -> str:
    """``one program``, ``3 programs``."""
    return "one program" if count == 1 else f"{count} programs"


def prior(found: dict[str, Any]) -> None:
    """The earlier study that the sampler was told of first."""
    scored = sum(loss is not None for loss in found["losses"])
    many = f"{len(found['losses'])} trials of {found['source']}"
    print(f"  warm start: {many}, {scored} with a result")
    for note in found["notes"]:
        print(f"    {note}")


def plan(facts: dict[str, Any]) -> None:
    """Which structures share a program, and why."""
    print("  " + "\n  ".join(facts.get("plan") or ["no plan is recorded"]))


def confirmation(found: dict[str, Any]) -> None:
    """The best trials with fresh seeds."""
    print(
        f"The {len(found['entries'])} best, each trained again with {found['seeds']} fresh seeds:"
    )
    for entry in found["entries"]:
        spread = "" if entry["sd"] is None else f" (sd {entry['sd']:.2g})"
        tests = "".join(
            f", test {name} {sum(values) / len(values):.5g}"
            for name, values in entry["test"].items()
        )
        mark = " <- best" if entry["number"] == found["winner"] else ""
        print(
            f"  trial {entry['number']:<6} in the search {entry['value']:.5g}, fresh "
            f"{entry['mean']:.5g}{spread}{tests}{mark}"
        )


def trials(trials: Sequence[Any], objectives: Sequence[str]) -> None:
    """A line for every trial."""
    for trial in trials:
        known = [name for name in objectives if name in trial.metrics]
        score = ", ".join(f"{name} {trial.metrics[name]:.5g}" for name in known)
        units = f"{trial.units}/{trial.budget}"
        print(f"{trial.number:>6}  {trial.status:<9} {units:>7}  {score:<22} {config(trial)}")


def trial(trial: Any, identity: dict[str, Any]) -> None:
    """Everything about one trial, its learning curves as sparklines."""
    print(f"trial {trial.number}: {trial.status}, {trial.units} of {trial.budget} units")
    known = f"the results of the trials below {trial.known}" if trial.known else "no result"
    print(f"  proposed by {trial.phase}, knowing {known}")
    for name, value in trial.config.items():
        print(f"  {name:<20}{value}")
    for name, curve in trial.curves.items():
        if not len(curve):
            continue
        mark = " (objective)" if name in stated(identity["task"]).names else ""
        print(f"  {name:<20}{curve[-1]:.6g}  {sparkline(curve)}{mark}")
    if trial.replicates:
        print(f"  its replicates' losses: {', '.join(f'{loss:.6g}' for loss in trial.replicates)}")
    for change in trial.history:
        print(
            f"  after {change['unit']} units went on from the state of trial {change['source']}; "
            f"until then {', '.join(f'{k}={v}' for k, v in change['config'].items())}"
        )
    if trial.error:
        print(f"  {trial.error}")
    if trial.seconds is not None:
        begun = "once" if trial.attempts == 1 else f"{trial.attempts} times"
        print(f"  {trial.seconds:.3g} s of the population's time, begun {begun}")


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


def metrics(trial: Any) -> str:
    """``accuracy 0.98, loss 0.1``."""
    return ", ".join(f"{name} {value:.5g}" for name, value in trial.metrics.items())


def config(trial: Any) -> str:
    """``lr=0.01, epochs=5``."""
    return ", ".join(f"{name}={value}" for name, value in trial.config.items())
