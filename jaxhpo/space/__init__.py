"""The search space: named domains with conditions, and the way between a configuration and a point
of the unit cube. Nothing else in the package knows of logarithms, steps, choices or conditions.
"""

from jaxhpo.space.domains import (
    Bool,
    Choice,
    Constant,
    Domain,
    Float,
    Int,
    SpaceError,
)
from jaxhpo.space.space import Space

__all__ = ["Bool", "Choice", "Constant", "Domain", "Float", "Int", "Space", "SpaceError"]
