"""Our samplers inside Optuna, beyond what its shipped tests look at."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import numpy as np
import pytest

optuna = pytest.importorskip("optuna")

from optuna.distributions import (  # noqa: E402
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState, create_trial  # noqa: E402

from jaxhpo.interop._columns import Column, Columns  # noqa: E402
from jaxhpo.interop._memory import Ended, Memory, losses, told  # noqa: E402
from jaxhpo.interop.optuna import PHASE, JaxhpoSampler, _first  # noqa: E402

optuna.logging.set_verbosity(optuna.logging.ERROR)


def branches(trial: Any) -> float:
    kind = trial.suggest_categorical("kind", ["sgd", "adam"])
    lr = math.log10(trial.suggest_float("lr", 1e-5, 1.0, log=True))
    layers = trial.suggest_int("layers", 1, 3)
    loss = (lr + 2.5) ** 2 + 0.3 * (layers - 2) ** 2
    for i in range(layers):
        loss += 0.1 * (math.log2(trial.suggest_int(f"width{i}", 16, 512, log=True)) - 6) ** 2
    if kind == "sgd":
        loss += (trial.suggest_float("momentum", 0.0, 1.0) - 0.9) ** 2
    return loss


def studied(sampler: Any, n: int, objective: Any = branches, **options: Any) -> Any:
    study = optuna.create_study(sampler=sampler)
    study.optimize(objective, n_trials=n, **options)
    return study


def memory_of(study: Any) -> Memory:
    memory = Memory([1.0])
    memory.read(study.get_trials(deepcopy=False))
    return memory


def test_the_conditions_of_a_program_are_found_out():
    study = studied(optuna.samplers.RandomSampler(seed=0), 60)
    assert memory_of(study).whens == {
        "kind": {},
        "lr": {},
        "layers": {},
        "width0": {},
        "width1": {"layers": {1, 2}},
        "width2": {"layers": {2}},
        "momentum": {"kind": {0}},
    }


def test_conditions_are_seen_in_pruned_trials_too():
    def objective(trial: Any) -> float:
        k = trial.suggest_categorical("k", ["a", "b"])
        x = trial.suggest_float("x", 0, 1) if k == "a" else 0.0
        trial.report(x, 0)
        if k == "a":
            raise optuna.TrialPruned
        y = trial.suggest_float("y", 0, 1)
        return y

    study = studied(optuna.samplers.RandomSampler(seed=0), 20, objective)
    # No complete trial has x, and y is asked for only after a trial may be pruned.
    assert memory_of(study).whens == {"k": {}, "x": {"k": {0}}, "y": {"k": {1}}}
    late = create_trial(
        state=TrialState.PRUNED,
        params={"k": "b"},
        distributions={"k": CategoricalDistribution(["a", "b"])},
        intermediate_values={0: 1.0},
    )
    study.add_trial(late)
    assert memory_of(study).whens == {"k": {}, "x": {"k": {0}}, "y": {}}


def test_branches_are_searched_together_and_well():
    best = [studied(JaxhpoSampler(seed=s), 80).best_value for s in range(3)]
    by_chance = [studied(JaxhpoSampler("random", seed=s), 80).best_value for s in range(3)]
    assert sorted(best)[1] < min(by_chance)
    assert np.mean(best) < np.mean(by_chance) / 2


def test_the_same_seed_and_history_propose_the_same():
    one, two = (studied(JaxhpoSampler(seed=3), 30) for _ in range(2))
    assert [t.params for t in one.trials] == [t.params for t in two.trials]
    other = studied(JaxhpoSampler(seed=4), 30)
    assert [t.params for t in one.trials] != [t.params for t in other.trials]


def test_a_resumed_study_goes_on_as_it_would_have():
    whole = studied(JaxhpoSampler(seed=3), 30)
    parts = studied(JaxhpoSampler(seed=3), 17)
    parts.sampler = JaxhpoSampler(seed=3)
    parts.optimize(branches, n_trials=13)
    assert [t.params for t in whole.trials] == [t.params for t in parts.trials]


def test_a_copy_is_as_good_as_the_sampler():
    sampler = JaxhpoSampler(seed=1, startup=12)
    again = [pickle.loads(pickle.dumps(sampler)), copy.deepcopy(sampler)]
    runs = [[t.params for t in studied(s, 16).trials] for s in (sampler, *again)]
    assert runs[0] == runs[1] == runs[2]


def test_a_batch_asked_for_at_once_has_no_two_alike():
    study = optuna.create_study(sampler=JaxhpoSampler(seed=0))
    space = {"a": CategoricalDistribution(list("abcdef")), "b": IntDistribution(0, 5)}
    for trial in [study.ask(space) for _ in range(12)]:
        study.tell(trial, trial.params["b"])
    batch = [study.ask(space) for _ in range(10)]
    tried = [tuple(sorted(t.params.items())) for t in study.trials[1:]]
    assert len(set(tried)) == len(tried) == 11 + len(batch)


def test_workers_side_by_side():
    study = studied(JaxhpoSampler(seed=0), 40, n_jobs=4)
    assert all(t.state == TrialState.COMPLETE for t in study.trials)
    assert len({str(t.params) for t in study.trials}) == 40


def proposed_blindly(study: Any, sampler: Any, number: int) -> str:
    """What a worker of another process proposes for a trial that is begun, before it records it."""
    trial = study.trials[number]
    space = sampler.infer_relative_search_space(study, trial)
    return str(sorted(sampler.sample_relative(study, trial, space).items()))


@pytest.mark.parametrize("name", ["tpe", pytest.param("auto", marks=pytest.mark.slow)])
def test_workers_that_ask_in_the_same_moment_propose_different_trials(name: str):
    def objective(trial: Any) -> float:
        c = trial.suggest_categorical("c", list("abcdefgh"))
        return (trial.suggest_int("i", 0, 12) - 6) ** 2 + (ord(c) - ord("d")) ** 2

    study = studied(JaxhpoSampler(name, seed=0), 30, objective)
    begun = [study._storage.create_new_trial(study._study_id) for _ in range(5)]
    assert len(begun) == 5
    found = [proposed_blindly(study, JaxhpoSampler(name, seed=0), 30 + i) for i in range(5)]
    assert len(set(found)) == 5


def test_a_worker_that_died_makes_no_later_trial_part_of_a_batch():
    study = studied(JaxhpoSampler(seed=0), 20)
    dead = study._storage.create_new_trial(study._study_id)
    study.optimize(branches, n_trials=1)
    memory = memory_of(study)
    assert memory.open == {dead: {}}
    assert _first(22, memory) == 22
    memory.open[22] = {}
    assert _first(25, memory) == 22
    assert _first(200, memory) == 200


def test_a_space_that_grows_does_not_begin_anew():
    space: dict[str, Any] = {f"x{i}": FloatDistribution(0, 1) for i in range(7)}
    found = []
    for d in (5, 7):  # as many as one sequence has, and more
        some = dict(list(space.items())[:d])
        study = optuna.create_study(sampler=JaxhpoSampler(seed=0, startup=64))
        study.add_trial(
            create_trial(value=0.0, params=dict.fromkeys(some, 0.5), distributions=some)
        )
        found.append([[study.ask(some).params[f"x{i}"] for i in range(5)] for _ in range(24)])
    assert not {tuple(row) for row in found[0]} & {tuple(row) for row in found[1]}


def test_maximising_mirrors_minimising():
    def down(trial: Any) -> float:
        return (trial.suggest_float("x", 0, 1) - 0.3) ** 2

    low = studied(JaxhpoSampler(seed=0), 25, down)
    high = optuna.create_study(direction="maximize", sampler=JaxhpoSampler(seed=0))
    high.optimize(lambda trial: -down(trial), n_trials=25)
    assert [t.params for t in low.trials] == [t.params for t in high.trials]


def test_the_phase_of_every_trial_is_noted():
    study = studied(JaxhpoSampler(seed=0, startup=11), 20)
    phases = [t.system_attrs[PHASE] for t in study.trials]
    assert phases[:11] == ["explore"] * 11
    assert phases[15:] == ["model"] * 5


def test_failed_trials_and_nan_are_worse_than_all():
    def objective(trial: Any) -> float:
        x = trial.suggest_float("x", 0, 1)
        if x > 0.5:
            raise ArithmeticError
        return math.nan if x > 0.4 else -x

    study = studied(JaxhpoSampler(seed=0), 40, objective, catch=(ArithmeticError,))
    late = [t.params["x"] for t in study.trials[20:]]
    assert sum(x > 0.5 for x in late) < 5
    assert study.best_value < -0.37


def test_pruned_trials_count_with_their_last_report():
    study = optuna.create_study(sampler=JaxhpoSampler(seed=0))
    space: dict[str, Any] = {"x": FloatDistribution(0, 1)}
    study.add_trial(create_trial(state=TrialState.PRUNED, params={"x": 0.5}, distributions=space,
                                 intermediate_values={0: 9.0, 2: 3.0}))  # fmt: skip
    study.add_trial(create_trial(state=TrialState.PRUNED, params={"x": 0.5}, distributions=space))
    assert [trial.values for trial in memory_of(study).ended] == [(3.0,), None]


def test_constraints_first_then_the_objective():
    def objective(trial: Any) -> float:
        x, y = trial.suggest_float("x", -1, 1), trial.suggest_float("y", -1, 1)
        trial.set_user_attr("c", 0.8 - x)
        return x + y * y

    sampler = JaxhpoSampler(seed=0, constraints_func=lambda t: (t.user_attrs["c"],))
    study = studied(sampler, 50, objective)
    kept = [t.value for t in study.trials if t.params["x"] >= 0.8]
    assert len(kept) > 20
    assert min(kept) < 0.95
    assert [t.system_attrs["constraints"] for t in study.trials[:1]] == [[
        0.8 - study.trials[0].params["x"]
    ]]  # fmt: skip


def test_losses_of_trials():
    def trial(values: Any, violation: float = 0.0) -> Ended:
        return Ended(0, {}, values, {"0": violation} if violation else {})

    found, valid = losses([trial((2.0,)), trial(None), trial((math.inf,)), trial((-math.inf,))])
    assert valid.tolist() == [True, False, False, True]
    assert found[0] == 0.0
    assert found[3] < -8e37
    found, valid = losses([trial((1e300,)), trial((1e300 + 1e290,)), trial((1.0,))])
    assert valid.all()
    assert found[2] < found[0] < found[1]
    # Nothing satisfies the constraints: the violation is the loss.
    found, valid = losses([trial((1.0,), 2.0), trial((5.0,), 0.5)])
    assert valid.all()
    assert found[1] < found[0]
    found, valid = losses([trial((1.0,), 2.0), trial((5.0,), 0.5), trial((9.0,))])
    assert valid.tolist() == [False, False, True]


def test_what_a_sampler_of_several_is_told():
    rows = [
        Ended(0, {}, (1e9, 2.0), {}),
        Ended(1, {}, (1e9 + 1, 1.0), {"b": 0.5}),
        Ended(2, {}, None, {"a": math.inf}),
        Ended(3, {}, (5.0, math.inf), {"b": math.nan}),
    ]
    found = told(rows, 2)
    np.testing.assert_array_equal(found.losses[:2], [[0, 0], [1, -1]])
    assert found.valid.tolist() == [True, True, False, False]
    assert found.violations is not None
    inf = math.inf
    np.testing.assert_array_equal(found.violations, [[0, 0], [0.5, 0], [0, inf], [inf, 0]])
    assert told(rows[:1], 1).violations is None
    assert found.same(told(rows, 2))
    assert not found.start(2).same(told(rows[:2], 2))  # there is one constraint more


DISTRIBUTIONS = [
    FloatDistribution(-1e308, 1e308),
    FloatDistribution(1.0, 1.0 + 1e-12),
    FloatDistribution(1e-300, 1e300, log=True),
    FloatDistribution(0.1, 0.7, step=0.1),
    FloatDistribution(0.0, 1e6, step=0.001),
    IntDistribution(0, 10**18),
    IntDistribution(1, 10**15, log=True),
    IntDistribution(-7, 8, step=5),
    IntDistribution(1, 100, log=True),
    CategoricalDistribution([None, True, 1.5, "a", "\u2028"]),
    CategoricalDistribution([str(i) for i in range(3000)]),
]


@pytest.mark.parametrize("distribution", DISTRIBUTIONS, ids=str)
def test_every_distribution_has_a_column(distribution: Any):
    column = Column(distribution)
    few = 0 < column.levels <= 1024
    units = [0.0, 1e-9, 0.2, 0.5, 0.77, 1 - 2**-24, 1.0]
    for unit in units:
        value = column.decode(unit)
        assert distribution._contains(distribution.to_internal_repr(value))
        again = column.encode(value)
        assert again is not None
        assert 0 <= again <= 1
        if few:
            assert column.decode(again) is value or column.decode(again) == value
    if isinstance(distribution, FloatDistribution | IntDistribution):
        assert column.encode(distribution.high * 2 + 1) is None
    if few:
        assert len({repr(column.decode(k / 5000)) for k in range(5001)}) == column.levels


def test_values_with_steps_are_the_decimals_one_would_write():
    column = Column(FloatDistribution(0.1, 0.7, step=0.1))
    assert [column.decode((k + 0.5) / 7) for k in range(7)] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]


def test_points_and_parameters_with_conditions():
    columns = Columns(
        {"m": Column(FloatDistribution(0, 1)), "k": Column(CategoricalDistribution(["a", "b"]))},
        {"m": {"k": frozenset({1})}},
    )
    assert columns.names == ["k", "m"]
    assert columns.encode({"k": "b"}) is None  # m is missing
    assert columns.encode({"k": "b", "m": 2.0}) is None  # out of its range
    inactive = columns.encode({"k": "a"})
    assert inactive is not None
    assert columns.decode(inactive) == {"k": "a"}
    both = columns.encode({"k": "b", "m": 0.25})
    assert both is not None
    assert columns.decode(both) == {"k": "b", "m": 0.25}


def test_a_parameter_that_comes_and_goes_for_no_reason_is_proposed_alone():
    def objective(trial: Any) -> float:
        loss = trial.suggest_float("x", 0, 1)
        if trial.number % 2:
            loss += abs(trial.suggest_float("y", 0, 1) - 0.25)
        return loss

    study = studied(JaxhpoSampler(seed=0), 60, objective)
    late = [t.params["y"] for t in study.trials[40:] if "y" in t.params]
    assert sum(abs(y - 0.25) < 0.15 for y in late) >= len(late) * 0.6


def test_ranges_that_change():
    study = optuna.create_study(sampler=JaxhpoSampler(seed=0))
    study.optimize(lambda t: t.suggest_float("x", 0, 10), n_trials=20)
    study.optimize(lambda t: t.suggest_float("x", 20, 30), n_trials=20)
    assert all(20 <= t.params["x"] <= 30 for t in study.trials[20:])
    assert study.sampler.infer_relative_search_space(study, study.trials[-1]) == {
        "x": FloatDistribution(20, 30)
    }


def test_enqueued_trials_are_known_while_they_wait():
    study = optuna.create_study(sampler=JaxhpoSampler(seed=0))
    study.enqueue_trial({"x": 0.5})
    assert memory_of(study).open == {0: {"x": 0.5}}
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=2)
    assert study.trials[0].params == {"x": 0.5}


def test_what_can_not_be_is_said():
    with pytest.raises(ValueError, match=r"sampler='tep' is not known; .*tpe"):
        JaxhpoSampler("tep")
    with pytest.raises(ValueError, match=r"got sampler='grid'; use optuna.samplers.GridSampler"):
        JaxhpoSampler("grid")
    with pytest.raises(ValueError, match=r"JaxhpoSampler\(seed=...\) must be a whole number"):
        JaxhpoSampler(seed=1.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"startup=-1"):
        JaxhpoSampler(startup=-1)
    with pytest.raises(TypeError, match="gamma"):
        JaxhpoSampler(gamma=0.1)
    study = studied(JaxhpoSampler(seed=0, constraints_func=lambda t: (math.nan,)), 0)
    with pytest.raises(ValueError, match="constraints_func"):
        study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=1)


def test_one_worker_or_a_fresh_one_propose_the_same_front():
    def objective(trial: Any) -> tuple[float, float]:
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
        trial.set_user_attr("c", (0.3 - y, x - 0.9))
        return x + y, (x - 1) ** 2 + y

    def made() -> JaxhpoSampler:
        return JaxhpoSampler(seed=0, startup=8, constraints_func=lambda t: t.user_attrs["c"])

    def search(fresh: bool) -> list[dict[str, Any]]:
        study = optuna.create_study(directions=["minimize"] * 2, sampler=made())
        for _ in range(24):
            study.sampler = made() if fresh else study.sampler
            study.optimize(objective, n_trials=1)
        return [trial.params for trial in study.trials]

    once = search(fresh=False)
    assert search(fresh=True) == once
    assert sum(p["y"] >= 0.3 for p in once[12:]) > 10


def test_several_objectives():
    def objective(trial: Any) -> tuple[float, float]:
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
        return x + y, -(x - y)  # minimised, maximised: best for y - x = 1 or x + y = 0

    study = optuna.create_study(directions=["minimize", "maximize"], sampler=JaxhpoSampler(seed=0))
    study.optimize(objective, n_trials=60)
    late = [trial.params["x"] for trial in study.trials[30:]]
    assert sum(x < 0.1 for x in late) > 20
    one = studied(JaxhpoSampler("sobol", seed=0), 3)
    assert len(one.trials) == 3


def test_with_hyperband_each_bracket_learns_from_its_own_trials():
    def objective(trial: Any) -> float:
        x = trial.suggest_float("x", 0, 1)
        for step in range(9):
            trial.report(x + 1 / (step + 1), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return x

    sampler = JaxhpoSampler(seed=0)
    pruner = optuna.pruners.HyperbandPruner(max_resource=9)
    study = optuna.create_study(study_name="fixed", sampler=sampler, pruner=pruner)
    study.optimize(objective, n_trials=50)
    (searches,) = sampler._studies.values()
    known = [len(search._memory.ended) for search in searches.values()]
    assert len(known) == 3
    assert 40 < sum(known) < 50  # all but the last of each bracket
    assert study.best_value < 0.05


@pytest.mark.parametrize("name", ["tpe", "sobol", "random", "auto"])
def test_a_finite_space_is_tried_whole_and_then_again(name: str):
    def objective(trial: Any) -> float:
        return trial.suggest_int("i", 0, 3) + trial.suggest_categorical("c", [0, 1])

    study = studied(JaxhpoSampler(name, seed=0), 20, objective)
    tried = [str(sorted(t.params.items())) for t in study.trials]
    assert len(set(tried[:9])) == len(set(tried)) == 8  # the first is drawn before all is known


def test_programs_are_shared_from_trial_to_trial_and_study_to_study():
    layouts = []
    for seed in range(2):
        sampler = JaxhpoSampler(seed=seed)
        study = studied(sampler, 40)  # held on to: what is kept of it goes with it
        assert len(study.trials) == 40
        (searches,) = sampler._studies.values()
        (search,) = searches.values()
        layouts.append(next(reversed(search._models.values())).columns.layout)
        # Each new branch is another space, but only until all branches are known.
        assert len(search._models) <= 8
        models = list(search._models)
        studied_again = search.space()
        search.propose(1000, studied_again)
        search.propose(1001, studied_again)
        assert list(search._models) == models
    assert layouts[0] is layouts[1]
