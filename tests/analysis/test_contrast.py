"""Two studies with constraints or several objectives: what is judged, and which is better."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from made import drawn

from jaxhpo.analysis.compare import compared, side, side_of_table
from jaxhpo.analysis.contrast import fronts_of
from jaxhpo.analysis.options import Options
from jaxhpo.goals import Goals
from jaxhpo.interop.sources import opened
from jaxhpo.space import Float, Space

WIDE = Space(x=Float(0.0, 1.0), y=Float(0.0, 1.0))
NARROW = Space(x=Float(0.0, 0.5), y=Float(0.0, 1.0))
FAST = Options(resamples=20, most=100)
SIZE = Goals((("score", True),), (("size", 0.5),))
TWO = Goals((("score", True), ("size", False)))


def table(space, n, *, seed=0, noise=0.05):
    """The score is x; the best break the constraint, that the size, 1 - y + x, is small."""
    made = drawn(space, lambda c: c["x"], n, seed=seed, noise=noise, maximize=True)
    size = made["param.x"].to_numpy(float) + 1 - made["param.y"].to_numpy(float)
    return made.assign(**{"metric.size": size})


def study(space, n, goals, *, seed=0, name="s"):
    return side_of_table(
        table(space, n, seed=seed),
        space,
        name=name,
        objective="score",
        maximize=True,
        goals=goals,
        options=FAST,
    )


def test_what_breaks_a_constraint_is_no_result():
    a, b = study(WIDE, 200, SIZE), study(NARROW, 200, SIZE, seed=1)
    found = compared(a, b)
    assert found.constraints == {"size": 0.5}
    kept = [s.table["metric.size"].to_numpy() <= 0.5 for s in (a, b)]
    assert (found.n_a, found.n_b) == tuple(int(k.sum()) for k in kept)
    best = [s.table["value"].to_numpy()[k].max() for s, k in zip((a, b), kept, strict=True)]
    assert found.best == pytest.approx(best[1] - best[0])
    assert found.best != pytest.approx(b.table["value"].max() - a.table["value"].max())
    assert (found.kept.kept_a, found.kept.n_a) == (found.n_a, 200)
    shares = found.kept.kept_b / 200 - found.kept.kept_a / 200
    assert found.kept.difference.value == pytest.approx(shares)
    assert found.kept.difference.low > 0  # less of it breaks the constraint
    assert found.objectives == ()
    assert found.front is None


def test_both_studies_are_judged_by_the_constraints_of_either():
    a, b = study(WIDE, 200, None), study(NARROW, 200, SIZE, seed=1)
    either = [compared(*pair) for pair in ((a, b), (b, a))]
    assert all(found.constraints == {"size": 0.5} for found in either)
    assert (either[0].n_a, either[0].n_b) == (either[1].n_b, either[1].n_a)
    assert either[0].n_a < 200
    tight = study(NARROW, 200, Goals(SIZE.objectives, (("size", 0.2),)), seed=1)
    assert compared(b, tight).constraints == {"size": 0.2}  # what counts now
    bare = dataclasses.replace(a, table=a.table.drop(columns="metric.size"))
    with pytest.raises(ValueError, match=r"compared\(a=...\) must know the metric .* no 'size'"):
        compared(bare, b)


def test_directions_that_differ_are_refused():
    a = study(WIDE, 30, TWO)
    turned = Goals((("score", True), ("size", True)))
    with pytest.raises(ValueError, match="size minimised and score maximised, size maximised"):
        compared(a, dataclasses.replace(a, goals=turned))
    with pytest.raises(ValueError, match="must have the same objectives"):
        compared(a, study(WIDE, 30, None))


def test_of_several_objectives_the_volume_decides():
    good = Space(x=Float(0.0, 1.0), y=Float(0.6, 1.0))  # without small y, which only costs size
    a, b = study(WIDE, 150, TWO), study(good, 100, TWO, seed=1)
    found = compared(a, b)
    assert found.verdict == "better"
    assert found.front.volume.low > 0
    assert found.front.k == 50
    assert "volume" in found.reason
    assert [o.name for o in found.objectives] == ["score", "size"]
    assert found.objectives[1].mean.high < 0  # smaller, in its own direction
    assert found.objectives[0].best_a == pytest.approx(a.table["value"].max())
    assert compared(b, a).verdict == "worse"
    assert 0 < found.front.volume_a < 1
    assert found.front.only_a <= found.front.a


def test_equal_spaces_are_not_told_apart_in_their_fronts():
    told = 0
    for seed in range(500, 506):
        pair = table(WIDE, 60, seed=seed), table(WIDE, 60, seed=seed + 100)
        found = fronts_of(*pair, TWO, np.random.default_rng(0)).volume
        told += not found.low <= 0 <= found.high
    assert told <= 2  # false alarm of more, at 5 % each: 0.2 %


def test_few_feasible_trials_can_not_be_judged():
    none = Goals(TWO.objectives, (("size", -1.0),))
    found = compared(study(WIDE, 40, none), study(WIDE, 40, none, seed=1))
    assert found.verdict == "unknown"
    assert "no feasible complete trial" in found.reason
    assert found.best is None
    assert found.kept.difference.value == 0
    assert np.isfinite([found.kept.difference.low, found.kept.difference.high]).all()


def optuna_study(directions, n=40):
    """x is the first value, 1 - x + y the second; the constraint is x - 0.5 at most 0."""
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    made = optuna.create_study(directions=directions)
    unit = optuna.distributions.FloatDistribution(0.0, 1.0)
    for x, y in np.random.default_rng(7).random((n, 2)).tolist():
        trial = optuna.trial.create_trial(
            params={"x": x, "y": y},
            distributions={"x": unit, "y": unit},
            values=[x, 1 - x + y][: len(directions)],
            system_attrs={"constraints": [x - 0.5]},
        )
        made.add_trial(trial)
    return made


def test_an_optuna_study_and_a_table_on_either_side(tmp_path):
    pytest.importorskip("optuna")
    theirs = side(opened(optuna_study(["maximize"]), startup=40), "theirs", FAST)
    rng = np.random.default_rng(0)
    x, y = rng.random(50), rng.random(50)
    frame = pd.DataFrame({"x": x, "y": y, "value": x, "metric.constraint 0": x - 0.5})
    frame.to_csv(tmp_path / "t.csv", index=False)
    table = side(opened(tmp_path / "t.csv", space=WIDE, maximize=True, startup=50), "table", FAST)
    for first, second in ((theirs, table), (table, theirs)):
        found = compared(first, second)
        assert found.constraints == {"constraint 0": 0.0}
        by_name = {first.name: found.n_a, second.name: found.n_b}
        assert by_name["table"] == int((x <= 0.5).sum())
        assert 0 < by_name["theirs"] < 40
        assert found.kept is not None
        assert abs(found.best) < 0.2  # 0.5 is the most of both
    frame.drop(columns="metric.constraint 0").to_csv(tmp_path / "bare.csv", index=False)
    bare = side(opened(tmp_path / "bare.csv", space=WIDE, maximize=True), "bare", FAST)
    with pytest.raises(ValueError, match=r"compared\(a=...\) must know .* 'constraint 0'"):
        compared(bare, theirs)
    several = side(opened(optuna_study(["minimize", "minimize"]), startup=40), "several", FAST)
    assert compared(several, several).front is not None
    with pytest.raises(ValueError, match="the same objectives"):
        compared(several, theirs)
