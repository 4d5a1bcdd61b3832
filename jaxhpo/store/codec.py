"""Python values as strict JSON and back, exactly: tuples stay tuples and NaN stays NaN.

Needs no search space, so that records can be read without one.
"""

from __future__ import annotations

import enum
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

_TUPLE, _FLOAT, _DICT = "__tuple__", "__float__", "__dict__"


def dumps(value: Any, *, indent: int | None = None) -> str:
    """`value` as JSON, in ASCII. Keys of dicts are strings, or else the dict is written as pairs.

    A scalar of NumPy is written as the Python number that it equals.

    Raises:
        TypeError: for a value that has no such form, naming it.
    """
    return json.dumps(_packed(value), allow_nan=False, indent=indent)


def loads(text: str) -> Any:
    """What `dumps` wrote.

    Raises:
        ValueError: for anything else.
    """
    return json.loads(text, object_hook=_unpacked)


def _packed(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, enum.Enum):
        raise _refused(value)  # it would come back as a plain string or number
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {_FLOAT: repr(value)}
    if isinstance(value, tuple):
        return {_TUPLE: [_packed(v) for v in value]}
    if isinstance(value, list):
        return [_packed(v) for v in value]
    if isinstance(value, Mapping):
        if all(isinstance(key, str) and not key.startswith("__") for key in value):
            return {key: _packed(v) for key, v in value.items()}
        return {_DICT: [[_packed(key), _packed(v)] for key, v in value.items()]}
    raise _refused(value)


def _refused(value: Any) -> TypeError:
    return TypeError(
        f"can't record {value!r} of type {type(value).__name__}; use numbers, strings, booleans, "
        "None, or tuples, lists and dicts of these"
    )


def _unpacked(found: dict[str, Any]) -> Any:
    if len(found) == 1:
        if _TUPLE in found:
            return tuple(found[_TUPLE])
        if _FLOAT in found:
            return float(found[_FLOAT])
        if _DICT in found:
            return {key: value for key, value in found[_DICT]}
    return found
