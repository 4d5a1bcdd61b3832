"""absl flags from typed options: what a dataclass says is what the command line takes."""

from __future__ import annotations

import copy
import dataclasses
import difflib
import re
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from absl import flags

from jaxhpo import registry
from jaxhpo.launch.errors import Usage
from jaxhpo.launch.helptext import helptext
from jaxhpo.launch.settings import DisplayOptions, Settings, StudyOptions

_SCALARS = (int, float, str)
_OTHER = {"lanes": "width"}  # other names that flags go by
_SAME = re.compile(f"^--?({'|'.join(_OTHER)})(?==|$)")


def parsed(
    module: str,
    options: type,
    arguments: Sequence[str],
    *,
    smoke: Mapping[str, Any],
    defaults: Mapping[str, Any] | None = None,
) -> Settings:
    """The settings that some arguments (without the program's name) ask for.

    Args:
        module: the experiment's package. options: its options dataclass.
        smoke: values that ``--smoke`` sets where the arguments don't.
        defaults: of flags, instead of those of their fields.

    Raises:
        Usage: for a flag that is unknown or can't have its value, or with the help that was asked
            for (then the code is 0).
        TypeError: if an option can't become a flag.
    """
    groups = {"study": StudyOptions, "experiment": options, "display": DisplayOptions}
    values = flags.FlagValues()
    for group in groups.values():
        for field, kind in _fields(group, defaults or {}):
            if field.name in values:
                raise TypeError(
                    f"option {field.name!r} of {options.__name__} has the name of a flag that "
                    "every experiment has; give it another one"
                )
            _define(values, field, kind)
    known = set(values)
    arguments = [_SAME.sub(lambda found: f"--{_OTHER[found[1]]}", one) for one in arguments]
    if any(argument in ("--help", "-help", "-h", "--helpfull") for argument in arguments):
        kinds = {name: _fields(group, defaults or {}) for name, group in groups.items()}
        raise Usage(helptext(module, kinds, smoke), code=0)
    try:
        rest = values(["", *arguments])[1:]
    except flags.Error as error:
        raise Usage(f"error: {_clear(str(error))}\nSee python -m {module} --help") from error
    if rest:
        raise Usage(f"error: {rest[0]!r} is no flag; flags begin with --, as in --trials=64")
    given = {name: values[name].value for name in known if values[name].present}
    read = {name: values[name].value for name in known}
    if read["smoke"]:
        read |= {name: value for name, value in smoke.items() if name in known - set(given)}
    for field, _ in fields(StudyOptions):
        if field.metadata.get("family"):
            _check_name(field.metadata["family"], str(read[field.name]))
    made = {name: _made(group, read, module) for name, group in groups.items()}
    return Settings(
        **made,
        given={name: _plain(given[name]) for name in sorted(given)},
        arguments=tuple(arguments),
    )


def restored(options: type, stored: Mapping[str, Any]) -> Any:
    """Options that were kept as JSON (which knows no tuples).

    Raises:
        Usage: if they are not, or no longer, options of this experiment.
    """
    unknown = sorted(set(stored) - {field.name for field, _ in fields(options)})
    if unknown:
        raise Usage(
            f"error: the study was run with the option {', '.join(map(repr, unknown))}, which "
            "the experiment no longer has; use the code that it was run with"
        )
    kinds = {field.name: kind for field, kind in fields(options)}
    return options(**{name: _value(name, value, kinds[name]) for name, value in stored.items()})


def pairs(texts: Sequence[str], flag: str) -> dict[str, Any]:
    """``NAME=VALUE`` texts as a dict; values are numbers, true, false, lists or text (YAML).

    Raises:
        Usage: for a text that is no such pair, or a name that comes twice.
    """
    import yaml

    found: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise Usage(f"error: --{flag}={text}: must be NAME=VALUE, as in --{flag}=startup=32")
        if name in found:
            raise Usage(f"error: --{flag}={text}: {name} is already {found[name]!r}; give it once")
        try:
            found[name] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise Usage(f"error: --{flag}={text}: {value!r} can't be read as a value") from error
        if isinstance(found[name], str):
            found[name] = _number(found[name])
    return found


def fields(group: type) -> list[tuple[Any, Any]]:
    """The fields of an options dataclass, each with its type (that of ``X | None`` is X)."""
    hints = typing.get_type_hints(group)
    return [(field, _base(hints[field.name])) for field in dataclasses.fields(group)]


def _fields(group: type, defaults: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    """The fields with other defaults."""
    found = []
    for field, kind in fields(group):
        other = copy.copy(field)
        if field.name in defaults:
            other.default = defaults[field.name]
        found.append((other, kind))
    return found


def _check_name(family: str, name: str) -> None:
    """Refuses an unknown sampler, say, before anything takes time; guesses what was meant."""
    known = registry.names(family)
    if name in known:
        return
    close = difflib.get_close_matches(name, known, n=1)
    meant = f"Did you mean {close[0]}? " if close else ""
    raise Usage(
        f"error: {family[:-1]}={name!r} is not known. {meant}jaxhpo/{family}/ holds: "
        f"{', '.join(known)}"
    )


def _clear(text: str) -> str:
    """What absl says, without Python's own words for a number that is none."""
    text = text.replace("invalid literal for int() with base 10:", "must be a whole number, got")
    return text.replace("could not convert string to float:", "must be a number, got")


def _number(text: str) -> Any:
    """``1e-3`` as a number, which YAML takes for text."""
    try:
        return float(text)
    except ValueError:
        return text


def _made(group: type, read: Mapping[str, Any], module: str) -> Any:
    given = {
        field.name: _value(field.name, read[field.name], kind) for field, kind in fields(group)
    }
    try:
        return group(**given)
    except ValueError as error:  # what the dataclass itself checks
        raise Usage(f"error: {error}\nSee python -m {module} --help") from error


def _base(kind: Any) -> Any:
    """The type without its None."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return next(k for k in typing.get_args(kind) if k is not type(None))
    return kind


def _define(values: flags.FlagValues, field: Any, kind: Any) -> None:
    default, origin, inner = field.default, typing.get_origin(kind), typing.get_args(kind)
    text, least = field.metadata.get("help", ""), field.metadata.get("least")
    if default is dataclasses.MISSING:
        raise TypeError(f"option {field.name!r} must have a default")
    if origin is Literal:
        names = [str(choice) for choice in inner]
        default = None if default is None else str(default)
        flags.DEFINE_enum(field.name, default, names, text, values)
    elif origin is tuple and inner[0] in _SCALARS:
        default = None if default is None else [str(value) for value in default]
        define = flags.DEFINE_list
        if field.metadata.get("repeated"):
            define = flags.DEFINE_multi_string
        define(field.name, default, text, values)
    elif kind is bool:
        flags.DEFINE_bool(field.name, default, text, values)
    elif kind is int:
        flags.DEFINE_integer(field.name, default, text, lower_bound=least, flag_values=values)
    elif kind is float:
        flags.DEFINE_float(field.name, default, text, lower_bound=least, flag_values=values)
    elif kind is str:
        flags.DEFINE_string(field.name, default, text, values)
    else:
        raise TypeError(
            f"option {field.name!r} has type {kind}, which is no flag; use bool, int, float, str, "
            "Literal, a tuple of int, float or str (`tuple[int, ...]`), or one of these or None"
        )


def _value(name: str, value: Any, kind: Any) -> Any:
    """A flag's or JSON's value as one of the field's type."""
    if value is None:
        return None
    inner = typing.get_args(kind)
    if typing.get_origin(kind) is Literal:
        return next((choice for choice in inner if str(choice) == str(value)), value)
    if typing.get_origin(kind) is not tuple:
        return value
    try:
        return tuple(inner[0](item) for item in value)
    except ValueError:
        text = ",".join(map(str, value))
        raise Usage(
            f"error: flag --{name}={text}: must be {inner[0].__name__}s, with commas between them"
        ) from None


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, list | tuple) else value
