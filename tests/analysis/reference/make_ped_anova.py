"""Makes ped_anova.json: trials and the importances that Optuna 5 gives for them.

Run with a Python that has Optuna 5: ``python tests/analysis/reference/make_ped_anova.py``.
"""

from __future__ import annotations

import json
import math
import warnings
from pathlib import Path

import optuna
from optuna.importance import PedAnovaImportanceEvaluator

SPACE = {
    "lr": {"type": "float", "low": 1e-4, "high": 0.1, "log": True},
    "drop": {"type": "float", "low": 0.0, "high": 0.5},
    "rate": {"type": "float", "low": 0.1, "high": 0.9, "step": 0.1},
    "depth": {"type": "int", "low": 1, "high": 6},
    "width": {"type": "int", "low": 16, "high": 512, "step": 16},
    "units": {"type": "int", "low": 1, "high": 300},
    "batch": {"type": "int", "low": 4, "high": 256, "log": True},
    "act": {"type": "choice", "choices": ["relu", "tanh", "elu"]},
    "bias": {"type": "bool"},
    "kind": {"type": "choice", "choices": ["sgd", "adam"]},
    "momentum": {"type": "float", "low": 0.0, "high": 0.99, "when": {"kind": "sgd"}},
    "nesterov": {"type": "bool", "when": {"kind": "sgd"}},
    "beta": {"type": "float", "low": 1e-3, "high": 0.5, "log": True, "when": {"kind": "adam"}},
}


def ask(trial: optuna.Trial) -> dict:
    found = {}
    for name, entry in SPACE.items():
        if any(found[p] != v for p, v in entry.get("when", {}).items()):
            continue
        if entry["type"] in ("choice", "bool"):
            found[name] = trial.suggest_categorical(name, entry.get("choices", [False, True]))
            continue
        suggest = trial.suggest_int if entry["type"] == "int" else trial.suggest_float
        more = {k: entry[k] for k in ("log", "step") if k in entry}
        found[name] = suggest(name, entry["low"], entry["high"], **more)
    return found


def objective(trial: optuna.Trial) -> float:
    p = ask(trial)
    value = (
        (math.log10(p["lr"]) + 2.5) ** 2 + 0.3 * abs(p["depth"] - 4) + 2 * (p["drop"] - 0.2) ** 2
    )
    value += {"relu": 0.0, "tanh": 0.4, "elu": 0.1}[p["act"]] + abs(math.log(p["batch"] / 32)) / 5
    return value + (p["momentum"] if p["kind"] == "sgd" else 0.3 + p["beta"])


def main() -> None:
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    cases = []
    samplers = {"random": optuna.samplers.RandomSampler, "tpe": optuna.samplers.TPESampler}
    for sampler, n, direction in (("random", 40, "minimize"), ("tpe", 150, "maximize")):
        study = optuna.create_study(sampler=samplers[sampler](seed=n), direction=direction)
        sign = 1 if direction == "minimize" else -1
        study.optimize(lambda t, sign=sign: sign * objective(t), n_trials=n)
        for share in (0.1, 0.25):
            found = PedAnovaImportanceEvaluator(target_quantile=share).evaluate(study)
            cases.append({"study": len(cases) // 2, "share": share, "importances": found})
        trials = [{"config": t.params, "value": t.value} for t in study.trials]
        cases[-1]["trials"] = trials
        cases[-1]["direction"] = direction
    out = Path(__file__).with_name("ped_anova.json")
    whole = {"optuna": optuna.__version__, "space": SPACE, "cases": cases}
    out.write_text(json.dumps(whole, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
