"""Early stopping: a trial ends when its loss has not improved for some units.

Prechelt 1998, "Early Stopping - But When?", section 2.2 (the UP criterion, on the loss that is
searched). The trial counts as complete, with the loss of its last unit. `supervised(patience=...)`
is the same as a hyperparameter, decided on the device, and can report the best epoch.
"""

from __future__ import annotations

import numpy as np

from jaxhpo.contracts import Scheduler
from jaxhpo.given import whole


def patience(*, units: int = 10, least: float = 0.0) -> Scheduler:
    """Ends a trial when for so many units its loss was not more than `least` below its lowest.

    Args:
        units: how many units to wait for an improvement.
        least: what counts as one, in units of the loss.

    Raises:
        ValueError: for an argument that can't be used.
    """
    whole("patience", units=(units, 1))
    if isinstance(least, bool) or not isinstance(least, int | float) or not 0 <= least < np.inf:
        raise ValueError(f"patience(least=...) must be a number, at least 0, got least={least!r}")

    def stop(curve: np.ndarray) -> bool:
        if len(curve) <= units:
            return False
        before, since = curve[:-units], curve[-units:]
        return not bool((since < before.min() - least).any())

    return Scheduler(stop=stop, completes=True)
