"""`minimize`: what the function is given, inside one program and outside, and what comes back."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhpo import Bool, Choice, Constant, Float, Int, Space, minimize

SPACE = Space(
    x=Float(-5.0, 5.0),
    scale=Float(1e-3, 1e1, log=True),
    power=Int(1, 4),
    shape=Choice(["bowl", "ridge"]),
    tilt=Float(0.0, 1.0, when={"shape": "ridge"}),
    size=Choice([16, 32, 64], ordered=True, when={"shape": "bowl"}),
    on=Bool(),
    offset=Constant(0.25),
)
STATIC = Space(
    kind=Choice(["a", "b"]),
    word=Choice(["u", "v", "w"], when={"kind": "b"}),
    x=Float(0.0, 1.0),
)


def cost(key, hp):
    bowl = jnp.abs(hp["x"] - 1.0) ** hp["power"] + jnp.log(hp["scale"]) ** 2 + hp["offset"]
    bowl = bowl + jnp.where(hp["on"], 0.1, 0.0) + hp["size"] / 100.0
    return bowl + (hp["tilt"] if hp["shape"] == "ridge" else 0.5)


def worded(key, hp):
    return (
        hp["x"]
        + {"a": 0.0, "b": 1.0}[hp["kind"]]
        + {None: 0.0, "u": 2.0, "v": 3.0, "w": 4.0}[hp["word"]]
    )


def plain(config):
    filled = SPACE.filled(config, SPACE.static_names())
    return float(cost(None, filled))


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_values_are_those_of_the_configurations(sampler):
    found = minimize(cost, SPACE, trials=24, batch=6, sampler=sampler)
    assert len(found.configs) == len(found.values) == 24
    np.testing.assert_allclose(found.values, [plain(c) for c in found.configs], rtol=1e-3)
    assert found.value == found.values.min()
    assert found.config == found.configs[int(found.values.argmin())]
    assert list(found.table["value"]) == list(found.values)
    assert sampler in found.sampler


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_static_parameters_may_be_inactive(sampler):
    found = minimize(worded, STATIC, trials=24, batch=8, sampler=sampler)
    for config, value in zip(found.configs, found.values, strict=True):
        expected = worded(None, {"word": None, **config})
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)
        assert ("word" in config) == (config["kind"] == "b")


def test_it_finds_the_least_and_the_most():
    space = Space(x=Float(-5.0, 5.0))
    low = minimize(lambda key, hp: (hp["x"] - 1.0) ** 2, space, trials=64, sampler="tpe")
    assert abs(low.config["x"] - 1.0) < 0.1
    high = minimize(
        lambda key, hp: 3 - (hp["x"] - 1.0) ** 2, space, trials=64, sampler="tpe", maximize=True
    )
    assert abs(high.config["x"] - 1.0) < 0.1
    assert high.value > 2.9


@pytest.mark.slow
def test_the_default_finds_the_least():
    space = Space(x=Float(-5.0, 5.0))
    found = minimize(lambda key, hp: (hp["x"] - 1.0) ** 2, space, trials=32)
    assert abs(found.config["x"] - 1.0) < 0.05
    assert found.sampler.startswith("gp:")


def test_seeds_are_searches_of_their_own_and_reproducible():
    space = Space(x=Float(-5.0, 5.0), y=Float(0.0, 1.0))

    def fn(key, hp):
        return hp["x"] ** 2 + hp["y"] + 0.1 * jax.random.normal(key)

    many = minimize(fn, space, trials=40, seed=[3, 4, 3], sampler="tpe")
    alone = minimize(fn, space, trials=40, seed=3, sampler="tpe")
    assert many[0].configs == many[2].configs
    np.testing.assert_array_equal(many[0].values, many[2].values)
    assert many[0].configs != many[1].configs
    np.testing.assert_allclose(many[0].values[:10], alone.values[:10], rtol=1e-5)


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_failures_are_no_minimum(sampler):
    space = Space(x=Float(-5.0, 5.0))
    found = minimize(
        lambda key, hp: jnp.where(hp["x"] < 0, jnp.nan, hp["x"]), space, trials=40, sampler=sampler
    )
    assert np.isnan(found.values).any()
    assert found.value == np.nanmin(found.values) >= 0
    lost = minimize(lambda key, hp: hp["x"] * jnp.inf, space, trials=12, sampler=sampler)
    assert np.isnan(lost.value)


@pytest.mark.parametrize("sampler", ["auto", "tpe", "random"])
def test_a_finite_space_is_gone_through_once(sampler):
    space = Space(a=Int(1, 3), b=Choice([1, 2]))
    found = minimize(lambda key, hp: hp["a"] * hp["b"] * 1.0, space, trials=99, sampler=sampler)
    assert len(found.configs) == 6
    assert found.config == {"a": 1, "b": 1}


def test_fine_whole_numbers_are_exact():
    space = Space(n=Int(1, 1_000_000, log=True))
    found = minimize(lambda key, hp: hp["n"] * 1.0, space, trials=20, sampler="tpe")
    assert [c["n"] for c in found.configs] == found.values.astype(int).tolist()


def several(key, hp):
    return {"near": hp["x"] ** 2, "far": (hp["x"] - 2.0) ** 2, "size": jnp.abs(hp["x"]) + hp["y"]}


TWO = Space(x=Float(-5.0, 5.0), y=Float(0.0, 1.0))


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_several_objectives_end_in_a_front(sampler):
    found = minimize(
        several, TWO, metric="near", others={"far": False}, trials=48, batch=8, sampler=sampler
    )
    assert len(found.front) > 1
    near, far = found.metrics["near"], found.metrics["far"]
    for i in found.front:
        assert not ((near < near[i]) & (far < far[i])).any()
    assert list(near[list(found.front)]) == sorted(near[list(found.front)])
    assert found.config == found.configs[found.front[0]]
    assert found.value == near.min()
    assert set(found.table) == {"x", "y", "near", "far", "size"}
    np.testing.assert_allclose(near, [c["x"] ** 2 for c in found.configs], rtol=1e-4)
    turned = minimize(
        several,
        TWO,
        metric="near",
        maximize=True,
        others={"far": False},
        trials=24,
        sampler="sobol",
    )
    assert turned.value == turned.metrics["near"].max()


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_minimum_keeps_the_constraints(sampler):
    wanted = {"metric": "far", "constraints": {"size": 1.0}, "trials": 64, "batch": 8}
    found = minimize(several, TWO, sampler=sampler, **wanted)
    np.testing.assert_array_equal(found.feasible, found.metrics["size"] <= 1.0)
    assert found.value == found.metrics["far"][found.feasible].min()
    assert found.front == (int(np.where(found.feasible, found.values, np.inf).argmin()),)
    never = minimize(several, TWO, sampler=sampler, **{**wanted, "constraints": {"size": -1.0}})
    assert np.isnan(never.value)
    assert not never.front
    assert never.config == never.configs[int(never.metrics["size"].argmin())]


def test_one_entry_of_a_dict_is_searched_on_in_one_program():
    found = minimize(several, TWO, metric="near", trials=40, sampler="tpe", seed=[0, 1])
    assert all("one program" in one.sampler for one in found)
    assert all(one.value == one.metrics["near"].min() for one in found)


def test_a_search_by_gp_in_one_program():
    space = Space(x=Float(-5.0, 5.0), y=Float(-5.0, 5.0))

    def fn(key, hp):
        return (hp["x"] - 1.0) ** 2 + (hp["y"] + 2.0) ** 2

    found = minimize(fn, space, trials=40, batch=8, sampler="gp", seed=[0, 1])
    assert all("one program" in one.sampler for one in found)
    assert all(one.value < 0.05 for one in found)
    few = minimize(fn, Space(x=Float(0.0, 1.0), y=Float(0.0, 1.0)), trials=99, sampler="grid")
    assert len(few.values) == 25


def test_it_refuses_to_be_transformed_and_says_what_to_do_instead():
    space = Space(x=Float(-1.0, 1.0))

    def least(centre):
        return minimize(lambda key, hp: (hp["x"] - centre) ** 2, space, trials=4, batch=4).value

    def seeded(seed):
        return minimize(lambda key, hp: hp["x"] ** 2, space, trials=4, batch=4, seed=seed).value

    for call in (
        lambda: jax.jit(least)(0.3),
        lambda: jax.vmap(least)(jnp.arange(2.0)),
        lambda: jax.grad(least)(0.3),
        lambda: jax.vmap(seeded)(jnp.arange(2)),
    ):
        with pytest.raises(ValueError, match=r"inside jit, scan, vmap or grad; .*samplers.md"):
            call()


def test_refuses_what_it_can_not_do():
    space = Space(x=Float(0.0, 1.0))
    with pytest.raises(ValueError, match=r"minimize\(fn=...\).*function"):
        minimize(3, space)  # type: ignore[call-overload]
    with pytest.raises(ValueError, match=r"minimize\(space=...\).*jaxhpo.Space"):
        minimize(lambda key, hp: 1.0, {"x": 1})  # type: ignore[call-overload]
    for name in ("trials", "batch"):
        with pytest.raises(ValueError, match=rf"minimize\({name}=...\).*{name}=0"):
            minimize(lambda key, hp: hp["x"], space, **{name: 0})  # type: ignore[call-overload]
    with pytest.raises(ValueError, match=r"minimize\(sampler='gp'\): it takes one objective"):
        minimize(several, TWO, metric="near", others={"far": False}, sampler="gp")
    with pytest.raises(ValueError, match=r"return every metric .*\(value, far\), got near, far"):
        minimize(
            lambda key, hp: {"near": hp["x"], "far": hp["y"]},
            TWO,
            others={"far": False},
            sampler="random",
        )
    with pytest.raises(ValueError, match="return a scalar, or a dict of scalars, got one of shape"):
        minimize(lambda key, hp: hp["x"][None], space, sampler="random")
    for seed in ("0", None, -1, 1.5, True, 2**32, [], [0, "1"]):
        with pytest.raises(ValueError, match=r"minimize\(seed=...\) must"):
            minimize(lambda key, hp: hp["x"], space, seed=seed)  # type: ignore[call-overload]
    with pytest.raises(ValueError, match=r"random\(...\) has no option 'z'"):
        minimize(lambda key, hp: hp["x"], space, sampler="random", sampler_options={"z": 1})
    with pytest.raises(ValueError, match=r"minimize\(static=...\) .*static=\['x'\]"):
        minimize(lambda key, hp: hp["x"], space, static="x")
    for value in ({"a": 1.0}, None, "1", 1j):
        with pytest.raises(ValueError, match=r"minimize\(fn=...\) must return"):
            minimize(lambda key, hp, value=value: value, space, trials=2, sampler="random")
    many = Space(a=Choice(list("abcdefghi")), b=Choice(list("abcdefghi")), x=Float(0.0, 1.0))
    with pytest.raises(ValueError, match=r"81 settings, more than 64; use jaxhpo.Study"):
        minimize(lambda key, hp: hp["x"], many)
