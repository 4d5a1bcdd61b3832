"""Trees of arrays and values come back bit for bit, and have one name for one content."""

from __future__ import annotations

import collections
import math

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxhpo.random_bits import COUNTER
from jaxhpo.store.packed import digest, fitted, pack, unpacked

Point = collections.namedtuple("Point", "x y")

TREE = {
    "float": jnp.linspace(0.0, 1.0, 7),
    "half": jnp.ones((2, 3), jnp.bfloat16),
    "eighth": jnp.ones(3, jnp.float8_e4m3fn),
    "flags": np.array([[True], [False]]),
    "none of it": np.zeros((0, 3), np.int16),
    "number": np.float32(-0.0),
    "zero dimensions": jnp.uint8(7),
    "turned": np.arange(12).reshape(3, 4).T[::2],
    "other end first": np.arange(3, dtype=">i4"),
    "strange": np.array([math.nan, -math.inf, -0.0]),
    "complex": np.array([1 + 2j], np.complex64),
    "plain": [1, 2.5, True, None, "words \u00fc", (math.nan, ())],
    3: {"deep": [np.arange(2), {}]},
    (1, "a"): np.int64(5),
}


def back(tree):
    return unpacked(pack(tree))


def same(one, other):
    """In structure, types, and every bit."""
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert list(one) == list(other)
        for key in one:
            same(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            same(a, b)
    elif isinstance(one, np.ndarray | np.generic):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        assert one.tobytes() == other.tobytes()
    else:
        assert repr(one) == repr(other)


def on_host(tree):
    def host(leaf):
        if isinstance(leaf, jax.Array):
            return np.asarray(leaf)
        return leaf.astype(leaf.dtype.newbyteorder("=")) if isinstance(leaf, np.ndarray) else leaf

    return jax.tree.map(host, tree)


@pytest.mark.parametrize("name", TREE, ids=str)
def test_comes_back_bit_for_bit(name):
    same(back({name: TREE[name]}), {name: on_host(TREE[name])})
    assert digest(back(TREE[name])) == digest(TREE[name])


def test_a_whole_tree_and_a_lone_leaf():
    found = back(TREE)
    assert list(found) == list(TREE)  # in order
    for name in TREE:
        same(found[name], on_host(TREE[name]))
    same(back(jnp.arange(3)), np.arange(3, dtype=np.int32))
    assert back("word") == "word"
    assert back(None) is None


def test_typed_keys_come_back_as_such():
    keys = {"threefry": jax.random.split(jax.random.key(3)), "own": jax.random.key(4, impl=COUNTER)}
    found = back(keys)
    for name, key in keys.items():
        assert found[name].dtype == key.dtype
        chex.assert_trees_all_equal(jax.random.key_data(found[name]), jax.random.key_data(key))
    assert digest(found) == digest(keys)


def test_nodes_with_names_are_dicts_until_fitted():
    state = optax.adamw(1e-3).init({"w": jnp.ones((2, 3)), "b": jnp.zeros(2)})
    found = back({"state": state, "point": Point(np.arange(2), None)})
    assert found["state"][0]["mu"]["w"].shape == (2, 3)
    assert found["point"]["y"] is None
    again = fitted(found["state"], jax.eval_shape(lambda: state))
    chex.assert_trees_all_equal_structs(again, state)
    chex.assert_trees_all_equal(again, state)
    assert all(isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves(again))


def test_fitted_names_what_differs():
    saved = back({"w": np.zeros((2, 3)), "extra": 1, **{f"more{i}": 0 for i in range(9)}})
    like = {"w": np.zeros((2, 4)), "b": np.float32(0)}
    with pytest.raises(ValueError, match="fitted") as caught:
        fitted(saved, like)
    said = str(caught.value)
    assert "extra: saved, but not asked for" in said
    assert "and 4 more" in said
    for name in ("extra", *(f"more{i}" for i in range(9))):
        del saved[name]
    with pytest.raises(ValueError, match="fitted") as caught:
        fitted(saved, like)
    assert "b: asked for, but not saved" in str(caught.value)
    assert "w: saved float64[2, 3], asked for float64[2, 4]" in str(caught.value)


def test_nothing_is_shared_with_what_was_packed():
    array = np.arange(4)
    packed = pack([array, array[1:]])
    array[:] = 9
    first, second = unpacked(packed)
    assert first.tolist() == [0, 1, 2, 3]
    first[:] = 7  # may be written to, and touches nothing else
    assert second.tolist() == [1, 2, 3]
    assert unpacked(packed)[0].tolist() == [0, 1, 2, 3]


def test_a_sharded_array_is_one_array():
    mesh = jax.make_mesh((4,), ("lanes",), axis_types=(jax.sharding.AxisType.Auto,))
    placed = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("lanes"))
    array = np.arange(24.0, dtype=np.float32).reshape(8, 3)
    same(back([jax.device_put(array, placed)]), [array])
    assert digest(jax.device_put(array, placed)) == digest(array)


@given(
    st.dictionaries(
        st.text(max_size=3),
        hnp.arrays(
            st.sampled_from([np.float32, np.int8, np.bool_, np.uint64]),
            hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
        ),
        max_size=4,
    )
)
def test_any_arrays(tree):
    same(back(tree), tree)


BASE = {"a": np.arange(3, dtype=np.float32), "b": [1, (2.0,)], "c": np.zeros(3, np.float32)}


@pytest.mark.parametrize(
    "other",
    [
        {**BASE, "a": np.array([0.0, 1.0, np.nextafter(np.float32(2), np.float32(3))], np.float32)},
        {**BASE, "c": -np.zeros(3, np.float32)},
        {**BASE, "a": BASE["a"].astype(np.float64)},
        {**BASE, "a": BASE["a"].view(np.int32)},
        {**BASE, "a": BASE["a"][None]},
        {**BASE, "a": BASE["c"], "c": BASE["a"]},
        {**BASE, "b": [1, [2.0]]},
        {**BASE, "b": [1.0, (2.0,)]},
        {**BASE, "b": [1, (2,)]},
        {**BASE, "b": [np.int64(1), (2.0,)]},
        {**BASE, "b": [np.array(1), (2.0,)]},
        {**BASE, "d": None},
        {key: BASE[key] for key in "ab"},
        [BASE],
    ],
)
def test_other_content_has_another_digest(other):
    assert digest(other) != digest(BASE)


def test_the_same_content_has_the_same_digest():
    name = digest(BASE)
    assert len(name) == 64
    assert digest(dict(reversed(BASE.items()))) == name
    assert digest(jax.tree.map(lambda x: jnp.asarray(x) if np.ndim(x) else x, BASE)) == name
    assert digest(Point(np.ones(2), 3)) == digest({"y": 3, "x": np.ones(2)})
    # A fixed name: another one would be another format of checkpoints.
    known = "1bd488450cebce44a858b7e4f48d078162fdfe9d0d321984549cd3bd2c62b84b"
    assert digest({"n": 1, "x": np.arange(3, dtype=np.uint8)}) == known


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        ({"a": [object()]}, r"can't save <object .*> of type object at a/0; a checkpoint holds"),
        ({"a": {1, 2}}, r"can't save \{1, 2\} of type set at a"),
        ({"a": np.array(["x"])}, r"the array of dtype <U1 at a; .* give strings as a list"),
        ({"a": np.array([None])}, r"the array of dtype object at a"),
        ({"a": np.zeros(1, [("x", "f4")])}, r"the array of dtype .*x.* at a"),
        (b"bytes", r"can't save b'bytes' of type bytes at the top"),
    ],
)
def test_what_cannot_be_saved_is_named(tree, said):
    with pytest.raises(TypeError, match=said):
        pack(tree)
