"""Cheap, exact randomness for members of a population: a counter-based generator behind JAX's typed
keys, and an order of N items that needs no sort.

Threefry costs a quarter to a third of a small model's training time on a CPU when every dropout
mask is drawn from it, and about as much of the time that its program takes to compile when every
initial weight is. Members therefore draw with keys of the generator below, which every `jax.random`
function and flax accept unchanged; that of a trial, from which they all come, is made by threefry.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.extend.random
import jax.numpy as jnp
import numpy as np
from jax import Array

_BITS = np.uint32(0x9E3779B9)  # one tag a purpose: the words that a key draws, its children by
_SPLIT = np.uint32(0x85EBCA6B)  # `split` and its children by `fold_in` are then not the same words
_FOLD = np.uint32(0xC2B2AE35)
_SECOND = np.uint32(0x27D4EB2F)
_FEWEST_ROUNDS = 32


def mix(x: Array) -> Array:
    """A bijection of uint32 in which every input bit flips every output bit about half the time.

    The multipliers are those of the search for low-bias integer hashes by C. Wellons, "Hash
    Prospector" (2018), public domain, constant set "lowbias32".
    """
    x = x ^ (x >> np.uint32(16))
    x = x * np.uint32(0x7FEB352D)
    x = x ^ (x >> np.uint32(15))
    x = x * np.uint32(0x846CA68B)
    return x ^ (x >> np.uint32(16))


def _word(key: Array, counter: Array, tag: np.uint32) -> Array:
    """uint32, shaped like `counter`: a bijection of the counter chosen by `key` [2] and `tag`."""
    return mix(mix(counter ^ (key[0] ^ tag)) + key[1])


def _counters(shape: tuple[int, ...]) -> Array:
    return jax.lax.iota(jnp.uint32, int(np.prod(shape, dtype=np.int64))).reshape(shape)


def _child(key: Array, counter: Array, tag: np.uint32) -> Array:
    counter = counter.astype(jnp.uint32)
    pair = (_word(key, counter, tag), _word(key[::-1], counter, tag ^ _SECOND))
    return jnp.stack(pair, axis=-1)


def _seed(seed: Array) -> Array:
    low = seed.astype(jnp.uint32)
    high = (seed >> 32).astype(jnp.uint32) if seed.dtype.itemsize == 8 else jnp.zeros_like(low)
    return _child(jnp.stack([low, high]), jnp.uint32(0), _FOLD)


def _split(key: Array, shape: tuple[int, ...]) -> Array:
    return _child(key, _counters(shape), _SPLIT)


def _fold_in(key: Array, data: Any) -> Array:
    return _child(key, jnp.asarray(data), _FOLD)


def _random_bits(key: Array, width: int, shape: tuple[int, ...]) -> Array:
    if width == 64:
        pair = _random_bits(key, 32, (*shape, 2)).astype(jnp.uint64)
        return (pair[..., 0] << np.uint64(32)) | pair[..., 1]
    words = _word(key, _counters(shape), _BITS)
    return words if width == 32 else (words >> np.uint32(32 - width)).astype(f"uint{width}")


COUNTER = jax.extend.random.define_prng_impl(
    key_shape=(2,),
    seed=_seed,
    split=_split,
    random_bits=_random_bits,
    fold_in=_fold_in,
    name="jaxhpo_counter",
    tag="jhc",
)
"""A key type for `jax.random.key(seed, impl=COUNTER)`: 64 bits of key, a 32-bit counter.

Not for cryptography. One key gives 2^32 words before it repeats, each word once.
"""

_SIDE = 2**16


def counter_key(key: Array) -> Array:
    """The `COUNTER` key with the two words of a threefry key. The key is consumed."""
    return jax.random.wrap_key_data(jax.random.key_data(key), impl=COUNTER)


def table_bits(key: Array, shape: tuple[int, ...]) -> Array:
    """uint32 words of which each depends on the key, its row and its column alone, so that a wider
    table holds a narrower one. The key is consumed.

    Args:
        shape: [..., columns]; a row is all but the last axis, counted in order.
    """
    rows, columns = int(np.prod(shape[:-1], dtype=np.int64)), shape[-1]
    if jax.random.key_impl(key) == COUNTER and max(rows, columns) <= _SIDE:
        row = jax.lax.iota(jnp.uint32, rows)[:, None] * np.uint32(_SIDE)
        counter = row + jax.lax.iota(jnp.uint32, columns)[None]
        return _word(jax.random.key_data(key), counter, _BITS).reshape(shape)
    keys = jax.vmap(lambda row: jax.random.fold_in(key, row))(jnp.arange(rows))
    words = jax.vmap(lambda own: jax.random.bits(own, (columns,), jnp.uint32))(keys)
    return words.reshape(shape)


def shuffled(key: Array, n: int) -> Array:
    """int32 [n], the numbers 0 to n - 1 in an order that `key` chooses. The key is consumed.

    A swap-or-not shuffle (Hoang, Morris and Rogaway 2012, "An Enciphering Scheme Based on a Card
    Shuffle", section 2): in every round a number x and its partner (K - x) mod n change places or
    not, as a keyed hash of the larger of the two says. It is exact for every n, and elementwise, so
    that W orders under `vmap` cost far less than W sorts. Rounds: 32, or 2 log2 n where
    that is more.
    """
    rounds = max(_FEWEST_ROUNDS, 2 * int(n).bit_length())
    bits = jax.random.bits(key, (rounds, 2), jnp.uint32)
    offsets = bits[:, 0] % np.uint32(n)

    def turn(r: int, x: Array) -> Array:
        ahead = offsets[r] - x
        partner = jnp.where(offsets[r] >= x, ahead, ahead + np.uint32(n))
        swap = mix(jnp.maximum(x, partner) ^ bits[r, 1]) >> np.uint32(31)
        return jnp.where(swap == 1, partner, x)

    order = jax.lax.fori_loop(0, rounds, turn, jax.lax.iota(jnp.uint32, n))
    return order.astype(jnp.int32)
