"""A table of learnt vectors whose length, or number, may be a traced hyperparameter."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxhpo.option import Option, number
from jaxhpo.tasks.elastic.initial import initial, parameter
from jaxhpo.tasks.elastic.padded import Columns, padded, widest


class Embedding(nn.Module):
    """Looks up rows of the parameter "embedding" [entries, features].

    Attributes:
        entries: how many vectors there are, an integer or an `Option`. Numbers that are too large
            get the last of them.
        features: how long they are, an integer or an `Option`.
        embedding_init: a name in `initial.INITIALISERS`; by default normal with variance
            1 / features, as in flax.
    """

    entries: int | Option
    features: int | Option
    embedding_init: Any = "embedding"

    @nn.compact
    def __call__(self, numbers: Array) -> Columns:
        """Integers of any shape to [..., features]."""
        shape = (widest(self.entries), widest(self.features))
        table = parameter(
            self, "embedding", initial, self.embedding_init, shape, self.entries, self.features
        )
        last = jnp.asarray(number(self.entries), jnp.int32) - 1
        return padded(table[jnp.clip(jnp.asarray(numbers), 0, last)], self.features)
