"""The package colour-science, imported without what it does to everybody else: it changes how NumPy
prints numbers, by which a table written later in the same process would lose digits.
"""

from __future__ import annotations

import numpy as np

_before = np.get_printoptions()
import colour  # noqa: E402

np.set_printoptions(**_before)  # type: ignore[arg-type]

__all__ = ["colour"]
