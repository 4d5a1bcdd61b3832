"""What ``--help`` says: every flag with its type, meaning and default, in groups."""

from __future__ import annotations

import textwrap
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from jaxhpo import registry

_INDENT, _TEXT = 32, 66  # columns
_FIRST = (
    "Trains as many trials as are asked for, records them, and writes a report. The same command",
    "again goes on where it was interrupted; Ctrl-C and SIGTERM stop it cleanly.",
)
_TITLES = {
    "study": "The study",
    "experiment": "The experiment",
    "display": "What is shown and kept",
}


def helptext(
    module: str, groups: Mapping[str, Sequence[tuple[Any, Any]]], smoke: Mapping[str, Any]
) -> str:
    """The help of an experiment.

    Args:
        module: its package. groups: by name, the fields with their types.
        smoke: what ``--smoke`` sets.
    """
    lines = [f"Usage: python -m {module} [--flag=value ...]", "", *_FIRST, ""]
    for name, fields in groups.items():
        lines.append(f"{_TITLES[name]}:")
        for field, kind in fields:
            more = ""
            if field.name == "smoke" and smoke:
                more = ": " + ", ".join(f"--{k}={v}" for k, v in smoke.items())
            if field.metadata.get("family"):
                more = ": " + ", ".join(registry.names(field.metadata["family"]))
            lines += _entry(field, kind, more)
        lines.append("")
    examples = ("--smoke", "--trials=64 --seed=1 --workdir=runs/mine", "--sampler=random")
    lines += ["Examples:", *(f"  python -m {module} {flags}" for flags in examples)]
    return "\n".join(lines)


def _entry(field: Any, kind: Any, more: str) -> list[str]:
    text = field.metadata.get("help", "") + more
    default = field.metadata.get("shown") or _shown(field.default)
    if default:
        text += f" [{default}]"
    head = f"  --[no]{field.name}" if kind is bool else f"  --{field.name}={_place(field, kind)}"
    body = textwrap.wrap(text, _TEXT, break_on_hyphens=False) or [""]
    if len(head) > _INDENT - 2:
        return [head, *(" " * _INDENT + line for line in body)]
    return [
        f"{head:<{_INDENT}}{body[0]}".rstrip(),
        *(" " * _INDENT + line for line in body[1:]),
    ]


def _place(field: Any, kind: Any) -> str:
    """What stands for the value."""
    inner = typing.get_args(kind)
    if typing.get_origin(kind) is Literal:
        return "|".join(map(str, inner))
    if field.metadata.get("family"):
        return "NAME"
    if typing.get_origin(kind) is tuple:
        return "NAME=VALUE" if field.metadata.get("repeated") else f"{inner[0].__name__},..."
    return kind.__name__


def _shown(default: Any) -> str:
    if default in (None, ()):
        return ""
    if isinstance(default, bool):
        return "yes" if default else "no"
    return ",".join(map(str, default)) if isinstance(default, tuple) else str(default)
