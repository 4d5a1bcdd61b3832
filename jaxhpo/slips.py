"""The commonest slips in a user's functions, said in terms of what the user wrote.

What is traced is an array: Python can't decide by it, index with it or make a shape of it. JAX says
so from deep inside the program; here the parameter and the ways out are named.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import jax

from jaxhpo.contracts import Task
from jaxhpo.space import Float

_TRACED = (
    jax.errors.ConcretizationTypeError,  # if, float(), bool(): TracerBoolConversionError too
    jax.errors.TracerArrayConversionError,
    jax.errors.TracerIntegerConversionError,
)
_DEPENDS = re.compile(r"depends on the values? of the arguments? ([^\n]*)")
_NAMES = re.compile(r"\['([^']+)'\]")
_KNOWN = {  # module of the failing call: what of ours takes what is traced
    "flax.linen.stochastic": "jaxhpo.tasks.elastic.dropout.Dropout takes a traced rate",
    "flax.nnx.nn.stochastic": "jaxhpo.tasks.elastic.dropout.NnxDropout takes a traced rate",
    "optax": "jaxhpo.tasks.parts.optimizers.optimizer(kind, lr, steps=steps, schedule='cosine') "
    "takes traced numbers for its schedules and all else",
}


@contextmanager
def named(where: str, space: Mapping[str, Any], static: str) -> Iterator[None]:
    """Says of a slip inside the block what it is.

    Args:
        where: what is called, in words. space: all parameters by name.
        static: how a parameter is made a Python value here, such as ``Choice(..., static=True)``.

    Raises:
        ValueError: in place of what JAX says of a traced value, and of a `KeyError`.
    """
    try:
        yield
    except Exception as error:
        said = _of_traced(error, where, space, static) or _of_name(error, where, space)
        if said is None and "string indexing" in str(error):
            said = f"{where} takes the key before the hyperparameters, got them swapped: {error}"
        if said is None:
            raise
        raise ValueError(said) from error


def explained(task: Task) -> Task:
    """The same task; its functions say of a slip what it is."""
    space = task.space.parameters

    def watched(name: str) -> Callable[..., Any] | None:
        fn = getattr(task, name)
        if fn is None:
            return None

        @functools.wraps(fn)
        def call(*arguments: Any) -> Any:
            with named(f"{task.name}: {name}(...)", space, "in the space: static=True"):
                return fn(*arguments)

        return call

    names = ("init", "train", "evaluate", "test", "after", "budget", "steps")
    return task._replace(**{name: watched(name) for name in names})


def takes(where: str, fn: Callable[..., Any], *arguments: str) -> None:
    """Refuses a function that can't be called with so many arguments.

    Args:
        where: the argument it was given as, such as ``objective(fn=...)``.

    Raises:
        ValueError: naming what it is called with and what it takes.
    """
    try:
        found = inspect.signature(fn)
    except (TypeError, ValueError):  # some built-in functions have none
        return
    try:
        found.bind(*arguments)
    except TypeError:
        raise ValueError(
            f"{where} must take ({', '.join(arguments)}), got a function that takes {found}"
        ) from None


def _of_traced(error: Exception, where: str, space: Mapping[str, Any], static: str) -> str | None:
    text = str(error)
    of_shape = isinstance(error, TypeError) and text.startswith("Shapes must be 1D")
    if not isinstance(error, _TRACED) and not of_shape:
        return None
    depends = _DEPENDS.search(text)
    names = [n for n in _NAMES.findall(depends[1]) if n in space] if depends else []
    which = " and ".join(map(repr, names)) or "a hyperparameter"
    known = _known(error.__traceback__)
    ways = [known] if known else []
    if not names or not all(map(_continuous, map(space.get, names))):
        ways.append(f"make it a Python value ({static}), with a program for each of its values")
    ways.append("compute with jax.numpy.where, jax.lax.cond or jax.lax.switch")
    return (
        f"{where} uses {which} as a Python value, but Python can't decide or convert what JAX "
        f"traces ({text.partition(chr(10))[0].rstrip('.')}); {', or '.join(ways)}"
    )


def _of_name(error: Exception, where: str, space: Collection[str]) -> str | None:
    key = error.args[0] if isinstance(error, KeyError) and error.args else None
    if not isinstance(key, str) or key in space:
        return None
    close = difflib.get_close_matches(key, space, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    names = ", ".join(space)
    return f"{where} has a KeyError: {key!r}; the space has no such parameter ({names}){hint}"


def _continuous(domain: Any) -> bool:
    """Whether every trial would need a program of its own, were this a Python value."""
    return isinstance(domain, Float) and not domain.step


def _known(traceback: TracebackType | None) -> str | None:
    found = None
    while traceback is not None:
        module = str(traceback.tb_frame.f_globals.get("__name__", ""))
        found = _KNOWN.get(module) or _KNOWN.get(module.partition(".")[0]) or found
        traceback = traceback.tb_next
    return found
