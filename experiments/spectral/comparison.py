"""What stands beside the report of the spectral search: its winner saved, the ten best with sizes
and times, and the simple model, tuned with as many trials, on the same test films.

    <workdir>/models/winner    the trained winner (`jaxhpo.store.models.load_model` reads it)
    <workdir>/baseline         the study of the simple model
    <workdir>/comparison.json, comparison.md
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.spectral import baseline
from experiments.spectral.options import Options
from jaxhpo.launch.places import folder
from jaxhpo.store.models import save_model
from jaxhpo.study import Study
from jaxhpo.study.rerun import Rerun
from jaxhpo.trial import Trial

METRICS = (
    "score",
    "spectral_mae",
    "spectral_rmse",
    "spectral_r2",
    "colour_mae",
    "colour_rmse",
    "colour_r2",
    "delta_e",
)
TOP = 10


def after(study: Study, settings: Any, stop: Callable[[], bool]) -> None:
    """Saves the winner, searches the baseline, writes and prints the comparison.

    Asked to stop, it leaves the rest to the same command, given again.
    """
    if study.best is None or stop():
        return
    where = folder(study.records)
    winner = study.rerun(study.best.number)
    print(f"Winner saved: {saved(where / 'models' / 'winner', winner)}")
    found: dict[str, Any] = {"network": row(winner, len(study.trials))}
    if settings.experiment.baseline:
        simple = tuned(settings.experiment, study, where / "baseline", stop)
        if simple is None:
            return
        found["baseline"] = row(simple, len(study.trials))
    found["top"] = top(study.trials)
    text = written(found)
    (where / "comparison.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    (where / "comparison.md").write_text(text, "utf-8")
    print(f"\n{text}")


def tuned(options: Options, study: Study, where: Path, stop: Callable[[], bool]) -> Rerun | None:
    """The best of the baseline, searched as `study` was; None if asked to stop before the end."""
    same = ("seed", "sampler", "sampler_options", "batch", "lookahead")
    arguments = {name: study.identity[name] for name in same}
    with Study(
        baseline.build(options), trials=len(study.trials), workdir=where, **arguments
    ) as simple:
        print(f"Searching the baseline, {len(study.trials)} trials: {where}")
        outcome = simple.run(stop=stop)
        if outcome.ended == "interrupted" or simple.best is None:
            return None
        return simple.rerun(simple.best.number)


def saved(directory: Path, winner: Rerun) -> Path:
    """The trained winner on disk, with its configuration and metrics."""
    trial = winner.trial
    info = {
        "number": trial.number,
        "config": dict(trial.config),
        "units": trial.units,
        "metrics": dict(trial.metrics),
        "test": winner.test,
        "same": winner.same,
    }
    return save_model(directory, winner.state, info)


def row(found: Rerun, trials: int) -> dict[str, Any]:
    """One model of the comparison: how it was found, and how it does."""
    return {
        "trials": trials,
        "number": found.trial.number,
        "config": dict(found.trial.config),
        "parameters": int(found.trial.metrics["parameters"]),
        "epochs": found.trial.units,
        "seconds": found.trial.seconds,
        "validation": {name: found.trial.metrics[name] for name in METRICS},
        "test": {name: (found.test or {})[name] for name in METRICS},
    }


def top(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """The ten best complete trials."""
    best = sorted((t for t in trials if t.loss is not None), key=lambda t: (t.loss, t.number))
    best = [trial for trial in best if trial.status == "complete"]
    return [
        {
            "rank": rank,
            "trial": trial.number,
            "config": dict(trial.config),
            "parameters": int(trial.metrics["parameters"]),
            "epochs": trial.units,
            "seconds": trial.seconds,
            **{name: trial.metrics[name] for name in METRICS},
        }
        for rank, trial in enumerate(best[:TOP], start=1)
    ]


def written(found: Mapping[str, Any]) -> str:
    """The comparison as Markdown."""
    models = [name for name in ("network", "baseline") if name in found]
    lines = ["# On the test films, which nothing was chosen by", ""]
    lines += ["| metric | " + " | ".join(models) + " |", "| --- |" + " ---: |" * len(models)]
    for name in METRICS:
        lines.append(f"| {name} | " + " | ".join(f"{found[m]['test'][name]:.4g}" for m in models))
        lines[-1] += " |"
    for name in ("parameters", "trials"):
        lines.append(f"| {name} | " + " | ".join(str(found[m][name]) for m in models) + " |")
    lines += ["", *(_said(name, found[name]) for name in models)]
    if "baseline" in found:
        best, other = sorted(models, key=lambda m: found[m]["test"]["score"])
        share = found[best]["test"]["score"] / found[other]["test"]["score"]
        lines += ["", f"Tuned equally, the {best} has {share:.2f} of the score of the {other}."]
    lines += ["", "## The ten best by validation score", ""]
    names = ("rank", "trial", "score", "spectral_mae", "colour_mae", "delta_e", "parameters")
    heads = (*names, "epochs", "seconds", "configuration")
    lines += [f"| {' | '.join(heads)} |", "|" + " ---: |" * (len(heads) - 1) + " --- |"]
    for line in found["top"]:
        cells = [f"{line[name]:.4g}" for name in names[:-1]]
        cells += [str(line["parameters"]), str(line["epochs"]), _seconds(line["seconds"])]
        lines.append(f"| {' | '.join([*cells, _brief(line['config'])])} |")
    return "\n".join(lines) + "\n"


def _said(name: str, model: Mapping[str, Any]) -> str:
    return f"- {name}: trial {model['number']} of {model['trials']}, {_brief(model['config'])}"


def _brief(config: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{k}={v:.3g}" if isinstance(v, float) else f"{k}={v}" for k, v in config.items()
    )


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
