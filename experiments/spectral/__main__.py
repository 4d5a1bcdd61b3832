"""``python -m experiments.spectral``: the spectral search from the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from experiments.spectral.options import SMOKE, TRIALS, Options
from jaxhpo.launch import main


def after(study: Any, settings: Any, stop: Callable[[], bool]) -> None:
    """See `experiments.spectral.comparison`, which is not needed for ``--help``."""
    from experiments.spectral import comparison

    comparison.after(study, settings, stop)


if __name__ == "__main__":
    defaults = {"trials": TRIALS}
    main("experiments.spectral", Options, smoke=SMOKE, defaults=defaults, after=after)
