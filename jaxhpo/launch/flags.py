"""absl flags from typed options: what a dataclass says is what the command line takes."""

from __future__ import annotations

import dataclasses
import textwrap
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from absl import flags


def option(default: Any, text: str, *, least: int | None = None) -> Any:
    """A field of an options dataclass: its default, what it is, and the least value it may have."""
    return dataclasses.field(default=default, metadata={"help": text, "least": least})


@dataclasses.dataclass(frozen=True, kw_only=True)
class StudyOptions:
    """How a study is run, whatever the experiment."""

    trials: int = option(512, "how many trials the study has in the end", least=1)
    seed: int = option(0, "decides, with a trial's number, every random draw", least=0)
    workdir: str | None = option(None, "where records and report go (runs/<experiment>-seed<seed>)")
    sampler: str = option("tpe", "who proposes: a file name in jaxhpo/samplers")
    sampler_option: tuple[str, ...] = option((), "NAME=VALUE for the sampler, comma-separated")
    scheduler: str = option("none", "who stops trials early: a file name in jaxhpo/schedulers")
    scheduler_option: tuple[str, ...] = option((), "NAME=VALUE for the scheduler")
    batch: int | None = option(None, "trials proposed together (16)", least=1)
    lookahead: int | None = option(None, "trials in training while more are chosen", least=0)
    width: int | None = option(None, "lanes a tile (by model and device)", least=1)
    drivers: int | None = option(None, "threads a device (one a core)", least=1)
    space: str | None = option(None, "a YAML file with a space to search instead")


@dataclasses.dataclass(frozen=True, kw_only=True)
class DisplayOptions:
    """What is shown and kept."""

    smoke: bool = option(False, "a few short trials, to see that everything works")
    report: bool = option(True, "write the report at the end")
    compile_cache: bool = option(True, "keep compiled programs for the next run")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """What the command line said. `given` are the flags that stood there."""

    study: StudyOptions
    display: DisplayOptions
    experiment: Any
    given: Mapping[str, Any]


class Usage(Exception):
    """The command line can't be used; the text says why. `code` is the exit status."""

    def __init__(self, text: str, code: int = 2) -> None:
        super().__init__(text)
        self.code = code


def parsed(
    module: str, options: type, arguments: Sequence[str], *, smoke: Mapping[str, Any]
) -> Settings:
    """The settings that some arguments (without the program's name) ask for.

    Raises:
        Usage: for a flag that is unknown or can't have its value, or with the help that was asked
            for (then the code is 0).
    """
    groups = {"study": StudyOptions, "display": DisplayOptions, "experiment": options}
    values = flags.FlagValues()
    for group in groups.values():
        for field, kind in _fields(group):
            _define(values, field, kind)
    if any(argument in ("--help", "-help", "-h", "--helpfull") for argument in arguments):
        raise Usage(_help(module, groups), code=0)
    try:
        rest = values(["", *arguments])[1:]
    except flags.Error as error:
        raise Usage(f"{error}\nSee python -m {module} --help") from error
    if rest:
        raise Usage(f"{rest[0]!r} is no flag; flags begin with --, as in --trials=64")
    given = {name: values[name].value for name in values if values[name].present}
    if values["smoke"].value:
        known = {f.name for group in groups.values() for f in dataclasses.fields(group)}
        chosen = {k: v for k, v in smoke.items() if k in known and k not in given}
        for name, value in chosen.items():
            values[name].value = value
    made = {
        name: group(
            **{field.name: _value(values[field.name].value, kind) for field, kind in _fields(group)}
        )
        for name, group in groups.items()
    }
    return Settings(**made, given={k: _plain(v) for k, v in given.items()})


def pairs(texts: Sequence[str], flag: str) -> dict[str, Any]:
    """``NAME=VALUE`` texts as a dict; values are numbers, true, false, or text.

    Raises:
        Usage: for a text without a sign of equality.
    """
    import yaml

    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise Usage(f"--{flag}={text}: must be NAME=VALUE, as in --{flag}=startup=32")
        found[name] = yaml.safe_load(value)
    return found


def _fields(group: type) -> list[tuple[Any, Any]]:
    hints = typing.get_type_hints(group)
    return [(field, hints[field.name]) for field in dataclasses.fields(group)]


def _base(kind: Any) -> Any:
    """The type without its None."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return next(k for k in typing.get_args(kind) if k is not type(None))
    return kind


def _define(values: flags.FlagValues, field: Any, kind: Any) -> None:
    kind, default = _base(kind), field.default
    text, least = field.metadata.get("help", ""), field.metadata.get("least")
    origin = typing.get_origin(kind)
    if origin is Literal:
        flags.DEFINE_enum(field.name, default, list(typing.get_args(kind)), text, values)
    elif origin is tuple:
        flags.DEFINE_list(field.name, list(default), text, values)
    elif kind is bool:
        flags.DEFINE_bool(field.name, default, text, values)
    elif kind is int:
        flags.DEFINE_integer(field.name, default, text, lower_bound=least, flag_values=values)
    elif kind is float:
        flags.DEFINE_float(field.name, default, text, flag_values=values)
    elif kind is str:
        flags.DEFINE_string(field.name, default, text, values)
    else:
        raise TypeError(
            f"option {field.name!r} has type {kind}, which is no flag; use bool, int, float, str, "
            "Literal or a tuple of str"
        )


def _value(value: Any, kind: Any) -> Any:
    return tuple(value) if typing.get_origin(_base(kind)) is tuple else value


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, list | tuple) else value


def _help(module: str, groups: Mapping[str, type]) -> str:
    lines = [f"Usage: python -m {module} [--flag=value ...]", ""]
    lines += ["The same command again goes on where it was interrupted.", ""]
    titles = {"study": "The study", "experiment": "The experiment", "display": "What is kept"}
    for name in ("study", "experiment", "display"):
        lines.append(f"{titles[name]}:")
        for field, kind in _fields(groups[name]):
            lines += _entry(field, _base(kind))
        lines.append("")
    return "\n".join(lines).rstrip()


def _entry(field: Any, kind: Any) -> list[str]:
    default = field.default
    if kind is bool:
        head = f"  --[no]{field.name}"
    elif typing.get_origin(kind) is Literal:
        head = f"  --{field.name}=" + "|".join(typing.get_args(kind))
    else:
        head = f"  --{field.name}={'LIST' if typing.get_origin(kind) is tuple else kind.__name__}"
    text = field.metadata.get("help", "")
    if default not in (None, ()):
        text += f" [{'yes' if default is True else 'no' if default is False else default}]"
    body = textwrap.wrap(text, 66)
    if len(head) > 30:
        return [head, *(" " * 32 + line for line in body)]
    return [f"{head:<32}{body[0]}", *(" " * 32 + line for line in body[1:])]
