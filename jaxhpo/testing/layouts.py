"""The unit cubes on which samplers and schedulers are checked."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import MappingProxyType

import jax

from jaxhpo.cube import Layout
from jaxhpo.space import Bool, Choice, Float, Int, Space

# Compiled: a check calls them with the same few shapes again and again.
snap = jax.jit(Layout.snap, static_argnums=0)
active_in = jax.jit(Layout.active, static_argnums=0)


@functools.cache
def example_layouts() -> Mapping[str, Layout]:
    """Layouts of every kind: continuous, mixed, conditional, finite, wide. Always the same ones, so
    that what is compiled for a layout is compiled once."""
    spaces = {
        "continuous": Space(x=Float(0.0, 1.0), lr=Float(1e-4, 1.0, log=True)),
        "mixed": Space(
            x=Float(-1.0, 1.0),
            n=Int(1, 9),
            act=Choice(["relu", "tanh", "gelu"]),
            size=Choice([16, 32, 64], ordered=True),
            on=Bool(),
        ),
        "conditional": Space(
            kind=Choice(["sgd", "adam"]),
            lr=Float(1e-4, 1.0, log=True),
            momentum=Float(0.0, 0.9, when={"kind": "sgd"}),
            nesterov=Bool(when={"kind": "sgd"}),
            scale=Float(0.1, 1.0, when={"nesterov": True}),
        ),
        "finite": Space(a=Int(1, 4), b=Choice(["u", "v", "w"]), c=Bool(when={"b": ["u", "v"]})),
        "single": Space(x=Float(0.0, 1.0)),
        "wide": Space({f"x{i}": Float(0.0, 1.0) for i in range(30)}),
    }
    return MappingProxyType({name: space.layout for name, space in spaces.items()})


@functools.cache
def branching_layout() -> Layout:
    """A branch of one configuration, one of two, and one with a number."""
    space = Space(
        kind=Choice(["one", "two", "many"]),
        on=Bool(when={"kind": "two"}),
        x=Float(0.0, 1.0, when={"kind": "many"}),
    )
    return space.layout
