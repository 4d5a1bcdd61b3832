"""What decides a member's program: the form that all programs of a population share, and the
hyperparameters in which two members must agree to be trained by the same one."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True, kw_only=True)
class Form:
    """What all programs of a population have in common.

    Attributes:
        dtypes: name to dtype of every hyperparameter that is an array in the program.
        options: of those, the ones that are an `Option`: name to all its values; the array holds
            the place of the value among them.
        classes: of the options, those whose values don't all share a program: name to the values
            that do, in classes.
        width: W. replicates: how many members train one trial.
        limited: whether members are stopped by limits on their loss. of_best: whether a limit is
            for the lowest loss so far, not the last. pauses: whether members may pause.
        platform: of the devices: "cpu", "gpu" or "tpu".
    """

    dtypes: Mapping[str, np.dtype]
    options: Mapping[str, tuple[Any, ...]] = dataclasses.field(default_factory=dict)
    classes: Mapping[str, tuple[tuple[Any, ...], ...]] = dataclasses.field(default_factory=dict)
    width: int
    replicates: int = 1
    limited: bool = False
    of_best: bool = False
    pauses: bool = False
    platform: str = "cpu"

    def place(self, name: str, value: Any) -> Any:
        """How an array holds the value of a hyperparameter."""
        if name not in self.options:
            return value
        found = _place(self.options[name], value)
        return 0 if found is None else found  # an inactive one: the program must compute something

    def arrays(self, hp: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """One member's hyperparameters as its program takes them, each of shape []."""
        return {n: np.asarray(self.place(n, hp[n]), dtype) for n, dtype in self.dtypes.items()}

    def program(
        self, hp: Mapping[str, Any], names: Iterable[str]
    ) -> tuple[tuple[Any, ...], dict[str, Any], Form]:
        """Of the program that a member with these hyperparameters shares with others: what it has
        in common with them alone (hashable), its static values, and its form.

        Args:
            names: of the static hyperparameters, in an order that is the same for all members.
        """
        static = {name: hp[name] for name in names}
        form, places = self._narrowed(hp)
        return (*places, *((n, type(v), v) for n, v in static.items())), static, form

    def _narrowed(self, hp: Mapping[str, Any]) -> tuple[Form, tuple[int, ...]]:
        """The program's form, and the places of its classes, by which it differs from others."""
        options, places = dict(self.options), []
        for name, classes in self.classes.items():
            owns = [_place(values, hp[name]) is not None for values in classes]
            places.append(owns.index(True) if any(owns) else 0)
            options[name] = classes[places[-1]]
        return dataclasses.replace(self, options=options, classes={}), tuple(places)


def _place(values: tuple[Any, ...], value: Any) -> int | None:
    same = (i for i, v in enumerate(values) if type(v) is type(value) and v == value)
    return next(same, None)
