"""Finds samplers, schedulers and tasks by the name of their file, so that a new file is all it
takes.

The module ``jaxhpo/samplers/tpe.py`` holds the factory ``tpe``; a file whose name starts with an
underscore is private to its folder.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def names(family: str) -> list[str]:
    """The names in a family (``samplers``, ``schedulers`` or ``tasks``), sorted."""
    package = importlib.import_module(f"jaxhpo.{family}")
    found = pkgutil.iter_modules(package.__path__)
    return sorted(m.name for m in found if not m.ispkg and not m.name.startswith("_"))


def get(family: str, name: str) -> Callable[..., Any]:
    """The factory called `name`.

    Raises:
        ValueError: if there is no file of that name; the message lists those there are.
    """
    known = names(family)
    if name not in known:
        raise ValueError(
            f"{family[:-1]}={name!r} is not known; jaxhpo/{family}/ holds: {', '.join(known)}"
        )
    return getattr(importlib.import_module(f"jaxhpo.{family}.{name}"), name)


def made(family: str, name: str, arguments: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """What the factory `name` of a family (``samplers`` or ``schedulers``) makes.

    Raises:
        ValueError: if there is no such factory, or it has no such option, or refuses a value.
    """
    factory = get(family, name)
    parameters = list(inspect.signature(factory).parameters)[len(arguments) :]
    unknown = sorted(set(options) - set(parameters))
    if unknown:
        raise ValueError(
            f"{family[:-1]}_options={dict(options)!r}: {name}(...) has no option "
            f"{', '.join(map(repr, unknown))}; it has "
            f"{', '.join(parameters) if parameters else 'no options'}"
        )
    return factory(*arguments, **options)
