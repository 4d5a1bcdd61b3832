"""The counter-based keys and the shuffle, tested as statistics.

Every test has a fixed key, so it passes always or never; the stated chance is that of a right
generator failing with a key drawn at random.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxhpo.random_bits import COUNTER, counter_key, mix, shuffled, table_bits

KEY = jax.random.key(5, impl=COUNTER)
RARE = 1e-4  # a right generator falls below this p once in 10,000 keys


def uniform_p(words: np.ndarray) -> float:
    """p of a chi-square test that the top 8 bits of some words are uniform."""
    counts = np.bincount(np.asarray(words).ravel() >> 24, minlength=256)
    return stats.chisquare(counts).pvalue


def bit_p(words: np.ndarray) -> float:
    """The smallest p, of 32, that a bit is 1 half of the time."""
    words = np.asarray(words).ravel()
    ones = [(int(((words >> b) & 1).sum())) for b in range(32)]
    return min(stats.binomtest(count, len(words)).pvalue for count in ones)


@pytest.mark.parametrize("seed", [0, 1, 2**31 - 1])
def test_words_of_a_key_are_uniform(seed):
    words = jax.random.bits(jax.random.key(seed, impl=COUNTER), (1 << 18,), jnp.uint32)
    assert uniform_p(words) > RARE
    assert bit_p(words) > RARE / 32


@pytest.mark.parametrize(
    "keys",
    [
        lambda n: jax.random.split(KEY, n),
        lambda n: jax.vmap(lambda i: jax.random.fold_in(KEY, i))(jnp.arange(n)),
        lambda n: jax.vmap(lambda i: jax.random.key(i, impl=COUNTER))(jnp.arange(n)),
    ],
    ids=["split", "fold_in", "seed"],
)
def test_neighbouring_keys_are_independent(keys):
    words = np.asarray(jax.vmap(lambda k: jax.random.bits(k, (4,), jnp.uint32))(keys(1 << 16)))
    for column in range(4):
        assert uniform_p(words[:, column]) > RARE
    changed = words[:-1] ^ words[1:]  # a lane and the next one
    assert uniform_p(changed) > RARE
    assert bit_p(changed) > RARE / 32
    # Correlation of the words of neighbours: normal with sd 1 / sqrt(n) if there is none.
    x, y = words[:-1, 0] / 2.0**32, words[1:, 0] / 2.0**32
    assert abs(np.corrcoef(x, y)[0, 1]) * np.sqrt(len(x)) < 4


def test_children_never_collide():
    folded = jax.vmap(lambda i: jax.random.fold_in(KEY, i))(jnp.arange(1 << 16))
    split = jax.random.split(KEY, 1 << 16)
    data = np.concatenate([jax.random.key_data(folded), jax.random.key_data(split)])
    assert len(np.unique(data, axis=0)) == 2 << 16


def test_what_a_key_draws_is_not_its_childrens_key():
    drawn = set(np.asarray(jax.random.bits(KEY, (1 << 12,), jnp.uint32)).tolist())
    children = jax.random.key_data(jax.random.split(KEY, 1 << 12))
    # About 2^12 * 2^13 / 2^32 = 0.008 chance meetings are expected.
    assert len(drawn & set(np.asarray(children).ravel().tolist())) <= 1


def test_every_bit_of_the_input_flips_about_half_of_the_output():
    x = jax.random.bits(KEY, (20_000,), jnp.uint32)
    for bit in range(32):
        flips = np.asarray(mix(x) ^ mix(x ^ jnp.uint32(1 << bit)))
        share = [((flips >> b) & 1).mean() for b in range(32)]
        assert min(share) > 0.45
        assert max(share) < 0.55


def test_normal_and_bernoulli_draws_have_their_distribution():
    normal = np.asarray(jax.random.normal(KEY, (100_000,)))
    assert stats.kstest(normal, "norm").pvalue > RARE
    coin = np.asarray(jax.random.bernoulli(KEY, 0.3, (100_000,)))
    assert stats.binomtest(int(coin.sum()), len(coin), 0.3).pvalue > RARE


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32"])
def test_words_of_every_width(dtype):
    words = jax.random.bits(KEY, (1 << 14,), dtype)
    assert words.dtype == dtype
    top = np.asarray(words) >> (8 * words.dtype.itemsize - 4)
    assert stats.chisquare(np.bincount(top, minlength=16)).pvalue > RARE


def test_a_threefry_key_gives_its_counter_key():
    keys = jax.random.split(jax.random.key(0), 3)
    made = jax.vmap(counter_key)(keys)
    assert np.array_equal(jax.random.key_data(made), jax.random.key_data(keys))
    assert jax.random.key_impl(made) == jax.random.key_impl(KEY)


@pytest.mark.parametrize("n", [1, 2, 3, 10, 67, 1000, 1078])
def test_a_shuffle_holds_every_number_once(n):
    orders = jax.vmap(lambda k: shuffled(k, n))(jax.random.split(KEY, 5))
    for order in np.asarray(orders):
        assert sorted(order.tolist()) == list(range(n))


@pytest.mark.parametrize("n", [3, 4, 7, 16, 67])
def test_a_shuffle_puts_every_number_and_pair_everywhere(n):
    draws = 40_000
    orders = np.asarray(jax.vmap(lambda k: shuffled(k, n))(jax.random.split(KEY, draws)))
    counts = np.array([np.bincount(orders[:, j], minlength=n) for j in range(n)])
    spread = ((counts - draws / n) ** 2 / (draws / n)).sum() * (n - 1) / n
    assert stats.chi2.sf(spread, (n - 1) ** 2) > RARE
    pairs = np.bincount(orders[:, 0] * n + orders[:, 1], minlength=n * n).reshape(n, n)
    off = pairs[~np.eye(n, dtype=bool)]
    assert stats.chisquare(off).pvalue > RARE


@pytest.mark.parametrize("make", [jax.random.key, lambda seed: counter_key(jax.random.key(seed))])
def test_a_wider_table_of_bits_holds_a_narrower_one(make):
    narrow, wide = (np.asarray(table_bits(make(3), (4, 50, n))) for n in (5, 9))
    np.testing.assert_array_equal(narrow, wide[..., :5])
    np.testing.assert_array_equal(wide[:2], table_bits(make(3), (2, 50, 9)))
    assert len(np.unique(wide)) == wide.size
    assert (table_bits(make(4), (4, 50, 9)) != wide).mean() > 0.99
    # A fair coin lands within five standard deviations with all but 6e-7 of its chance.
    heads = (wide >> 31).mean()
    assert abs(heads - 0.5) < 5 * 0.5 / np.sqrt(wide.size)
