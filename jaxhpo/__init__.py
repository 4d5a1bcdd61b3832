"""jaxhpo: hyperparameter search that trains hundreds of small models at once.

Names are imported when they are first used, so that asking a command for help does not wait for
JAX.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxhpo.minimizer import Minimum, minimize
    from jaxhpo.space import Bool, Choice, Constant, Float, Int, Space, SpaceError
    from jaxhpo.study import Outcome, Snapshot, Study, StudyFailed
    from jaxhpo.trial import Phase, Status, Trial

__version__ = "0.1.0"

_WHERE = {
    "jaxhpo.minimizer": ("Minimum", "minimize"),
    "jaxhpo.space": ("Bool", "Choice", "Constant", "Float", "Int", "Space", "SpaceError"),
    "jaxhpo.study": ("Outcome", "Snapshot", "Study", "StudyFailed"),
    "jaxhpo.trial": ("Phase", "Status", "Trial"),
}
_MODULE_OF = {name: module for module, names in _WHERE.items() for name in names}

__all__ = [
    "Bool",
    "Choice",
    "Constant",
    "Float",
    "Int",
    "Minimum",
    "Outcome",
    "Phase",
    "Snapshot",
    "Space",
    "SpaceError",
    "Status",
    "Study",
    "StudyFailed",
    "Trial",
    "minimize",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'jaxhpo' has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
