"""jaxhpo: hyperparameter search that trains hundreds of small models at once."""

from jaxhpo.space import Bool, Choice, Constant, Float, Int, Space, SpaceError
from jaxhpo.trial import Phase, Status, Trial

__all__ = [
    "Bool",
    "Choice",
    "Constant",
    "Float",
    "Int",
    "Phase",
    "Space",
    "SpaceError",
    "Status",
    "Trial",
]
