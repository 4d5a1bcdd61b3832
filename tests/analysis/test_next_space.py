"""Whatever the advice, the files are spaces that a study accepts."""

from __future__ import annotations

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from jaxhpo.analysis.activity import choices
from jaxhpo.analysis.ground import Advice
from jaxhpo.analysis.next_space import next_spaces
from jaxhpo.space import Bool, Choice, Constant, Float, Int, Space
from jaxhpo.study import Study
from jaxhpo.tasks.objective import objective

SPACE = Space(
    kind=Choice(["cnn", "mlp", "rnn"]),
    depth=Int(1, 5, when={"kind": ["cnn", "rnn"]}),
    skip=Bool(when={"depth": [3, 4, 5]}),
    gate=Choice([None, "soft"], when={"skip": True, "kind": "rnn"}),
    lr=Float(1e-4, 1.0, log=True),
    width=Int(8, 64, step=8),
    rate=Float(0.1, 0.9, step=0.1),
    seedless=3,
)


def given_of(parameter, action, **more):
    fields = {
        "rules": (action,),
        "grade": "strong",
        "low": None,
        "high": None,
        "kept": (),
        "dropped": (),
        "value": None,
        "n": 10,
        "interval": None,
        "unit": "",
        "evidence": ("/evidence/0",),
        "reason": "",
        **more,
    }
    return Advice(parameter=parameter, action=action, **fields)


@st.composite
def advised(draw):
    found = []
    for name in SPACE.names:
        domain = SPACE.parameters[name]
        action = draw(st.sampled_from(["keep", "fix", "change"]))
        grade = draw(st.sampled_from(["strong", "weak"]))
        if action == "keep":
            found.append(given_of(name, "keep"))
        elif action == "fix":
            row = SPACE.layout.names.index(name)
            point = np.full((1, len(SPACE)), draw(st.floats(0, 1)), np.float32)
            if isinstance(domain, Choice | Bool):
                value = draw(st.sampled_from(list(choices(domain))))
            else:
                low, high = domain.low, domain.high
                value = draw(st.sampled_from([low, high]))
            assert point.shape[1] > row
            found.append(given_of(name, "fix", value=value, grade=grade))
        elif isinstance(domain, Choice | Bool):
            values = list(choices(domain))
            kept = draw(st.lists(st.sampled_from(values), min_size=1, unique=True))
            kept = tuple(v for v in values if v in kept)
            found.append(given_of(name, "drop", kept=kept, grade=grade))
        else:
            step = domain.step or (1 if isinstance(domain, Int) else None)
            if step:
                last = round((domain.high - domain.low) / step)
                a = draw(st.integers(0, last - 1))
                b = draw(st.integers(a + 1, last + 3))
                low, high = (round(domain.low + k * step, 6) for k in (a, b))
            else:
                low = draw(st.sampled_from([1e-5, 1e-4, 1e-3]))
                high = draw(st.sampled_from([1e-2, 1.0, 30.0]))
            found.append(given_of(name, "narrow", low=low, high=high, grade=grade))
    return found


@hypothesis.given(advised())
def test_every_file_is_a_space_whose_configurations_the_task_can_read(given):
    for made in next_spaces(SPACE, given):
        space = Space.from_yaml(made.yaml)
        assert set(space.parameters) == set(SPACE.parameters)
        assert made.after == len(space) >= 1
        for config in space.decode(np.random.default_rng(0).random((20, len(space)))):
            if "gate" in space.names and "gate" in config:
                assert config["kind"] == "rnn"
                assert config["skip"] is True
            if "skip" in space.names and "skip" in config:
                assert config["depth"] >= 3
            if "depth" in space.names and "depth" in config:
                assert config["kind"] in ("cnn", "rnn")


def files(*given):
    told = {one.parameter: one for one in given}
    whole = [told.get(n, given_of(n, "keep")) for n in SPACE.names]
    return {made.name: (made, Space.from_yaml(made.yaml)) for made in next_spaces(SPACE, whole)}


def test_a_dropped_branch_leaves_constants():
    made, space = files(given_of("kind", "drop", kept=("mlp",), grade="strong"))["aggressive"]
    assert made.unreachable == ("depth", "skip", "gate")
    assert made.fixed == ("kind",)
    assert space.parameters["kind"] == Constant("mlp")
    assert space.parameters["depth"] == Constant(1)
    assert space.parameters["gate"] == Constant(None)
    assert space.names == ("lr", "width", "rate")


def test_a_fixed_parent_hands_its_conditions_on():
    _, space = files(given_of("depth", "fix", value=4))["aggressive"]
    assert space.parameters["skip"].when == {"kind": ["cnn", "rnn"]}
    assert space.parameters["gate"].when == {"skip": [True], "kind": ["rnn"]}


def test_the_conservative_file_cuts_half_as_far_and_fixes_nothing():
    given = (
        given_of("lr", "move", low=1e-2, high=10.0),
        given_of("width", "narrow", low=8, high=16, grade="weak"),
        given_of("rate", "fix", value=0.5),
    )
    made = files(*given)
    careful, bold = made["conservative"][1], made["aggressive"][1]
    assert bold.parameters["lr"] == Float(1e-2, 10.0, log=True)
    assert careful.parameters["lr"] == Float(1e-3, 10.0, log=True)
    assert careful.parameters["width"] == SPACE.parameters["width"]
    assert bold.parameters["width"].high == 16
    assert bold.parameters["rate"] == Constant(0.5)
    assert careful.parameters["rate"] == SPACE.parameters["rate"]
    assert made["aggressive"][0].volume == pytest.approx(3 / 4 * 2 / 8)
    assert made["conservative"][0].volume == pytest.approx(1.0)


def test_a_space_always_has_something_to_search():
    whole = [
        given_of(n, "fix", value=SPACE.decode(np.full((1, len(SPACE)), 0.5))[0].get(n, True))
        for n in ("kind", "lr", "width", "rate")
    ]
    keep = [given_of(n, "drop", kept=(v,)) for n, v in (("skip", False), ("gate", None))]
    fixed = [*whole, given_of("depth", "fix", value=3), *keep]
    by_name = {one.parameter: one for one in fixed}
    made = next_spaces(SPACE, [by_name[n] for n in SPACE.names])
    assert all(len(Space.from_yaml(one.yaml)) >= 1 for one in made)
    gone = {"kind": given_of("kind", "drop", kept=("mlp",))}  # and with it the only others
    made = next_spaces(SPACE, [{**by_name, **gone}[n] for n in SPACE.names])
    assert all(len(Space.from_yaml(one.yaml)) >= 1 for one in made)


def test_a_study_runs_on_the_file(tmp_path):
    path = tmp_path / "next_space_aggressive.yaml"
    given = (
        given_of("kind", "drop", kept=("cnn", "rnn")),
        given_of("lr", "narrow", low=1e-3, high=1e-1),
        given_of("depth", "fix", value=4),
    )
    path.write_text(files(*given)["aggressive"][0].yaml)
    space = Space.from_yaml(path)
    task = objective(lambda key, hp: hp["lr"] + hp["depth"], space)
    study = Study(task, trials=8, seed=0, sampler="random")
    study.run()
    assert 1e-3 <= study.best.config["lr"] <= 1e-1
    assert study.best.config["depth"] == 4
