"""The search space: named domains with conditions, and the way between a configuration and a point of
the unit cube. Nothing else in the package knows of logarithms, steps, choices or conditions.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from jaxhpo.space import conditions, files, yaml_text
from jaxhpo.space.axes import Axis, axis
from jaxhpo.cube import INACTIVE, Layout
from jaxhpo.space.checks import INT32, checked
from jaxhpo.space.domains import (
    DOMAINS,
    Bool,
    Choice,
    Constant,
    Domain,
    Float,
    Int,
    SpaceError,
    plain,
    same,
    traceable,
    tupled,
)

__all__ = ["Bool", "Choice", "Constant", "Float", "Int", "Space", "SpaceError"]

_MISSING = object()


class Space:
    """What is searched.

    ``Space(lr=Float(1e-4, 0.1, log=True), batch=Choice([16, 32, 64]), momentum=0.9)``; names that
    are not Python names go into a mapping: ``Space({"head.dropout": Float(0.0, 0.5)})``. A value that
    is no domain is a constant.

    A point is a row of float32 in the closed unit cube, one column for each searched parameter. A
    configuration is a dict of Python values that holds the *active* parameters and the constants.

    Attributes:
        parameters: name to domain in its normal form, constants too, in the order of declaration.
        names: the d searched parameters, in the order of the columns: as declared, but a parent
            before its children.
        layout: the columns as samplers see them.

    Raises:
        SpaceError: naming the parameter, the value and the way out.
    """

    def __init__(self, parameters: Mapping[str, Any] | None = None, /, **named: Any):
        declared = _declared(parameters, named)
        domains = {name: checked(domain, name) for name, domain in declared.items()}
        self.names: tuple[str, ...] = tuple(conditions.ordered(domains))
        if not self.names:
            raise SpaceError(
                f"Space(...) must have something to search, got {_counted(domains)}; add a Float, "
                f"Int, Choice or Bool"
            )
        self._axes: dict[str, Axis] = {n: axis(domains[n], n) for n in self.names}  # type: ignore
        whens = {name: conditions.resolved(name, domains, self._axes) for name in self.names}
        for name, when in whens.items():
            domains[name] = dataclasses.replace(domains[name], when=when or None)
        self._domains = domains
        self._conditions = conditions.columns(self.names, whens, self._axes)
        self.layout = self._layout()

    @property
    def parameters(self) -> Mapping[str, Domain]:
        """Name to domain, in the order of declaration."""
        return MappingProxyType(self._domains)

    @property
    def size(self) -> int | None:
        """How many different configurations there are, None if there is no end to them."""
        return self.layout.size

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self._domains)

    def __contains__(self, name: object) -> bool:
        return name in self._domains

    def __repr__(self) -> str:
        return f"Space({', '.join(f'{n}={d!r}' for n, d in self._domains.items())})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Space):
            return NotImplemented
        return not self.difference(other)

    def __hash__(self) -> int:
        return hash(self.names)

    def _layout(self) -> Layout:
        axes = [self._axes[name] for name in self.names]
        every = range(len(axes))
        _, reachable = conditions.count([a.count or 1 for a in axes], self._conditions, every)
        conditions.refuse_unreachable(self.names, self._domains, reachable)
        size = None
        if all(a.count is not None for a in axes):
            size, _ = conditions.count([a.count or 1 for a in axes], self._conditions, every)
        tables = [a.table() for a in axes]
        return Layout(
            names=self.names,
            kinds=tuple(a.kind for a in axes),
            positions=tuple(positions for positions, _ in tables),
            edges=tuple(edges for _, edges in tables),
            conditions=self._conditions,
            size=size,
        )

    # -- points and configurations

    def decode(self, points: Any) -> list[dict[str, Any]]:
        """Points [n, d] as n configurations of Python values.

        Coordinates outside [0, 1] are clipped. What is not active is left out.

        Raises:
            SpaceError: for another shape, or a NaN.
        """
        points = np.asarray(points, np.float32)
        if points.ndim != 2 or points.shape[1] != len(self):
            raise SpaceError(
                f"Space.decode(points=...) must have the shape [n, {len(self)}], got "
                f"{list(points.shape)}; one row is a point, one column a parameter"
            )
        if np.isnan(points).any():
            row, column = np.argwhere(np.isnan(points))[0]
            raise SpaceError(
                f"Space.decode(points=...) must be numbers, got nan for {self.names[column]!r} in "
                f"row {row}; find where it was computed"
            )
        points = points.clip(0, 1)
        columns, levels = {}, []
        for column, name in enumerate(self.names):
            columns[name], level = self._axes[name].decode(points[:, column])
            levels.append(level)
        active = self._active(levels, len(points))
        for name, domain in self._domains.items():
            if isinstance(domain, Constant):
                columns[name] = [domain.value] * len(points)
        order = list(self._domains)
        for name, on in zip(self.names, active, strict=True):
            if not on.all():
                columns[name] = [
                    v if a else _MISSING for v, a in zip(columns[name], on.tolist(), strict=True)
                ]
        rows = zip(*(columns[name] for name in order), strict=True)
        if all(on.all() for on in active):
            return [dict(zip(order, row, strict=True)) for row in rows]
        return [{n: v for n, v in zip(order, r, strict=True) if v is not _MISSING} for r in rows]

    def _active(self, levels: Sequence[np.ndarray | None], n: int) -> list[np.ndarray]:
        active = [np.ones(n, bool) for _ in levels]
        for condition in sorted(self._conditions, key=lambda c: c.child):
            at = np.isin(levels[condition.parent], condition.levels)  # type: ignore[arg-type]
            active[condition.child] &= active[condition.parent] & at
        return active

    def encode(self, configs: Iterable[Mapping[str, Any]]) -> np.ndarray:
        """Configurations as points, float32 [n, d]; the coordinate of what is inactive is 0.5.

        On a grid the way there and back is exact; a continuous float comes back within the width of
        a float32 coordinate. Constants may be left out.

        Raises:
            SpaceError: for a parameter that is unknown, missing, given though it is not active, or
                out of its range.
        """
        configs = list(configs)
        for row, config in enumerate(configs):
            for name in config:
                if name not in self._domains:
                    fix = f"the space has: {', '.join(map(repr, self._domains))}"
                    raise _bad_config(name, row, "is unknown", config[name], fix)
        self._check_constants(configs)
        points = np.full((len(configs), len(self)), INACTIVE, np.float32)
        levels: list[np.ndarray | None] = []
        ancestry = [[c for c in self._conditions if c.child == i] for i in range(len(self))]
        active: list[np.ndarray] = []
        for column, name in enumerate(self.names):
            on = np.ones(len(configs), bool)
            for condition in ancestry[column]:
                at = np.isin(levels[condition.parent], condition.levels)  # type: ignore[arg-type]
                on &= active[condition.parent] & at
            values = [config.get(name, _MISSING) for config in configs]
            given = np.array([value is not _MISSING for value in values], bool)
            if not np.array_equal(given, on):
                self._refuse_presence(name, int(np.argmax(given != on)), values)
            units, level = self._axes[name].encode(values)
            wrong = on & np.isnan(units)
            if wrong.any():
                row = int(np.argmax(wrong))
                must = f"must be {self._axes[name].expected}"
                raise _bad_config(name, row, must, values[row], "correct it")
            points[on, column] = units[on]
            levels.append(level)
            active.append(on)
        return points

    def _check_constants(self, configs: Sequence[Mapping[str, Any]]) -> None:
        for name, domain in self._domains.items():
            if isinstance(domain, Constant):
                for row, config in enumerate(configs):
                    value = tupled(plain(config.get(name, domain.value)))
                    if not same(value, domain.value):
                        must = f"must be the constant {domain.value!r}"
                        raise _bad_config(name, row, must, value, "correct it or leave it out")

    def _refuse_presence(self, name: str, row: int, values: Sequence[Any]) -> None:
        when = dict(conditions.conditions_of(self._domains[name]))
        if values[row] is _MISSING:
            active = f"it is active (when={when!r}): " if when else ""
            raise _bad_config(name, row, "is missing", None, f"{active}give it a value")
        must = f"is not active there (when={when!r})"
        raise _bad_config(name, row, must, values[row], "leave it out")

    # -- what the engine needs to know of the values

    def static_names(self, extra: Iterable[str] = ()) -> frozenset[str]:
        """The parameters that are Python values in the program: by their domain, and `extra`.

        Raises:
            SpaceError: if `extra` names an unknown parameter, or a continuous Float, which would
                need endless programs.
        """
        extra = frozenset(extra)
        for name in sorted(extra):
            if name not in self._domains:
                raise SpaceError(
                    f"static_names(extra=...) must name parameters of the space, got {name!r}; the "
                    f"space has: {', '.join(map(repr, self._domains))}"
                )
            domain = self._domains[name]
            if isinstance(domain, Float) and domain.step is None:
                raise SpaceError(
                    f"static_names(extra=...) must not name a continuous Float, which would need "
                    f"endless programs, got {name!r}; give it a step, use Choice([...]), or use it "
                    f"as an array in the task"
                )
        return extra | {name for name, domain in self._domains.items() if _is_static(domain)}

    def filled(self, config: Mapping[str, Any], static_names: Iterable[str]) -> dict[str, Any]:
        """All parameters, for a program: an inactive traced one has the lowest (or first) value of
        its domain, an inactive static one None.
        """
        static_names = frozenset(static_names)
        full = {}
        for name, domain in self._domains.items():
            if isinstance(domain, Constant):
                full[name] = domain.value
            elif name in config:
                full[name] = config[name]
            else:
                full[name] = None if name in static_names else _lowest(domain)
        return full

    def dtype(self, name: str) -> type[np.float32] | type[np.int32] | type[np.bool_]:
        """The type of a parameter's traced value: bool_, int32 for whole numbers alone, or float32.

        Raises:
            SpaceError: if the parameter is unknown, or static because no array can hold its values.
        """
        if name not in self._domains:
            raise SpaceError(
                f"dtype(name=...) must be a parameter of the space, got {name!r}; the space has: "
                f"{', '.join(map(repr, self._domains))}"
            )
        domain = self._domains[name]
        if isinstance(domain, Float):
            return np.float32
        if isinstance(domain, Int):
            return np.int32
        if isinstance(domain, Bool):
            return np.bool_
        values = domain.choices if isinstance(domain, Choice) else (domain.value,)
        if not traceable(values):
            raise SpaceError(
                f"dtype(name=...) must be a traced parameter, got {name!r}, which holds "
                f"{list(values)!r}; ask static_names() first"
            )
        if all(isinstance(v, bool) for v in values):
            return np.bool_
        return np.int32 if all(isinstance(v, int) for v in values) else np.float32

    def count_static(self, static_names: Iterable[str]) -> int:
        """How many different settings the named parameters have together: programs to compile."""
        wanted = self.static_names(static_names) & frozenset(static_names)
        counted = {c for c, name in enumerate(self.names) if name in wanted}
        axes = [self._axes[name] for name in self.names]
        empty = {}
        for column in counted:
            domain = self._domains[self.names[column]]
            if isinstance(domain, Choice) and None in domain.choices:
                empty[column] = list(domain.choices).index(None)
        sizes = [a.count or 1 for a in axes]
        return conditions.count(sizes, self._conditions, counted, empty)[0]

    # -- files

    def to_dict(self) -> dict[str, Any]:
        """The space in JSON types; `from_dict` gives the same space back.

        Raises:
            SpaceError: if a choice or constant is of a type that can't be written.
        """
        return files.written(self._domains)

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Space:
        """A space from what `to_dict` gave, or from what a user wrote (see `jaxhpo.space.files`)."""
        return cls(files.read(found))

    def to_yaml(self, path: str | Path | None = None) -> str:
        """The space as YAML text, also written to `path` if that is given."""
        text = yaml_text.dumped(self.to_dict())
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text

    @classmethod
    def from_yaml(cls, text_or_path: str | Path) -> Space:
        """A space from YAML text, or from a file: a `Path`, or one line that ends in .yaml or .yml.

        Raises:
            SpaceError: with the line, for what is no YAML; else as `Space`.
        """
        return cls.from_dict(yaml_text.loaded(text_or_path))

    def digest(self) -> str:
        """64 hexadecimal digits, the same for equal spaces and for no others.

        Raises:
            SpaceError: as `to_dict`.
        """
        facts = [self.names, dict(sorted(self.to_dict().items()))]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def difference(self, other: Space, *, this: str = "here", that: str = "there") -> list[str]:
        """What tells two spaces apart, one line each, for people; empty if they are equal.

        Args:
            other: the space to compare with.
            this, that: what to call the two.
        """
        return files.difference(self, other, this=this, that=that)


def _declared(parameters: Mapping[str, Any] | None, named: Mapping[str, Any]) -> dict[str, Domain]:
    parameters = {} if parameters is None else parameters
    if not isinstance(parameters, Mapping):
        raise SpaceError(
            f"Space(parameters=...) must map names to domains, got {parameters!r}; write "
            f"Space({{'lr': Float(1e-4, 0.1, log=True)}})"
        )
    for name in named:
        if name in parameters:
            raise SpaceError(
                f"Space(...) must have every name once, got {name!r} both in the mapping and as an "
                f"argument; drop one"
            )
    found = {**parameters, **named}
    for name in found:
        if not isinstance(name, str) or not name or name != name.strip() or not name.isprintable():
            raise SpaceError(
                f"Space(...) must have names that are strings, printable and without spaces at the "
                f"ends, got {name!r}; rename it"
            )
    return {n: v if isinstance(v, DOMAINS) else Constant(v) for n, v in found.items()}


def _counted(domains: Mapping[str, Domain]) -> str:
    return f"only constants ({', '.join(domains)})" if domains else "no parameters"


def _bad_config(name: str, row: int, must: str, value: Any, fix: str) -> SpaceError:
    got = "" if must == "is missing" else f", got {name}={value!r}"
    return SpaceError(f"Space.encode(configs=...): {name!r} of number {row} {must}{got}; {fix}")


def _is_static(domain: Domain) -> bool:
    if isinstance(domain, Constant):
        value = domain.value
        if isinstance(value, int) and not INT32.min <= value <= INT32.max:
            return True
        return not traceable([value])
    return bool(domain.static)


def _lowest(domain: Domain) -> Any:
    if isinstance(domain, Float | Int):
        return domain.low
    return domain.choices[0] if isinstance(domain, Choice) else False  # type: ignore[index]
