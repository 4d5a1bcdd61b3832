"""Studies from elsewhere: Optuna's, CSV and Parquet files, DataFrames."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jaxhpo.interop.sources import load, opened
from jaxhpo.launch.cli import main
from jaxhpo.space import Bool, Choice, Float, Int, Space
from jaxhpo.trial import Phase, Status

optuna = pytest.importorskip("optuna")

from jaxhpo.interop.optuna import JaxhpoSampler  # noqa: E402

optuna.logging.set_verbosity(optuna.logging.ERROR)

SPACE = Space(
    lr=Float(1e-4, 1e-1, log=True),
    layers=Int(1, 3),
    kind=Choice(["sgd", "adam"]),
    hidden=Choice([(64,), (128, 64)]),
    nesterov=Bool(when={"kind": "sgd"}),
)


def branches(trial: Any) -> float:
    kind = trial.suggest_categorical("kind", ["sgd", "adam"])
    lr = math.log10(trial.suggest_float("lr", 1e-5, 1.0, log=True))
    loss = (lr + 2.5) ** 2
    for i in range(trial.suggest_int("layers", 1, 3)):
        loss += 0.1 * (math.log2(trial.suggest_int(f"width{i}", 16, 512, log=True)) - 6) ** 2
    if kind == "sgd":
        loss += (trial.suggest_float("momentum", 0.0, 1.0) - 0.9) ** 2
    return loss


def random_study(n: int = 60, objective: Any = branches, **options: Any) -> Any:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0), **options)
    study.optimize(objective, n_trials=n, catch=(ArithmeticError,))
    return study


def rows(n: int = 40) -> pd.DataFrame:
    """A table of SPACE as a user would write it."""
    place = np.random.default_rng(0)
    made = []
    for i in range(n):
        kind = ["sgd", "adam"][i % 2]
        lr = 10 ** place.uniform(-4, -1)
        made.append(
            {
                "lr": f"{lr:.3g}",
                "layers": int(place.integers(1, 4)),
                "kind": kind,
                "hidden": ["[64]", "(128, 64)"][i % 3 % 2],
                "nesterov": ["true", "no"][i // 2 % 2] if kind == "sgd" else "",
                "accuracy": round(1 + math.log10(lr) / 10, 4),
                "minutes": i / 7,
                "remark": "<script>alert(1)</script>",
            }
        )
    return pd.DataFrame(made)


# -- Optuna ----------------------------------------------------------------------------------------


def test_an_optuna_study_with_branches():
    space, table, facts = load(random_study(), startup=60)
    when = {name: domain.when for name, domain in space.parameters.items()}
    assert when["momentum"] == {"kind": ["sgd"]}
    assert when["width1"] == {"layers": [2, 3]}
    assert when["lr"] is None
    assert space.parameters["lr"] == Float(1e-5, 1.0, log=True)
    assert len(table) == 60
    assert set(table["phase"]) == {"explore"}
    off = np.flatnonzero(table["param.momentum"].isna()).tolist()
    assert off == [i for i, kind in enumerate(table["param.kind"]) if kind == "adam"] != []
    assert facts["objective"] == "value"
    assert any(
        "'momentum' is taken to be active where 'kind' is 'sgd'" in n for n in facts["notes"]
    )


def test_which_trials_may_be_tested_on():
    study = random_study(20)
    study.enqueue_trial({"kind": "adam", "lr": 0.1, "layers": 1, "width0": 16})
    study.optimize(branches, n_trials=1)
    table, facts = load(study, startup=5)[1:]
    assert table["phase"].tolist() == ["explore"] * 5 + ["model"] * 15 + ["given"]
    assert any("5 of 21 trials are known to have been chosen without" in n for n in facts["notes"])


def test_our_own_sampler_tells_the_phase():
    from jaxhpo.interop.optuna import JaxhpoSampler

    study = optuna.create_study(sampler=JaxhpoSampler(seed=0, startup=11))
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=13)
    assert load(study).table["phase"].tolist() == ["explore"] * 11 + ["model"] * 2
    with opened(study) as records:
        assert records.identity["sampler"] == "jaxhpo in Optuna"


def test_states_reports_and_measurements_of_optuna():
    def objective(trial: Any) -> float:
        x = trial.suggest_float("x", 0, 1)
        trial.set_user_attr("seconds per step", 0.25)
        for step in (10, 20, 30):
            trial.report(x + 1 / step, step)
            if trial.number == 1 and step == 20:
                raise optuna.TrialPruned
        if trial.number == 2:
            raise ArithmeticError
        return math.inf if trial.number == 3 else x + 1 / 30

    study = random_study(6, objective)
    with opened(study) as records:
        trials = records.trials()
    status = [trial.status for trial in trials]
    assert status[:4] == [Status.COMPLETE, Status.STOPPED, Status.FAILED, Status.DIVERGED]
    assert [trial.units for trial in trials] == [3, 2, 3, 3, 3, 3]
    assert trials[1].loss == pytest.approx(trials[1].config["x"] + 1 / 20)
    assert trials[0].curves["value"] == pytest.approx(
        list(study.trials[0].intermediate_values.values())
    )
    assert trials[0].metrics["seconds per step"] == 0.25
    assert trials[2].error is not None
    assert [trial.loss for trial in trials[2:4]] == [None, None]
    assert records.facts()["notes"][0] == (
        "a unit is a step that was reported at: unit 1 is step 10, unit 3 is step 30"
    )


def test_several_objectives_one_is_chosen():
    study = optuna.create_study(directions=["minimize", "maximize"])
    study.optimize(lambda t: (t.suggest_float("x", 0, 1), 2.0), n_trials=5)
    with pytest.raises(ValueError, match=r"objective='no'; it has: 'value_0', 'value_1'"):
        load(study, objective="no")
    facts = load(study, objective="value_1").facts
    assert (facts["objective"], facts["maximize"]) == ("value_1", True)
    assert facts["trials"][0].loss == -2.0
    with pytest.warns(optuna.exceptions.ExperimentalWarning):
        study.set_metric_names(["error", "speed"])
    assert load(study, objective="error").facts["trials"][0].metrics["speed"] == 2.0
    assert "front" not in load(study, objective="error").table


def test_several_objectives_and_constraints_all_count():
    def objective(trial: Any) -> tuple[float, float]:
        x = trial.suggest_float("x", 0, 1)
        trial.set_user_attr("c", (x - 0.7, 0.2 - x))
        return x, 4 * x * (1 - x)

    sampler = JaxhpoSampler("random", seed=0, constraints_func=lambda t: t.user_attrs["c"])
    study = optuna.create_study(directions=["minimize", "maximize"], sampler=sampler)
    study.optimize(objective, n_trials=30)
    with opened(study) as records:
        task = records.identity["task"]
    assert task["others"] == [["value_1", True]]
    assert task["constraints"] == {"constraint 0": 0.0, "constraint 1": 0.0}
    table = load(study).table
    kept = (table["param.x"] <= 0.7) & (table["param.x"] >= 0.2)
    assert (table["feasible"] == kept).all()
    assert set(table.index[table["front"]]) == {t.number for t in study.best_trials}
    assert 0 < table["front"].sum() < len(table)


def test_a_parameter_that_comes_and_goes_for_no_reason():
    def objective(trial: Any) -> float:
        x = trial.suggest_float("x", 0, 1)
        return x + (trial.suggest_float("y", 0, 1) if trial.number % 3 == 0 else 0.0)

    space, table, facts = load(random_study(30, objective))
    assert space.parameters["y"].when == {"y is given": [True]}
    assert table["param.y is given"].tolist() == [i % 3 == 0 for i in range(30)]
    assert any(note.startswith("'y' is missing in 20 of 30 trials") for note in facts["notes"])


def test_distributions_that_our_spaces_do_not_take():
    def objective(trial: Any) -> float:
        x = trial.suggest_int("huge", 0, 10**15)
        trial.suggest_float("tiny", 1.0, 1.0 + 1e-12)
        trial.suggest_categorical("mixed", ["a", True, None, 1, math.inf])
        trial.suggest_categorical("flag", [True, False])
        trial.suggest_categorical("one", ["only"])
        trial.suggest_float(" \n", 0, 1, step=0.25)
        trial.suggest_float("moving", 0, 1 + trial.number % 2)
        return x / 1e15

    space, table, facts = load(random_study(20, objective))
    assert isinstance(space.parameters["huge"], Float)
    assert "tiny" not in space
    assert set(space.parameters["mixed"].choices) == {"1", "True", "None", "'a'", "inf"}  # type: ignore
    assert space.parameters["flag"] == Bool()
    assert space.parameters["moving"] == Float(0.0, 2.0)
    assert "\\x0a" in space
    assert len(table) == 20
    said = " ".join(facts["notes"])
    for text in ("'tiny' is left out", "'moving' was searched in 2 different ranges", "'\\\\x0a'"):
        assert text in said


def test_trials_that_did_not_get_to_all_their_parameters_are_left_out():
    def objective(trial: Any) -> float:
        x = trial.suggest_float("x", 0, 1)
        if trial.number == 4:
            raise ArithmeticError
        return x + trial.suggest_float("y", 0, 1)

    table, facts = load(random_study(10, objective))[1:]
    assert 4 not in table.index
    assert len(table) == 9
    assert any("1 trials (failed) are left out" in note for note in facts["notes"])


def test_storages(tmp_path: Path):
    url = f"sqlite:///{tmp_path}/optuna.db"
    random_study(5, storage=url, study_name="one")
    assert load(url).facts["name"] == "one"
    assert len(load(tmp_path / "optuna.db").table) == 5
    before = (tmp_path / "optuna.db").read_bytes()
    random_study(6, storage=url, study_name="two")
    with pytest.raises(ValueError, match=r"got 2 studies; it holds: 'one', 'two'"):
        load(url)
    with pytest.raises(ValueError, match=r"got study='three'; it holds"):
        load(url, study="three")
    assert len(load(url, study="two").table) == 6
    assert (tmp_path / "optuna.db").read_bytes() != before
    before = (tmp_path / "optuna.db").read_bytes()
    load(url, study="one")
    assert (tmp_path / "optuna.db").read_bytes() == before  # looking changes nothing

    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    journal = JournalStorage(JournalFileBackend(str(tmp_path / "journal.log")))
    random_study(7, storage=journal)
    assert len(load(tmp_path / "journal.log").table) == 7


def test_nothing_is_made_where_there_is_nothing(tmp_path: Path, capsys: Any):
    for source in (f"sqlite:///{tmp_path}/no.db", str(tmp_path / "no"), str(tmp_path / "no.csv")):
        assert main(["report", source, "--startup", "3"]) == 2
        said = capsys.readouterr().err
        assert said.startswith("error: ")
        assert "there is no" in said
    assert not list(tmp_path.iterdir())


def _is_full(files: list[str]):
    """Whether all is there that a bundle of any study holds."""
    whole = {"report.html", "report.md", "full.log", "best_config.json", "empirical_ranges.yaml"}
    whole |= {f"next_space_{name}.yaml" for name in ("aggressive", "conservative")}
    whole |= {f"tables/{name}.csv" for name in ("advice", "associations", "best", "elites", "top")}
    whole |= {f"figures/{name}.png" for name in ("progress", "slices", "elites")}
    assert whole <= set(files)


@pytest.mark.slow
def test_a_thousand_trials_of_optuna_in_sqlite_give_a_report(tmp_path: Path, capsys: Any):
    url = f"sqlite:///{tmp_path}/optuna.db"
    study = optuna.create_study(study_name="many", storage=url)
    made = random_study(1000, lambda t: sum(t.suggest_float(n, 0, 1) ** 2 for n in "abc"))
    study.add_trials(made.trials)
    assert main(["report", url, "--out", str(tmp_path / "out"), "--startup", "1000"]) == 0
    found = json.loads((tmp_path / "out" / "report.json").read_text())
    assert found["summary"]["trials"] == 1000
    _is_full(found["files"])


def test_branches_of_optuna_give_a_report(tmp_path: Path, capsys: Any):
    url = f"sqlite:///{tmp_path}/optuna.db"
    study = optuna.create_study(study_name="branches", storage=url)
    study.add_trials(random_study(40).trials)
    assert main(["report", str(tmp_path / "optuna.db"), "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr()
    assert "report.html" in printed.out
    assert "note: 'momentum' is taken to be active where 'kind' is 'sgd'" in printed.err
    text = (tmp_path / "out" / "report.md").read_text()
    _is_full(json.loads((tmp_path / "out" / "report.json").read_text())["files"])
    assert "momentum" in text
    assert "0 of 40 trials are known to have been chosen without looking at results" in text


# -- tables ----------------------------------------------------------------------------------------


def test_a_csv_with_its_space(tmp_path: Path):
    rows().to_csv(tmp_path / "runs.csv", index=False)
    SPACE.to_yaml(tmp_path / "space.yaml")
    space, table, facts = load(
        tmp_path / "runs.csv",
        space=tmp_path / "space.yaml",
        objective="accuracy",
        maximize=True,
        startup=40,
    )
    assert space == SPACE
    assert len(table) == 40
    assert table["param.hidden"].tolist()[:3] == [(64,), (128, 64), (64,)]
    assert table["param.nesterov"].tolist()[:4] == [True, None, False, None]
    assert table["param.layers"].dtype == np.int64
    assert table["metric.minutes"].tolist()[7] == 1.0
    assert "metric.remark" not in table
    assert set(table["phase"]) == {Phase.EXPLORE.value}
    assert (facts["name"], facts["notes"]) == ("runs", [])


def test_a_table_without_a_space_says_that_it_guesses():
    table = rows().drop(columns=["remark"])
    with pytest.warns(UserWarning, match="the search space is taken from the table"):
        space, _, facts = load(table, objective="accuracy")
    assert isinstance(space.parameters["lr"], Float)
    assert space.parameters["lr"].log
    assert space.parameters["minutes"] == Float(0.0, 39 / 7)  # a measurement, but who could know
    assert space.parameters["layers"] == Int(1, 3)
    assert space.parameters["nesterov"].when == {"kind": ["sgd"]} or "nesterov is given" in space
    assert facts["notes"][0].startswith("the search space is taken from the table ('lr', 'layers'")
    assert "'accuracy' is taken to be better if lower" in facts["notes"][1]


def test_what_a_tracker_writes_of_a_run_is_no_parameter():
    place, n = np.random.default_rng(0), 40
    table = pd.DataFrame(
        {
            "Name": [f"run-{i}" for i in range(n)],
            "State": "finished",
            "Runtime": place.integers(30, 90, n),
            "lr": 10 ** place.uniform(-4, -1, n),
            "optimizer": place.choice(["adam", "sgd"], n),
            "_step": 10 + np.arange(n),
            "val/acc": place.random(n),
            "train/loss": place.random(n),
        }
    )
    with pytest.warns(UserWarning, match="taken for no parameters"):
        space, _, facts = load(table, objective="val/acc", maximize=True)
    assert list(space.parameters) == ["lr", "optimizer"]
    for name in ("Name", "Runtime", "_step", "train/loss"):
        assert repr(name) in facts["notes"][0]
    mixed = table.rename(columns={"lr": "config.lr"})
    with pytest.warns(UserWarning, match="no prefix as 'config.lr' has"):
        space, _, facts = load(mixed, objective="val/acc", maximize=True)
    assert list(space.parameters) == ["lr"]
    assert "'optimizer'" in facts["notes"][0]


def test_missing_values_and_such_that_are_no_numbers(tmp_path: Path):
    (tmp_path / "t.csv").write_text(
        "x,k,value,state\n"
        "0.1,a,1.0,COMPLETE\n"
        "0.2,a,nan,COMPLETE\n"
        "0.3,b,,COMPLETE\n"
        "0.4,b,inf,COMPLETE\n"
        ",b,2.0,COMPLETE\n"
        "0.6,c,3.0,COMPLETE\n"
        "0.7,a,4.0,PRUNED\n"
        "7.0,a,4.0,COMPLETE\n"
        "0.9,b,5.0\n"
    )
    space = Space(x=Float(0.0, 1.0), k=Choice(["a", "b"]))
    table, facts = load(tmp_path / "t.csv", space=space)[1:]
    expected = ["complete", "diverged", "failed", "diverged", "stopped", "complete"]
    assert table["status"].tolist() == expected
    assert table.index.tolist() == [0, 1, 2, 3, 6, 8]
    said = "\n".join(facts["notes"])
    assert "1 fields of 'k' can't be read as the space says, the first is 'c' in row 5" in said
    assert "2 trials (complete) are left out: a parameter that they should have is missing" in said
    assert "1 trials (complete) are left out: they are not in the search space" in said


def _file(where: Path, text: str, name: str = "table.csv", encoding: str = "utf-8") -> Path:
    (where / name).write_text(text, encoding=encoding)
    return where / name


PLAIN = "".join(f"{i / 8},{i % 3},{'ab'[i % 2]},{i / 4}\n" for i in range(12))


@pytest.mark.filterwarnings("ignore:the search space is taken")
def test_tables_with_other_separators_and_decimal_commas(tmp_path: Path):
    plain = load(_file(tmp_path, "x,k,c,value\n" + PLAIN))
    for text in (
        "x;k;c;value\n" + PLAIN.replace(",", ";"),
        "x;k;c;value\n" + PLAIN.replace(",", ";").replace(".", ","),
        "x\tk\tc\tvalue\n" + PLAIN.replace(",", "\t"),
        "\ufeffx , k,c, value\n" + PLAIN,
    ):
        found = load(_file(tmp_path, text, "other.csv"))
        assert list(found.space.parameters) == ["x", "k", "c"]
        pd.testing.assert_frame_equal(found.table, plain.table)


@pytest.mark.filterwarnings("ignore:the search space is taken")
def test_dates_and_names_of_rows_are_no_parameters(tmp_path: Path):
    lines = [
        f"run-{i},{'Crashed' if i == 3 else 'Finished'},2024-01-{i + 1:02d}T10:00:00Z,{i / 8},{i}"
        for i in range(12)
    ]
    text = "\n".join(["Label,State,Day,lr,value", *lines])
    found = load(_file(tmp_path, text))
    assert set(found.space.parameters) == {"lr"}
    assert found.table.index[found.table["status"] == "failed"].tolist() == [3]
    said = " ".join(found.facts["notes"])
    assert "'Day' is left out: it holds dates" in said
    assert "'Label' is left out: it has another text in each of 12 rows" in said


@pytest.mark.filterwarnings("ignore:the search space is taken")
def test_a_table_that_says_nothing_is_refused(tmp_path: Path):
    with pytest.raises(
        ValueError, match=r"objective='value'\) must be a column of numbers, .*'ok'"
    ):
        load(_file(tmp_path, "x,value\n1,ok\n2,ok\n"))
    with pytest.raises(ValueError, match=r"differs from row to row beside 'value', got 1 rows"):
        load(_file(tmp_path, "x,value\n1,2\n"))
    with pytest.raises(ValueError, match=r"must be text in UTF-8, got the byte 0xff at 0"):
        load(_file(tmp_path, "x,value\n1,2\n", encoding="utf-16"))


@pytest.mark.parametrize(
    "url",
    ["mysql+nodriver://u:secret@127.0.0.1:1/db", "postgresql+nodriver://u:secret@127.0.0.1:1/db"],
)
def test_a_storage_that_cannot_be_opened_is_said_in_words(url: str, capsys: Any):
    assert main(["show", url]) == 2
    said = capsys.readouterr().err
    assert "must be a storage that can be opened here, got: " in said
    assert "nodriver" in said
    assert "secret" not in said


def test_hostile_names(tmp_path: Path, capsys: Any):
    bad = [
        "<script>alert(1)</script>",
        "a,b",
        '"q"',
        "=cmd|' /C calc'!A0",
        "x\ny",
        "../up",
        "{{7*7}}",
    ]
    place = np.random.default_rng(0)
    table = pd.DataFrame({name: place.random(30).round(3) for name in bad})
    table["value"] = place.random(30).round(3)
    table.to_csv(tmp_path / "t.csv", index=False)
    assert main(["report", str(tmp_path / "t.csv"), "--out", str(tmp_path / "out")]) == 0
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<script>alert(1)" not in page
    assert not (tmp_path / "up").exists()
    assert "note: the parameter called 'x\\ny' is shown as 'x\\\\x0ay'" in capsys.readouterr().err


def test_columns_twice_or_missing(tmp_path: Path):
    (tmp_path / "t.csv").write_text("x,x,value\n1,2,3\n")
    with pytest.raises(ValueError, match=r"every column once, got 'x' 2 times; rename them"):
        load(tmp_path / "t.csv")
    table = pd.DataFrame({"x": [0.1, 0.2], "param.x": [0.1, 0.2], "value": [1.0, 2.0]})
    space = Space(x=Float(0.0, 1.0))
    with pytest.raises(ValueError, match=r"one column for the parameter 'x', got 'x', 'param.x'"):
        load(table, space=space)
    with pytest.raises(ValueError, match=r"got none for 'y'; there are: 'x', 'param.x', 'value'"):
        load(table, space=Space(y=Float(0.0, 1.0)))
    with pytest.raises(ValueError, match=r"must name a column, got objective='score'"):
        load(table, space=space, objective="score")
    with pytest.raises(ValueError, match=r"must name a column, got no column called 'value'"):
        load(table[["x"]], space=space)
    with pytest.raises(ValueError, match=r"must have rows"):
        load(table[:0], space=space)
    (tmp_path / "t.csv").write_text("x,value\n1,2,3\n")
    with pytest.raises(ValueError, match=r"at most 2 fields, got 3 in row 2"):
        load(tmp_path / "t.csv")
    (tmp_path / "t.csv").write_text("")
    with pytest.raises(ValueError, match=r"must have a header and rows, got none"):
        load(tmp_path / "t.csv")


def test_options_that_a_source_does_not_take():
    table = pd.DataFrame({"x": [0.1, 0.2], "value": [1.0, 2.0]})
    with pytest.raises(ValueError, match=r"load\(study=...\) does not apply to a table"):
        load(table, study="one")
    with pytest.raises(ValueError, match=r"load\(space=...\) does not apply to an Optuna study"):
        load(random_study(3), space=SPACE)
    with pytest.raises(ValueError, match=r"got dict"):
        load({})


def test_what_we_export_and_what_optuna_exports_comes_back(tmp_path: Path):
    from jaxhpo.store.export import export

    study = random_study(30)
    with opened(study) as records:
        export(records, tmp_path)
        space, trials = Space.from_dict(records.identity["space"]), records.trials()
    for file in ("trials.csv", "trials.parquet"):
        again = load(tmp_path / file, space=space).facts["trials"]
        assert [t.config for t in again] == [t.config for t in trials]
        assert [t.loss for t in again] == [t.loss for t in trials]
        assert [t.phase for t in again] == [t.phase for t in trials]
    frame = study.trials_dataframe()
    again = load(frame, space=space).facts["trials"]
    assert [t.config for t in again] == [t.config for t in trials]


# -- ours ------------------------------------------------------------------------------------------


def test_a_study_of_ours_by_another_metric(tmp_path: Path):
    from jaxhpo.store.records import open_records
    from tests.report.studies import records as made_up

    made = made_up(n=30)
    with open_records(tmp_path / "ours", made.identity) as records:
        records.write(made.trials())
        records.put_fact("confirm", {"seeds": 2, "entries": [], "winner": None, "stood": False})
    assert load(tmp_path / "ours").facts["objective"] == "score"
    for other in (False, True):  # what was trained again was measured by the study's own objective
        asked = {"objective": "other", "maximize": False} if other else {}
        with opened(tmp_path / "ours", **asked) as read:
            assert ("confirm" in read.facts()) is not other
    url = f"sqlite:///{tmp_path}/ours/study.db"
    by_url, by_file = (load(source).table for source in (url, tmp_path / "ours" / "study.db"))
    pd.testing.assert_frame_equal(by_url, by_file)
    facts = load(tmp_path / "ours", objective="other", maximize=False).facts
    assert facts["objective"] == "other"
    assert {t.loss for t in facts["trials"] if t.status.scored} == {1.0}
    assert facts["notes"] == ["the search went by 'score', higher is better"]
    with pytest.raises(ValueError, match=r"objective='no'; it has: 'other', 'score'"):
        load(tmp_path / "ours", objective="no")
    with pytest.raises(ValueError, match=r"must say whether more is better"):
        load(tmp_path / "ours", objective="other")


def test_the_other_commands_look_at_any_study_too(tmp_path: Path, capsys: Any):
    rows().drop(columns=["remark"]).to_csv(tmp_path / "runs.csv", index=False)
    SPACE.to_yaml(tmp_path / "space.yaml")
    args = [str(tmp_path / "runs.csv"), "--space", str(tmp_path / "space.yaml"), "--objective",
            "accuracy", "--direction", "maximize"]  # fmt: skip
    assert main(["show", *args, "--trials"]) == 0
    shown = capsys.readouterr().out
    assert "runs, accuracy maximised" in shown
    assert "from a table of 40 rows" in shown
    assert main(["show", *args, "--trial", "3"]) == 0
    assert main(["show", *args, "--trial", "40"]) == 2
    assert "the study has trials 0 to 39" in capsys.readouterr().err
    assert main(["best", *args, "--json"]) == 0
    best = json.loads(capsys.readouterr().out)
    assert best["metrics"]["accuracy"] == rows()["accuracy"].max()
    assert main(["export", *args, "--out", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "trials.csv").is_file()
