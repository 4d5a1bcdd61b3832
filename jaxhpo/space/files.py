"""Search spaces as plain dicts of JSON types, in and out, and what tells two of them apart.

A file maps names to parameters::

    lr: {type: float, low: 1e-4, high: 0.1, log: true}   # low and high as in `jaxhpo.Float`
    batch_size: [16, 32, 64]                             # {type: choice, choices: [...]}
    epochs: {type: int, low: 5, high: 20}
    optimizer: {type: choice, choices: [adam, sgd]}
    momentum: {type: float, low: 0.0, high: 0.99, when: {optimizer: sgd}}
    use_bias: {type: bool}
    label_smoothing: 0.0                                 # a constant

Lists in `choices`, in `when` and in a constant's `value` are tuples to Python.
`jaxhpo.space.yaml_text` reads and writes the YAML itself.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jaxhpo.space.domains import (
    Bool,
    Choice,
    Constant,
    Domain,
    Float,
    Int,
    SpaceError,
    refused,
    traceable,
    tupled,
)

if TYPE_CHECKING:
    from jaxhpo.space import Space

TYPES: dict[str, type] = {
    "float": Float,
    "int": Int,
    "choice": Choice,
    "bool": Bool,
    "constant": Constant,
}
ALIASES = {"categorical": "choice", "boolean": "bool", "integer": "int"}
NUMBER = re.compile(r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?")


def read(found: Any) -> dict[str, Any]:
    """Name to domain (or constant) from a plain dict, as `to_dict` gives it or a user wrote it.

    Raises:
        SpaceError: for an entry that can't be read. What a domain says is checked by `Space`.
    """
    if not isinstance(found, Mapping):
        fix = "write lines such as lr: {type: float, low: 1e-4, high: 0.1}"
        if isinstance(found, str):
            fix += "; for a file, give a Path or a name that ends in .yaml"
        must = "a space file must map names to parameters"
        raise SpaceError(f"{must}, got {_shown(found)}; {fix}")
    return {name: _entry(name, entry) for name, entry in found.items()}


def _entry(name: str, entry: Any) -> Any:
    if entry is None:
        fix = "write {type: constant, value: null} for None"
        raise _bad(name, "must have a value", "nothing", fix)
    if isinstance(entry, list | tuple):
        return Choice(tupled(entry))
    if not isinstance(entry, Mapping):
        return Constant(entry)
    kind = _type(name, entry)
    allowed = {field.name for field in dataclasses.fields(TYPES[kind])}
    given = {key: value for key, value in entry.items() if key != "type"}
    for key in given:
        if key not in allowed:
            near = difflib.get_close_matches(str(key), allowed, 1)
            fix = f"did you mean {near[0]!r}? " if near else ""
            fix += f"{kind} knows: {', '.join(sorted(allowed)) or 'nothing else'}"
            raise _bad(name, "has an unknown key", repr(key), fix)
    for field in dataclasses.fields(TYPES[kind]):
        needed = field.default is dataclasses.MISSING
        if needed and field.name not in given:
            fix = f"add {field.name}: to it"
            raise _bad(name, f"must have {field.name!r}, being {kind}", _shown(entry), fix)
    return TYPES[kind](**{key: _value(name, key, value) for key, value in given.items()})


def _type(name: str, entry: Mapping[str, Any]) -> str:
    if "type" in entry:
        kind = entry["type"]
        kind = ALIASES.get(kind, kind) if isinstance(kind, str) else kind
        if not isinstance(kind, str) or kind not in TYPES:
            fix = f"write one of {', '.join(TYPES)}"
            raise _bad(name, "has an unknown type", repr(entry["type"]), fix)
        return kind
    if "choices" in entry:
        return "choice"
    bounds = [_as_number(entry.get(key)) for key in ("low", "high")]
    if any(isinstance(b, float) for b in bounds):
        return "float"
    fix = f"add type: {' or '.join(TYPES)}"
    raise _bad(name, "must have a type", _shown(entry), fix)


def _as_number(value: Any) -> Any:
    if isinstance(value, str) and NUMBER.fullmatch(value.strip()):  # 1e-4, read by YAML 1.1
        return int(value) if re.fullmatch(r"[-+]?\d+", value.strip()) else float(value)
    return value


def _value(name: str, key: str, value: Any) -> Any:
    if key in ("low", "high", "step"):
        return _as_number(value)
    if key == "choices":
        if not isinstance(value, list | tuple):
            raise _bad(name, "must have a list of choices", repr(value), "write choices: [a, b]")
        return tuple(map(tupled, value))
    if key == "value":
        return tupled(value)
    if key == "when" and isinstance(value, Mapping):
        return {
            parent: list(map(tupled, wanted)) if isinstance(wanted, list) else wanted
            for parent, wanted in value.items()
        }
    return value


def _bad(name: Any, must: str, got: str, fix: str) -> SpaceError:
    return SpaceError(f"the space's {name!r} {must}, got {got}; {fix}")


def _shown(value: Any) -> str:
    text = repr(dict(value) if isinstance(value, Mapping) else value)
    return text if len(text) <= 120 else text[:117] + "..."


def written(domains: Mapping[str, Domain]) -> dict[str, Any]:
    """Domains in JSON types, without what is at its default.

    Raises:
        SpaceError: for a choice or constant of a type that has no written form.
    """
    return {name: _written(name, domain) for name, domain in domains.items()}


def _written(name: str, domain: Domain) -> Any:
    if isinstance(domain, Constant):
        value = _jsonable(domain, name, "value", domain.value)
        short = value is not None and not isinstance(value, list)
        return value if short else {"type": "constant", "value": value}
    entry: dict[str, Any] = {"type": kind_of(domain)}
    for field in dataclasses.fields(domain):
        value, default = getattr(domain, field.name), field.default
        if field.name == "choices":
            value = [_jsonable(domain, name, "choices", v) for v in value]
        elif field.name == "when" and value:
            value = {p: _written_when(domain, name, v) for p, v in value.items()}
        elif field.name == "static" and isinstance(domain, Choice):
            default = not traceable(domain.choices)
        if default is dataclasses.MISSING or value != default:
            entry[field.name] = value
    return entry


def kind_of(domain: Domain) -> str:
    """The name of a domain's type in files."""
    return next(kind for kind, cls in TYPES.items() if isinstance(domain, cls))


def _written_when(domain: Domain, name: str, wanted: list[Any]) -> Any:
    values = [_jsonable(domain, name, "when", v) for v in wanted]
    return values[0] if len(values) == 1 and not isinstance(values[0], list) else values


def _jsonable(domain: Domain, name: str, argument: str, value: Any) -> Any:
    if isinstance(value, tuple):
        return [_jsonable(domain, name, argument, part) for part in value]
    if type(value) not in (type(None), bool, int, float, str):
        must = "hold only None, bools, numbers, strings and tuples to be written or recorded"
        fix = "use a name (a string) and look it up in the task"
        raise refused(domain, name, argument, must, repr(value), fix)
    return value


def difference(one: Space, two: Space, *, this: str, that: str) -> list[str]:
    """See `jaxhpo.space.Space.difference`."""
    a, b = one.parameters, two.parameters
    lines = [f"{n}: only {this}, {a[n]!r}" for n in a if n not in b]
    lines += [f"{n}: only {that}, {b[n]!r}" for n in b if n not in a]
    for name in a:
        if name not in b:
            continue
        if type(a[name]) is not type(b[name]):
            lines.append(f"{name}: {a[name]!r} {this}, {b[name]!r} {that}")
            continue
        for field in dataclasses.fields(a[name]):
            x, y = getattr(a[name], field.name), getattr(b[name], field.name)
            if _typed(x) != _typed(y):
                lines.append(f"{name}: {field.name} is {x!r} {this}, {y!r} {that}")
    if not lines and one.names != two.names:
        orders = [", ".join(space.names) for space in (one, two)]
        lines.append(f"the order of the parameters: {orders[0]} {this}; {orders[1]} {that}")
    return lines


def _typed(value: Any) -> Any:
    """For comparison: 1, 1.0 and True are three values."""
    if isinstance(value, list | tuple):
        return [_typed(part) for part in value]
    if isinstance(value, Mapping):
        return {key: _typed(part) for key, part in value.items()}
    return type(value), value
