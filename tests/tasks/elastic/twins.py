"""How a padded member is compared with its twin, the same model without padding."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np


def differs(padded: Any, plain: Any) -> float:
    """The largest difference between the entries of `plain` and those of `padded` at their places.

    Checks too that whatever else `padded` holds is zero, in leaves that `plain` has not as well.
    """
    known = {jax.tree_util.keystr(p): x for p, x in jax.tree_util.tree_leaves_with_path(plain)}
    largest, found = 0.0, 0
    for path, leaf in jax.tree_util.tree_leaves_with_path(padded):
        rest, other = np.array(leaf), known.get(jax.tree_util.keystr(path))
        if other is not None:
            found += 1
            place = tuple(slice(0, n) for n in np.shape(other))
            largest = max(largest, float(np.abs(rest[place] - np.asarray(other)).max(initial=0.0)))
            rest[place] = 0
        assert not rest.any(), f"padding of {jax.tree_util.keystr(path)} is not zero"
    assert found == len(known), f"missing: {known.keys()}"
    return largest
