"""Finds an experiment's package and builds its task."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from typing import Any

from jaxhpo.launch.errors import Usage


def experiment(module: str) -> Any:
    """The module that holds an experiment's ``build``.

    Raises:
        Usage: if it can't be found, or a package that it imports is not there.
    """
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    name = f"{module}.experiment"
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):
            raise Usage(
                f"error: the experiment {module!r} can't be imported ({error}); run this in the "
                "directory that holds its package"
            ) from error
        raise _missing(module, error) from error


def built(module: str, options: Any, space: Any) -> Any:
    """The experiment's task, or a sentence about the package that it misses.

    Raises:
        Usage: if a package is not installed.
    """
    build = experiment(module).build
    try:
        return build(options, space)
    except ModuleNotFoundError as error:
        raise _missing(module, error) from error


def options_type(launch: Mapping[str, Any]) -> Any:
    """The options dataclass of a study, from what was noted when it was launched."""
    made = experiment(launch["module"])  # first, so that the package is found
    where, name = launch["options_type"]
    return getattr(made if where == "__main__" else importlib.import_module(where), name)


def _missing(module: str, error: ModuleNotFoundError) -> Usage:
    return Usage(
        f"error: {module} needs the package {error.name!r}, which is not installed; those of the "
        'experiments that come with jaxhpo: pip install "jaxhpo[experiments]"'
    )
