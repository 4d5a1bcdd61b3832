"""`Space`: the domains that a user writes, put together, and all that the package asks of them."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import numpy as np

from jaxhpo.cube import FINEST_GRID, Layout
from jaxhpo.space import conditions, files, programs, yaml_text
from jaxhpo.space.axes import Axis, axis
from jaxhpo.space.checks import checked
from jaxhpo.space.codec import Codec
from jaxhpo.space.domains import (
    DOMAINS,
    Choice,
    Constant,
    Domain,
    Float,
    Searched,
    SpaceError,
)


class Space:
    """What is searched.

    ``Space(lr=Float(1e-4, 0.1, log=True), batch=Choice([16, 32, 64]), momentum=0.9)``; names that
    are not Python names go into a mapping: ``Space({"head.dropout": Float(0.0, 0.5)})``. A value
    that is no domain is a constant.

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
        axes = {name: axis(cast(Searched, domains[name]), name) for name in self.names}
        whens = {name: conditions.resolved(name, domains, axes) for name in self.names}
        for name, when in whens.items():
            domains[name] = dataclasses.replace(domains[name], when=when or None)
        self._domains = domains
        self._codec = Codec(domains, axes, conditions.columns(self.names, whens, axes))
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
        """d, the number of searched parameters."""
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self._domains

    def __repr__(self) -> str:
        if not all(name.isidentifier() for name in self._domains):
            return f"Space({self._domains!r})"
        return f"Space({', '.join(f'{n}={d!r}' for n, d in self._domains.items())})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Space):
            return NotImplemented
        return not self.difference(other)

    def __hash__(self) -> int:
        return hash(self.names)

    def _layout(self) -> Layout:
        axes = list(self._codec.axes.values())
        size, reachable = self._count(range(len(axes)))
        conditions.refuse_unreachable(self.names, self._domains, reachable)
        tables = [a.table() for a in axes]
        return Layout(
            names=self.names,
            kinds=tuple(a.kind for a in axes),
            positions=tuple(positions for positions, _ in tables),
            edges=tuple(edges for _, edges in tables),
            conditions=self._codec.conditions,
            size=size if all(a.count is not None for a in axes) else None,
            nearest=tuple(
                (column, functools.partial(_nearest, a))
                for column, a in enumerate(axes)
                if a.count is not None and a.count > FINEST_GRID
            ),
        )

    def _count(
        self, counted: Collection[int], empty: Mapping[int, int] | None = None
    ) -> tuple[int, set[int]]:
        sizes = [a.count or 1 for a in self._codec.axes.values()]
        return conditions.count(sizes, self._codec.conditions, counted, empty)

    def decode(self, points: Any) -> list[dict[str, Any]]:
        """Points [n, d] as n configurations: active parameters and constants, Python values.

        Coordinates outside [0, 1] are clipped.

        Raises:
            SpaceError: for another shape, or a NaN.
        """
        return self._codec.decode(points)

    def encode(self, configs: Iterable[Mapping[str, Any]]) -> np.ndarray:
        """Configurations as points, float32 [n, d]; the coordinate of what is inactive is 0.5.

        Every configuration that `decode` gives comes back as it was. Constants may be left out.

        Raises:
            SpaceError: for a parameter that is unknown, missing, given though it is not active, or
                out of its range.
        """
        return self._codec.encode(configs)

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
        return extra | {
            name for name, domain in self._domains.items() if programs.is_static(domain)
        }

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
                full[name] = None if name in static_names else programs.stand_in(domain)
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
        return programs.dtype(self._domains[name], name)

    def count_static(self, static_names: Iterable[str]) -> int:
        """How many different settings the named parameters have together: programs to compile."""
        wanted = self.static_names(static_names) & frozenset(static_names)
        counted = {c for c, name in enumerate(self.names) if name in wanted}
        empty = {}
        for column in counted:
            domain = self._domains[self.names[column]]
            if isinstance(domain, Choice) and None in domain.choices:
                empty[column] = list(domain.choices).index(None)
        return self._count(counted, empty)[0]

    def to_dict(self) -> dict[str, Any]:
        """The space in JSON types; `from_dict` gives the same space back.

        Raises:
            SpaceError: if a choice or constant is of a type that can't be written.
        """
        return files.written(self._domains)

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Space:
        """A space from what `to_dict` gave, or a user wrote (see `jaxhpo.space.files`)."""
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


def _nearest(axis: Axis, units: np.ndarray) -> np.ndarray:
    """float32 [n], the coordinates of the values nearest to some coordinates."""
    return axis.encode(axis.decode(units)[0])[0].astype(np.float32)


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
