"""YAML text to plain values and back, safely, and without YAML 1.1's surprises.

Plain scalars are read by the rules of YAML 1.2: ``1e-4`` is a number, ``010`` is ten, and ``no``,
``on`` and ``2024-01-01`` are strings. A key given twice is an error, where PyYAML keeps the last.
What is written reads the same by the rules of YAML 1.1 and 1.2.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any, ClassVar

import yaml

from jaxhpo.space.domains import SpaceError

RESOLVERS = (
    ("tag:yaml.org,2002:bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("tag:yaml.org,2002:null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "tag:yaml.org,2002:float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
    ("tag:yaml.org,2002:merge", r"<<", "<"),
)


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: ClassVar[dict] = {}  # pyright: ignore[reportIncompatibleVariableOverride]

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: dict[Any, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if key.tag != "tag:yaml.org,2002:merge" and key.value in seen:
                raise SpaceError(
                    f"the YAML must have every name once, got {key.value!r} in line "
                    f"{seen[key.value]} and in line {line}; drop or rename one"
                )
            seen[str(key.value)] = line
        return super().construct_mapping(node, deep=deep)

    def construct_int(self, node: yaml.ScalarNode) -> int:
        text = self.construct_scalar(node)
        base = {"0x": 16, "0o": 8}.get(text[:2], 10)
        return int(text, base)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


for _tag, _pattern, _first in RESOLVERS:
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(_tag, re.compile(rf"^(?:{_pattern})$"), list(_first))
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_int)


def loaded(text_or_path: str | Path) -> Any:
    """The values in YAML text, or in a file: a `Path`, or one line that ends in .yaml or .yml.

    Raises:
        SpaceError: naming file and line, if it is no YAML, holds a key twice, or asks for Python
            objects.
        OSError: if the file can't be read.
    """
    text, where = text_or_path, "the YAML"
    one_line = isinstance(text, str) and "\n" not in text
    if isinstance(text, Path) or (one_line and str(text).endswith((".yaml", ".yml"))):
        where = str(text)
        text = Path(text).read_text(encoding="utf-8")
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f" in line {mark.line + 1}" if mark else ""
        raise SpaceError(
            f"{where} must be plain YAML, got an error{line}: {error.problem}; correct that line"
        ) from None
    except yaml.YAMLError as error:
        raise SpaceError(f"{where} must be plain YAML, got an error: {error}; correct it") from None


def dumped(value: Any) -> str:
    """Plain values as YAML text, keys in their order, the innermost level in one line each."""
    return yaml.dump(
        value,
        Dumper=_Dumper,
        sort_keys=False,
        default_flow_style=None,
        width=100,
        allow_unicode=True,
    )
