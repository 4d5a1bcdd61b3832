"""How results with many numbers show themselves in a notebook: in a few lines."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

_FEW = 4


class Short:
    """A dataclass with ``repr=False`` whose long fields are shown by their beginning and length."""

    def __repr__(self) -> str:
        assert dataclasses.is_dataclass(self)
        shown = (f"{f.name}={_short(getattr(self, f.name))}" for f in dataclasses.fields(self))
        return f"{type(self).__name__}({', '.join(shown)})"


def _short(value: Any) -> str:
    if isinstance(value, Mapping) and len(value) > _FEW:
        first = ", ".join(f"{k!r}: {_short(v)}" for k, v in list(value.items())[:_FEW])
        return f"{{{first}, ... {len(value)} in all}}"
    if isinstance(value, list | tuple) and len(value) > _FEW:
        first = ", ".join(_short(v) for v in value[:_FEW])
        return f"({first}, ... {len(value)} in all)"
    if isinstance(value, list | tuple) and value:
        return f"({', '.join(map(_short, value))}{',' if len(value) == 1 else ''})"
    return repr(value)
