"""Blocks of proposals know exactly what they may know."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhpo import registry
from jaxhpo.contracts import Proposal, Sampler
from jaxhpo.space import Choice, Float, Int, Space
from jaxhpo.study.proposer import Proposer
from jaxhpo.trial import Phase, Status, Trial

SPACE = Space(x=Float(0.0, 1.0), n=Int(1, 4))


def spy(calls: list, *, adaptive: bool = True, size: int | None = None) -> Sampler:
    """Proposes ``first, first + 1, ...`` hundredths and notes what it is told."""

    def tell(state, points, losses, valid):
        calls.append(("tell", np.asarray(losses).tolist(), np.asarray(valid).tolist()))
        return state + len(losses)

    def ask(state, first, pending, n):
        calls.append(("ask", first, pending.shape[0], n, state))
        x = (first + jnp.arange(n, dtype=jnp.float32)) / 100
        points = jnp.stack([x, jnp.full(n, 0.5)], axis=1)
        return Proposal(SPACE.layout.snap(points), jnp.arange(n) + first >= 4)

    return Sampler(init=lambda key: 0, tell=tell, ask=ask, adaptive=adaptive, size=size)


def proposer(
    calls, *, batch=4, lookahead=4, gated=True, given=(), size=None, adaptive=True, losses=None
):
    return Proposer(
        SPACE,
        spy(calls, adaptive=adaptive, size=size),
        jax.random.key(0),
        batch=batch,
        lookahead=lookahead,
        gated=gated,
        given=given,
        budget=lambda config: config["n"],
        losses=losses,
    )


def ended(trials: list[Trial], *, curves: bool = False) -> list[Trial]:
    """Complete, each with its number as loss; with curves, ten more a unit before."""
    return [
        dataclasses.replace(
            t,
            status=Status.COMPLETE,
            loss=float(t.number),
            curves={"loss": np.float32([t.number + 10, t.number])} if curves else {},
        )
        for t in trials
    ]


def test_a_block_waits_for_exactly_what_it_must_know():
    calls: list = []
    made, trials = proposer(calls), []
    trials += made.next(trials, 100)
    trials += made.next(trials, 100)  # 4 - 4 = 0 trials need be known
    assert [t.number for t in trials] == list(range(8))
    assert [t.known for t in trials] == [0] * 8
    assert made.next(trials, 100) == []  # trials 0 to 3 have not ended
    trials = [*ended(trials[:3]), trials[3], *ended(trials[4:])]
    assert made.next(trials, 100) == []  # trial 3 has not
    trials = ended(trials)
    block = made.next(trials, 100)
    assert [(t.number, t.known) for t in block] == [(8, 4), (9, 4), (10, 4), (11, 4)]
    assert calls == [
        ("ask", 0, 0, 4, 0),
        ("ask", 4, 4, 4, 0),
        ("tell", [0.0, 1.0, 2.0, 3.0], [True] * 4),
        ("ask", 8, 4, 4, 4),  # 4 to 7 have ended, but are pending to this block
    ]


def test_phases_and_budgets_come_from_the_sampler_and_the_task():
    block = proposer([], batch=8).next([], 100)
    assert [t.phase for t in block] == [Phase.EXPLORE] * 4 + [Phase.MODEL] * 4
    assert [t.budget for t in block] == [t.config["n"] for t in block]
    assert [t.config["x"] for t in block] == pytest.approx([i / 100 for i in range(8)])


def test_diverged_and_failed_trials_are_told_as_such():
    calls: list = []
    made = proposer(calls, lookahead=0)
    trials = ended(made.next([], 100))
    trials[1] = dataclasses.replace(trials[1], status=Status.DIVERGED, loss=None)
    trials[2] = dataclasses.replace(trials[2], status=Status.FAILED, loss=None)
    made.next(trials, 100)
    _, losses, valid = calls[1]
    assert valid == [True, False, False, True]
    assert np.isnan(losses[1])
    assert np.isnan(losses[2])


def test_what_need_not_wait_does_not():
    made, trials = proposer([], gated=False, adaptive=False), []
    for _ in range(5):
        trials += made.next(trials, 18)
    assert len(trials) == 18
    assert {t.known for t in trials} == {0}
    assert made.next(trials, 18) == []


@pytest.mark.parametrize("first", [1, 4, 6, 7, 11])
def test_a_study_that_is_continued_proposes_what_it_would_have(first):
    def propose(made, trials, wanted):
        while block := made.next(trials, wanted):
            trials = trials + ended(block)
        return trials

    whole = propose(proposer([]), [], 18)
    part = propose(proposer([]), [], first)
    assert len(part) == first
    rest = propose(proposer([]), part, 18)  # a new process
    for a, b in zip(whole, rest, strict=True):
        assert (a.number, a.config, a.known, a.phase) == (b.number, b.config, b.known, b.phase)
        assert a.point.tobytes() == b.point.tobytes()


def test_given_configurations_come_first_and_shift_the_sampler():
    calls: list = []
    given = [{"x": 0.25, "n": 2}, {"x": 1.0, "n": 4}]
    made = proposer(calls, given=given)
    trials = made.next([], 100)
    assert [t.config for t in trials] == given
    assert {t.phase for t in trials} == {Phase.GIVEN}
    trials += made.next(trials, 100)
    assert [t.number for t in trials] == list(range(6))
    assert calls == [("ask", 0, 2, 4, 0)]
    assert made.next([], 1)[0].config == given[0]


def test_a_finite_sampler_ends_the_study():
    made, trials = proposer([], size=6, given=[{"x": 0.5, "n": 1}]), []
    while block := made.next(trials, 100):
        trials += ended(block)
    assert len(trials) == made.size == 7


@pytest.mark.parametrize("sampler", ["random", "sobol", "grid", "tpe", "auto"])
def test_what_was_given_is_not_tried_once_more(sampler):
    space = Space(a=Choice(["u", "v", "w"]), b=Int(0, 3))
    given = [{"a": "u", "b": 1}, {"a": "w", "b": 3}]

    def all_of(batch: int) -> list[Trial]:
        made = Proposer(
            space,
            registry.made("samplers", sampler, (space.layout,), {}),
            jax.random.key(5),
            batch=batch,
            lookahead=4,
            gated=True,
            given=given,
            budget=lambda config: 1,
        )
        trials: list[Trial] = []
        while block := made.next(trials, 100):
            trials += ended(block)
        assert made.size == 12
        return trials

    found = all_of(batch=4)
    assert [t.config for t in found[:2]] == given
    assert len({tuple(t.config.values()) for t in found}) == len(found) == 12
    assert len({tuple(t.config.values()) for t in all_of(batch=5)}) == 12


def test_a_budget_that_is_no_number_of_units_is_refused():
    made = Proposer(
        Space(x=Choice(["a", "b"])),
        Sampler(
            init=lambda key: None,
            tell=lambda *a: None,
            ask=lambda state, first, pending, n: Proposal(
                jnp.full((n, 1), 0.25), jnp.zeros(n, bool)
            ),
            adaptive=False,
        ),
        jax.random.key(0),
        batch=2,
        lookahead=0,
        gated=False,
        given=[],
        budget=lambda config: 0,
    )
    with pytest.raises(ValueError, match=r"got 0 for \{'x': 'a'\}"):
        made.next([], 5)


def test_stopped_trials_are_told_by_where_they_stood():
    calls: list = []
    made = proposer(calls, lookahead=0, losses=lambda t: t.curves["loss"])
    trials = made.next([], 100)
    trials += made.next(ended(trials, curves=True), 100)
    trials = ended(trials, curves=True)
    assert [t.loss for t in trials] == [0.0, 1, 2, 3, 4, 5, 6, 7]
    stopped = {"loss": np.float32([11.5])}  # between trials 1 and 2 after one unit
    trials[6] = dataclasses.replace(trials[6], status=Status.STOPPED, loss=11.5, curves=stopped)
    state = made.knowing(trials)
    made.next(trials, 100)
    assert made.state == state == 8
    assert calls[-2][0:2] == ("tell", [4.0, 5.0, 1.5, 7.0])


def test_what_was_looked_at_only_is_not_kept():
    calls: list = []
    made = proposer(calls, lookahead=0, losses=lambda t: t.curves["loss"])
    trials = ended(made.next([], 100), curves=True)
    for _ in range(2):
        made.knowing(trials)
    made.next(trials, 100)
    assert calls[1] == calls[2] == calls[3]
