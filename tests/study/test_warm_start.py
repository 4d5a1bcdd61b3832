"""A study that starts from another one's results: what is told, what is left out, what is said."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from jaxhpo import Bool, Choice, Float, Int, Space, Study
from jaxhpo.contracts import Sampler
from jaxhpo.goals import Goals
from jaxhpo.store.errors import StudyMismatch
from jaxhpo.study.warm_start import Prior, Source, mapped
from jaxhpo.tasks.objective import objective
from jaxhpo.trial import Phase, Status, Trial

OLD = Space(
    x=Float(0.0, 1.0),
    n=Int(1, 9),
    kind=Choice(["a", "b"]),
    gone=Float(0.0, 1.0),
    tilt=Float(0.0, 1.0, when={"kind": "b"}),
)


def trials(space=OLD, n=40, **change):
    points = np.random.default_rng(0).random((n, len(space))).astype(np.float32)
    points = np.asarray(space.layout.snap(points))
    return [
        dataclasses.replace(
            Trial(
                number=i,
                config=config,
                point=point,
                phase=Phase.EXPLORE,
                known=0,
                budget=1,
                status=Status.COMPLETE,
                units=1,
                loss=float(i),
                curves={"cost": np.float32([i])},
            ),
            **change,
        )
        for i, (point, config) in enumerate(zip(points, space.decode(points), strict=True))
    ]


def old(rows=None, space=OLD, **change):
    return Source("old", space, trials() if rows is None else rows, "cost", False)._replace(
        **change
    )


def found(space, source=None, **change):
    given = {"objective": "cost", "maximize": False, **change}
    return mapped(old() if source is None else source, space, **given)


def test_in_the_same_space_everything_is_told_as_it_was():
    prior = found(OLD)
    np.testing.assert_array_equal(prior.points, OLD.encode([t.config for t in trials()]))
    np.testing.assert_array_equal(prior.losses, np.arange(40))
    assert prior.valid.all()
    assert prior.notes == ()


def test_what_lies_outside_new_bounds_is_left_out_and_said():
    space = Space({**OLD.parameters, "x": Float(0.25, 2.0), "n": Int(1, 4)})
    prior = found(space)
    fits = [t for t in trials() if t.config["x"] >= 0.25 and t.config["n"] <= 4]
    assert 0 < len(fits) < 40
    np.testing.assert_array_equal(prior.losses, [t.loss for t in fits])
    np.testing.assert_allclose(
        prior.points[:, 0], [(t.config["x"] - 0.25) / 1.75 for t in fits], atol=1e-6
    )
    said = "; ".join(prior.notes)
    assert "of 40 trials are left out: x has another value than this study searches" in said
    assert "of 40 trials are left out: n has another value than this study searches" in said
    assert sum(int(note.split()[0]) for note in prior.notes) == 40 - len(fits)


def test_what_is_new_is_spread_out_and_what_is_gone_is_let_go():
    domains = {name: d for name, d in OLD.parameters.items() if name != "gone"}
    prior = found(Space({**domains, "fresh": Float(0.0, 1.0), "on": Bool()}))
    fresh = prior.points[:, 4]
    assert len(np.unique(fresh)) == 40
    # The mean of 40 uniform numbers: four standard deviations are 0.18.
    assert abs(fresh.mean() - 0.5) < 0.18
    assert set(prior.points[:, 5]) == {0.25, 0.75}
    assert prior.notes == (
        "let go, as this study does not search it: gone",
        "drawn at random, as it was not searched there: fresh, on",
    )
    again = found(Space({**domains, "fresh": Float(0.0, 1.0), "on": Bool()}))
    np.testing.assert_array_equal(again.points, prior.points)


def test_a_choice_that_is_fixed_leaves_out_the_others_and_a_number_is_let_go():
    prior = found(Space({**OLD.parameters, "kind": "b", "gone": 0.5, "tilt": Float(0.0, 1.0)}))
    fits = [t for t in trials() if t.config["kind"] == "b"]
    np.testing.assert_array_equal(prior.losses, [t.loss for t in fits])
    np.testing.assert_allclose(prior.points[:, 2], [t.config["tilt"] for t in fits], atol=1e-6)
    assert "let go, as this study does not search it: gone" in prior.notes
    assert any("this study has kind = 'b' only" in note for note in prior.notes)


def test_what_diverged_is_told_as_such_and_what_runs_is_not_told():
    rows = trials()
    rows[3] = dataclasses.replace(rows[3], status=Status.DIVERGED, loss=None)
    rows[5] = dataclasses.replace(rows[5], status=Status.RUNNING, loss=None)
    prior = found(OLD, old(rows))
    assert len(prior.losses) == 39
    assert prior.valid.tolist() == [True] * 3 + [False] + [True] * 35
    assert np.isnan(prior.losses[3])


GOALS = Goals((("cost", False), ("speed", True)), (("size", 2.0),))


def test_further_goals_are_read_from_metrics():
    rows = [
        dataclasses.replace(t, metrics={"cost": float(i), "speed": 2.0 * i, "size": i / 10})
        for i, t in enumerate(trials())
    ]
    rows[3] = dataclasses.replace(rows[3], status=Status.DIVERGED, loss=None, metrics={})
    rows[5] = dataclasses.replace(rows[5], metrics={"cost": 5.0, "speed": 1.0})
    rows[7] = dataclasses.replace(rows[7], metrics={**rows[7].metrics, "speed": np.nan})
    prior = found(OLD, old(rows), goals=GOALS)
    assert len(prior.points) == 39
    assert prior.notes == ("1 of 40 trials are left out: without a value of size",)
    np.testing.assert_array_equal(prior.losses[0], [0.0, 0.0])
    np.testing.assert_array_equal(prior.losses[10], [11.0, -22.0])
    assert list(np.flatnonzero(~prior.valid)) == [3, 6]
    assert np.isnan(prior.losses[~prior.valid]).all()
    assert prior.violations is not None
    np.testing.assert_allclose(prior.violations[[0, -1], 0], [0.0, 1.9], rtol=1e-5)
    assert np.isinf(prior.violations[3, 0])
    again = Prior.from_dict(json.loads(json.dumps(prior.to_dict())), len(OLD))
    for one, other in zip(again.told, prior.told, strict=True):
        np.testing.assert_array_equal(one, other)
    assert again.identity == prior.identity
    bounded = found(OLD, old(rows), goals=Goals(GOALS.objectives[:1], GOALS.constraints))
    assert bounded.losses.ndim == 1


def test_a_study_that_never_measured_a_goal_is_refused():
    with pytest.raises(ValueError, match=r"'old' has no metric 'speed', 'size' \(it has none\)"):
        found(OLD, goals=GOALS)


def test_what_can_not_be_compared_is_refused():
    with pytest.raises(ValueError, match="'old' minimised 'cost', this study has 'cost' maximised"):
        found(OLD, maximize=True)
    with pytest.raises(ValueError, match=r"no trial of 'old' with a result fits .*40 of 40 trials"):
        found(Space(x=Float(5.0, 6.0)))
    assert found(OLD, objective="loss").notes == ("its 'cost' is taken for this study's 'loss'",)


# -- in a study ------------------------------------------------------------------------------------

LINE = Space(x=Float(0.0, 1.0))
WIDER = Space(x=Float(-1.0, 1.0), y=Float(0.0, 1.0))


def far(key, hp):
    return (hp["x"] - 0.3) ** 2


def made(space, **change):
    given = {"trials": 24, "batch": 8, "lookahead": 0, "sampler": "tpe", "width": 8, **change}
    return Study(objective(far, space), **given)


@pytest.fixture(scope="module")
def earlier(tmp_path_factory):
    where = tmp_path_factory.mktemp("earlier")
    with made(LINE, workdir=where) as study:
        study.run()
    return where


def plain(study):
    return [(t.config, t.loss, t.phase) for t in study.trials]


def test_a_study_starts_from_a_study(earlier, tmp_path):
    with made(WIDER, warm_start=earlier) as study:
        study.run()
        assert {t.phase for t in study.trials} == {Phase.MODEL}  # nothing need be explored
        assert study.identity["warm_start"]["source"] == str(earlier)
        whole = plain(study)
        digest = study.records.facts()["digest"]
    for trials_ in (8, 24):  # killed in between; the second time nobody says where it is from
        more = {"warm_start": earlier} if trials_ == 8 else {}
        with made(WIDER, workdir=tmp_path, trials=trials_, **more) as part:
            part.run()
            again = plain(part)
            assert part.records.facts()["warm_start"]["source"] == str(earlier)
    assert again == whole
    with made(WIDER, workdir=tmp_path) as part:
        assert part.records.facts()["digest"] == digest


def test_the_earlier_study_may_grow_meanwhile(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    with made(LINE, workdir=first, trials=16) as study:
        study.run()
    with made(LINE, workdir=second, warm_start=first, trials=8) as study:
        study.run()
        told = study.identity["warm_start"]
    with made(LINE, workdir=first, trials=24) as study:
        study.run()
    with made(LINE, workdir=second, warm_start=first, trials=16) as study:
        assert study.identity["warm_start"] == told
        assert len(study.prior.points) == 16


def test_another_start_is_another_study(earlier, tmp_path):
    with made(LINE, workdir=tmp_path, trials=8) as study:
        study.run()
        assert study.identity["warm_start"] is None
    with pytest.raises(StudyMismatch, match="warm_start"):
        made(LINE, workdir=tmp_path, warm_start=earlier)


def test_it_may_be_an_open_study_or_what_interop_loads(earlier):
    from jaxhpo.interop.sources import load

    with made(LINE, workdir=earlier) as study:
        one = made(WIDER, warm_start=study).prior
    two = made(WIDER, warm_start=load(earlier)).prior
    np.testing.assert_array_equal(one.points, two.points)
    np.testing.assert_array_equal(one.losses, two.losses)


def test_what_is_no_study_is_refused(earlier, tmp_path):
    with pytest.raises(ValueError, match=r"Study\(warm_start=...\) must be an earlier .*got 3"):
        made(LINE, warm_start=3)
    with pytest.raises(FileNotFoundError):
        made(LINE, warm_start=tmp_path / "nothing")
    with pytest.raises(ValueError, match="the sampler 'random' does not look at results"):
        made(LINE, warm_start=earlier, sampler="random")


def test_the_sampler_is_told_before_it_is_asked(earlier, monkeypatch):
    calls: list = []

    def spy(layout) -> Sampler:
        from jaxhpo.samplers.random import random

        def tell(state, points, losses, valid):
            calls.append(np.asarray(losses).tolist())
            return state

        return random(layout)._replace(tell=tell, adaptive=True)

    monkeypatch.setattr("jaxhpo.registry.made", lambda family, *a: _made(family, spy, *a))
    with made(LINE, warm_start=earlier, trials=16) as study:
        study.run()
        assert [len(losses) for losses in calls] == [24, 8, 8]
        assert calls[0] == study.prior.losses.tolist()


def _made(family, spy, name, arguments, options):
    from jaxhpo import registry

    return spy(*arguments) if family == "samplers" else registry.get(family, name)(*arguments)
