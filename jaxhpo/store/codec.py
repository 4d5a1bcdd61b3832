"""Python values as strict JSON and back, exactly: tuples stay tuples and NaN stays NaN."""

from __future__ import annotations

import json
import math
from typing import Any

_TUPLE, _FLOAT, _DICT = "__tuple__", "__float__", "__dict__"


def dumps(value: Any) -> str:
    """`value` as JSON. Keys of dicts are strings, or else the dict is written as pairs.

    Raises:
        TypeError: for a value that has no such form, naming it.
    """
    return json.dumps(_packed(value), allow_nan=False, ensure_ascii=False)


def loads(text: str) -> Any:
    """What `dumps` wrote."""
    return json.loads(text, object_hook=_unpacked)


def _packed(value: Any) -> Any:
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {_FLOAT: repr(value)}
    if isinstance(value, tuple):
        return {_TUPLE: [_packed(v) for v in value]}
    if isinstance(value, list):
        return [_packed(v) for v in value]
    if isinstance(value, dict):
        if all(isinstance(key, str) and not key.startswith("__") for key in value):
            return {key: _packed(v) for key, v in value.items()}
        return {_DICT: [[_packed(key), _packed(v)] for key, v in value.items()]}
    raise TypeError(
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
