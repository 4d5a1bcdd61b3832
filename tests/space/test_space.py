"""Spaces: points to configurations and back, what the engine asks, equality."""

from __future__ import annotations

import pickle
import time

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spaces import continuous, everything, grids, ints, levels_of, spaces, stepped

import jaxhpo
from jaxhpo import Bool, Choice, Float, Int, Space, SpaceError
from jaxhpo.cube import INACTIVE, Kind


def digits() -> Space:
    return Space(
        lr=Float(1e-3, 0.1, log=True, natural="low"),
        batch=Choice([16, 32, 64]),
        epochs=Int(5, 20),
        optimizer=Choice(["adam", "sgd"]),
        momentum=Float(0.0, 0.9, step=0.1, when={"optimizer": "sgd"}),
        nesterov=Bool(when={"optimizer": "sgd"}),
        widths=Choice([(64,), (64, 64)], when={"nesterov": True, "batch": [16, 32]}),
        classes=10,
    )


def uniform(n: int, d: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((n, d), np.float32)


@settings(deadline=None)
@given(spaces(), st.integers(0, 2**32 - 1))
def test_a_decoded_configuration_comes_back_as_it_was(space: Space, seed: int):
    points = uniform(20, len(space), seed)
    points[0], points[1] = 0.0, 1.0
    configs = space.decode(points)
    assert space.decode(space.encode(configs)) == configs
    again = space.decode(space.encode(configs))
    assert [[type(v) for v in c.values()] for c in again] == [
        [type(v) for v in c.values()] for c in configs
    ]


@settings(deadline=None, max_examples=40)  # each compiles
@given(spaces(), st.integers(0, 2**32 - 1))
def test_encoding_a_decoded_point_snaps_it(space: Space, seed: int):
    points = uniform(20, len(space), seed)
    snapped = np.asarray(space.layout.snap(jnp.asarray(points)))
    encoded = space.encode(space.decode(points))
    for column, name in enumerate(space.names):
        if space.layout.kinds[column] != Kind.CONTINUOUS:
            assert np.array_equal(snapped[:, column], encoded[:, column])
        elif isinstance(domain := space.parameters[name], Float) and domain.step is None:
            assert np.abs(snapped[:, column] - encoded[:, column]).max() < 4e-6  # rounded
    assert space.decode(snapped) == space.decode(points)


@settings(deadline=None, max_examples=40)  # each compiles
@given(spaces(), st.integers(0, 2**32 - 1))
def test_what_is_active_is_what_the_layout_says(space: Space, seed: int):
    points = uniform(20, len(space), seed)
    active = np.asarray(space.layout.active(jnp.asarray(points)))
    for row, config in enumerate(space.decode(points)):
        assert {n for n in space.names if n in config} == {
            n for n, on in zip(space.names, active[row], strict=True) if on
        }
        for name in config:
            for parent, values in (space.parameters[name].when or {}).items():
                assert config[parent] in values


@settings(deadline=None)
@given(grids)
def test_every_level_of_a_grid_comes_back(domain):
    space = Space(x=domain)
    values = levels_of(domain)
    ends = values if len(values) < 3000 else values[:1000] + values[-1000:] + values[::997]
    configs = [{"x": v} for v in ends]
    points = space.encode(configs)
    assert points.dtype == np.float32
    assert space.decode(points) == configs
    assert all(type(c["x"]) is type(v) for c, v in zip(space.decode(points), ends, strict=True))


@pytest.mark.parametrize(
    "domain",
    [
        Int(0, 10**6),
        Int(-8_000_000, 8_000_000),
        Int(1, 4096, log=True),
        Int(1, 10**6, log=True),
        Int(10**9, 10**9 + 10**6, log=True),
        Int(3, 3 + 5 * 10**4, log=True, step=5),
        Int(0, 2**24 - 2),
        Float(0.0, 1.0, step=1e-6),
    ],
)
def test_fine_grids_come_back(domain):
    space = Space(x=domain)
    step = domain.step or 1
    count = round((domain.high - domain.low) / step)
    levels = {*range(3000), *range(count - 3000, count + 1), *range(0, count + 1, 9973)}
    values = [
        float(f"{k}e-6") if isinstance(domain, Float) else domain.low + k * step for k in levels
    ]
    configs = [{"x": v} for v in values]
    assert space.decode(space.encode(configs)) == configs
    edges = space.decode([[0], [1]])
    assert [c["x"] for c in edges] == [domain.low, domain.high]
    assert space.layout.kinds == (Kind.CONTINUOUS,)
    assert space.size == count + 1


@given(continuous(), st.lists(st.floats(0, 1, width=32), min_size=1))
@settings(deadline=None)
def test_a_float_stays_within_its_bounds_and_hits_them(domain: Float, units: list[float]):
    space = Space(x=domain)
    points = np.array([[0.0], *([u] for u in sorted(units)), [1.0]])
    values = [c["x"] for c in space.decode(points)]
    assert values[0] == domain.low
    assert values[-1] == domain.high
    assert values == sorted(values)
    assert space.encode([{"x": domain.low}, {"x": domain.high}]).ravel().tolist() == [0.0, 1.0]


@given(st.integers(0, 10**7))
def test_a_float_that_a_user_writes_comes_back(k: int):
    space = Space(x=Float(0, 1))
    assert space.decode(space.encode([{"x": k / 10**7}])) == [{"x": k / 10**7}]


def test_floats_are_clean():
    tenths = Space(x=Float(0.1, 0.9, step=0.1)).decode(np.linspace(0.01, 0.99, 9)[:, None])
    assert [c["x"] for c in tenths] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    thirds = Space(x=Float(0, 1, step=1 / 3)).decode(np.linspace(0, 1, 4)[:, None])
    assert [c["x"] for c in thirds] == [0.0, 1 / 3, 2 / 3, 1.0]
    lr = Space(lr=Float(1e-5, 1, log=True))
    for value in (1e-5, 0.0003, 0.01, 0.12345):
        assert lr.decode(lr.encode([{"lr": value}])) == [{"lr": value}]
    zero = Space(x=Float(-1, 1)).decode([[0.5]])[0]["x"]
    assert repr(zero) == "0.0"


def test_the_logarithmic_scale_gives_every_decade_its_share():
    lr = [c["lr"] for c in Space(lr=Float(1e-4, 1, log=True)).decode(uniform(4000, 1))]
    shares = np.histogram(np.log10(lr), bins=4, range=(-4, 0))[0] / 4000
    assert np.abs(shares - 0.25).max() < 0.04  # 5.8 standard deviations
    n = [c["n"] for c in Space(n=Int(1, 100, log=True)).decode(uniform(4000, 1))]
    expected = np.log(1.5 / 0.5) / np.log(100.5 / 0.5)
    assert abs(n.count(1) / 4000 - expected) < 0.04  # 6 standard deviations


def test_columns_are_as_declared_but_parents_first():
    space = Space(
        b=Int(1, 3, when={"a": True}), k=3, c=Float(0, 1), a=Bool(), d=Bool(when={"b": [1, 2]})
    )
    assert space.names == ("a", "b", "c", "d")
    assert list(space.parameters) == ["b", "k", "c", "a", "d"]
    assert len(space) == 4
    config = space.decode(np.zeros((1, 4)) + 0.6)[0]
    assert list(config) == ["b", "k", "c", "a", "d"]


def test_inactive_parameters_are_left_out_and_encoded_in_the_middle():
    space = digits()
    config = {"lr": 0.01, "batch": 16, "epochs": 5, "optimizer": "adam", "classes": 10}
    point = space.encode([config])[0]
    for name in ("momentum", "nesterov", "widths"):
        assert point[space.names.index(name)] == INACTIVE
    assert space.decode(point[None]) == [config]


def test_values_read_from_elsewhere_are_understood():
    space = Space(
        n=Int(1, 8), x=Float(0, 1), s=Float(0, 1, step=0.1), c=Choice([1, 2]), b=Bool(),
        w=Choice([(64, 64), (32,)]),
    )  # fmt: skip
    odd = {
        "n": np.float64(4.0), "x": jnp.float32(0.5), "s": np.float32(0.3), "c": np.int64(2),
        "b": np.bool_(True), "w": [64, 64],
    }  # fmt: skip
    plain = {"n": 4, "x": 0.5, "s": 0.3, "c": 2, "b": True, "w": (64, 64)}
    assert space.decode(space.encode([odd])) == [plain]
    assert space.encode([{**plain, "x": 1.0000001}])[0, 1] == 1.0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"foo": 1}, "'foo' of configuration 1 is unknown, got foo=1; the space has: 'lr'"),
        ({"lr": None}, "'lr' of configuration 1 must be a number from 0.001 to 0.1, got lr=None"),
        ({"lr": 0.2}, "'lr' of configuration 1 must be a number from 0.001 to 0.1, got lr=0.2"),
        ({"lr": float("nan")}, "'lr' of configuration 1 must be a number"),
        ({"lr": True}, "'lr' of configuration 1 must be a number"),
        ({"epochs": 5.5}, "must be a whole number from 5 to 20, got epochs=5.5"),
        ({"epochs": 21}, "must be a whole number from 5 to 20, got epochs=21"),
        ({"epochs": float("inf")}, "must be a whole number from 5 to 20, got epochs=inf"),
        ({"batch": 48}, "must be one of 16, 32, 64, got batch=48"),
        ({"batch": [16]}, "must be one of 16, 32, 64, got batch=[16]"),
        ({"batch": {}}, "must be one of 16, 32, 64, got batch={}"),
        ({"momentum": 0.25}, "from 0.0 to 0.9 in steps of 0.1, got momentum=0.25"),
        ({"nesterov": 1}, "must be one of False, True, got nesterov=1"),
        ({"optimizer": "adam"}, "'momentum' of configuration 1 is not active (when={'optimizer'"),
        ({"classes": 11}, "must be the constant 10, got classes=11; correct it or leave it out"),
    ],
)
def test_bad_configurations_are_refused(change: dict, says: str):
    good = {
        "lr": 0.01, "batch": 16, "epochs": 5, "optimizer": "sgd", "momentum": 0.5,
        "nesterov": False, "classes": 10,
    }  # fmt: skip
    space = digits()
    with pytest.raises(SpaceError) as caught:
        space.encode([good, {**good, **change}])
    assert says in str(caught.value)


def test_missing_parameters_are_named():
    space = digits()
    config = space.decode(np.full((1, len(space)), 0.9))[0]
    assert config["optimizer"] == "sgd"
    for name in ("lr", "momentum"):
        left = {k: v for k, v in config.items() if k != name}
        with pytest.raises(SpaceError, match=f"'{name}' of configuration 0 is .*missing; give it"):
            space.encode([left])
    without = {k: v for k, v in config.items() if k != "classes"}
    assert np.array_equal(space.encode([without]), space.encode([config]))


def test_bad_points_are_refused():
    space = Space(x=Float(0, 1), y=Bool())
    with pytest.raises(SpaceError, match=r"shape \[n, 2\], got \[2\]"):
        space.decode(np.zeros(2))
    with pytest.raises(SpaceError, match="got nan for 'y' in row 1"):
        space.decode(np.array([[0, 0], [0, np.nan]]))
    assert space.decode(np.array([[-1, 2.0]])) == [{"x": 0.0, "y": True}]
    assert space.decode(np.zeros((0, 2))) == []
    assert space.encode([]).shape == (0, 2)


def test_static_and_traced():
    space = Space(
        lr=Float(0, 1), n=Int(1, 3, static=True), c=Choice([1, 2]), m=Choice([1, 2.5]),
        s=Choice(["a", "b"]), b=Choice([True, False]), t=Choice([1, 2], static=True),
        x=Choice([None, 1]), k=1, r=0.5, f=True, name="digits", seed=2**40, flag=Bool(),
        step=Float(0, 1, step=0.5),
    )  # fmt: skip
    assert space.static_names() == {"n", "s", "t", "x", "name", "seed"}
    assert space.static_names({"c"}) == {"n", "s", "t", "x", "name", "seed", "c"}
    expected = {
        "lr": np.float32, "c": np.int32, "m": np.float32, "b": np.bool_, "k": np.int32,
        "r": np.float32, "f": np.bool_, "flag": np.bool_, "n": np.int32, "step": np.float32,
    }  # fmt: skip
    assert {name: space.dtype(name) for name in expected} == expected
    with pytest.raises(SpaceError, match="an array can hold, got 's' with"):
        space.dtype("s")
    with pytest.raises(SpaceError, match="got 'foo'; the space has: 'lr'"):
        space.dtype("foo")
    with pytest.raises(SpaceError, match="got 'foo'; the space has: 'lr'"):
        space.static_names({"foo"})
    with pytest.raises(SpaceError, match=r"continuous Float.*got 'lr'; give it a step"):
        space.static_names({"lr"})


def test_filled_gives_a_program_every_parameter():
    space = digits()
    config = {"lr": 0.01, "batch": 16, "epochs": 5, "optimizer": "adam", "classes": 10}
    full = space.filled(config, space.static_names())
    assert full == {**config, "momentum": 0.0, "nesterov": False, "widths": None}
    assert list(full) == list(space.parameters)
    assert space.filled(config, space.static_names({"nesterov"}))["nesterov"] is None


@settings(deadline=None, max_examples=200)
@given(spaces(small=True))
def test_size_is_the_number_of_configurations(space: Space):
    assert space.size == len(everything(space))


@settings(deadline=None, max_examples=200)
@given(spaces(small=True), st.data())
def test_count_static_is_the_number_of_programs(space: Space, data: st.DataObject):
    extra = data.draw(st.sets(st.sampled_from(space.names)))
    names = space.static_names(extra)
    settings = set()
    for config in everything(space):
        full = space.filled(config, names)
        settings.add(repr([full[name] for name in sorted(names)]))
    assert space.count_static(names) == len(settings)


def test_sizes():
    assert digits().size is None
    assert digits().count_static(digits().static_names()) == 4  # adam, sgd without / with widths
    assert digits().count_static(digits().static_names({"momentum"})) == 1 + 10 * 3
    many = Space({f"b{i}": Bool(when={f"b{i - 1}": True} if i else None) for i in range(200)})
    assert many.size == 201
    wide = Space(
        {f"b{i}": Bool() for i in range(60)}
        | {f"c{i}": Int(0, 9, when={f"b{i}": True}) for i in range(60)}
    )
    assert wide.size == 11**60
    parents = {f"b{i}": Bool() for i in range(40)}
    late = Space({**parents, "c": Int(1, 9, when=dict.fromkeys(parents, True))})
    assert late.size == 2**40 - 1 + 9


def test_ten_thousand_points_take_no_time():
    space = Space(
        lr=Float(1e-4, 0.1, log=True), x=Float(0, 1), n=Int(1, 4096, log=True), m=Int(0, 10**6),
        s=Float(0, 1, step=0.1), c=Choice(["a", "b"]), b=Bool(when={"c": "a"}), k=Int(1, 9),
    )  # fmt: skip
    points = uniform(10_000, len(space))
    start = time.perf_counter()
    configs = space.decode(points)
    assert time.perf_counter() - start < 1.0  # about 0.06 s
    assert len(configs) == 10_000


def test_equality_is_by_meaning():
    assert Space(x=Float(0, 1)) == Space(x=Float(0.0, 1.0))
    assert Space(n=Int(1, 3)) == Space(n=Int(np.int64(1), 3.0, step=1))  # type: ignore[arg-type]
    assert Space(c=Choice(["a"])) == Space(c=Choice(("a",), static=True))
    assert Space(a=Bool(), k=1) == Space(k=1, a=Bool())
    one = Space(a=Choice([1, 2, 3]), b=Bool(when={"a": [3, 1]}))
    assert one == Space(a=Choice([1, 2, 3]), b=Bool(when={"a": [1, 3]}))
    assert one.digest() == Space(a=Choice([1, 2, 3]), b=Bool(when={"a": [1, 3, 3]})).digest()
    assert one.parameters["b"].when == {"a": [1, 3]}
    assert hash(one) == hash(Space(a=Choice([1, 2, 3]), b=Bool(when={"a": [1, 3]})))
    assert Space(a=Choice([1, 2])) != Space(a=Choice([1.0, 2.0]))
    assert Space(a=Choice([1, 2])) != Space(a=Choice([2, 1]))
    assert Space(a=Bool()) != "Space"
    assert Space(one.parameters) == one
    assert pickle.loads(pickle.dumps(one)) == one
    for space in (one, Space({"head.dropout": Float(0, 1), "k": (1, "x")})):
        assert eval(repr(space), {name: getattr(jaxhpo, name) for name in jaxhpo.__all__}) == space


def test_differences_are_shown():
    one = Space(lr=Float(0.01, 0.1), n=Int(1, 3), k=1, a=Bool())
    two = Space(lr=Float(0.01, 0.5), n=Float(1, 3), k=1.0, b=Bool())
    lines = one.difference(two, this="in the file", that="in this run")
    assert lines == [
        "a: only in the file, Bool(when=None, static=False)",
        "b: only in this run, Bool(when=None, static=False)",
        "lr: high is 0.1 in the file, 0.5 in this run",
        f"n: {one.parameters['n']!r} in the file, {two.parameters['n']!r} in this run",
        "k: value is 1 in the file, 1.0 in this run",
    ]
    ab, ba = Space(a=Bool(), b=Bool()), Space(b=Bool(), a=Bool())
    assert ab.difference(ba) == ["the order of the parameters: a, b here; b, a there"]
    assert ab != ba
    assert ab.digest() != ba.digest()
    assert one.difference(one) == []


@settings(deadline=None)
@given(st.one_of(ints(), stepped(), continuous()))
def test_a_value_outside_is_refused(domain):
    width = domain.high - domain.low
    for value in (domain.low - width, domain.high + width):
        with pytest.raises(SpaceError, match="'x' of configuration 0 must be a"):
            Space(x=domain).encode([{"x": value}])
