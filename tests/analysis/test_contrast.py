"""Two studies with constraints or several objectives: what is judged, and which is better."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from made import drawn

from jaxhpo.analysis.compare import compared, side_of_table
from jaxhpo.analysis.options import Options
from jaxhpo.goals import Goals
from jaxhpo.space import Float, Space

WIDE = Space(x=Float(0.0, 1.0), y=Float(0.0, 1.0))
NARROW = Space(x=Float(0.0, 0.5), y=Float(0.0, 1.0))
FAST = Options(resamples=20, most=100)
SIZE = Goals((("score", True),), (("size", 0.5),))
TWO = Goals((("score", True), ("size", False)))


def study(space, n, goals, *, seed=0, name="s", noise=0.05):
    """The score is x; the best break the constraint, that the size, 1 - y + x, is small."""
    table = drawn(space, lambda c: c["x"], n, seed=seed, noise=noise, maximize=True)
    size = table["param.x"].to_numpy(float) + 1 - table["param.y"].to_numpy(float)
    table["metric.size"] = size.astype(float)
    return side_of_table(
        table, space, name=name, objective="score", maximize=True, goals=goals, options=FAST
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
    verdicts = [
        compared(study(WIDE, 80, TWO, seed=s), study(WIDE, 80, TWO, seed=s + 50)).verdict
        for s in range(4)
    ]
    assert verdicts.count("not told apart") >= 3  # false alarm of one: 5 %


def test_few_feasible_trials_can_not_be_judged():
    none = Goals(TWO.objectives, (("size", -1.0),))
    found = compared(study(WIDE, 40, none), study(WIDE, 40, none, seed=1))
    assert found.verdict == "unknown"
    assert "no feasible complete trial" in found.reason
    assert found.best is None
    assert found.kept.difference.value == 0
    assert np.isfinite([found.kept.difference.low, found.kept.difference.high]).all()
