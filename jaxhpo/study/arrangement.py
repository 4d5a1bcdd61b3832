"""How a study's trials are trained: by which programs, in which lanes, on which devices."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxhpo.backend import Device, traced_for
from jaxhpo.contracts import Scheduler, Task
from jaxhpo.population.form import Form
from jaxhpo.population.member import Member
from jaxhpo.population.population import Population
from jaxhpo.population.sizing import drivers_per_device, memory, tile_width
from jaxhpo.population.streamed import StreamedPopulation
from jaxhpo.study.brackets import largest_group
from jaxhpo.study.plan import COHORTS, GROUPED, TRACED, Classes, Load, Plan, classes, plan, values
from jaxhpo.trial import Trial

_BATCH = (16, 128, 8)  # at least, at most, in between this part of a tile's lanes
_FEW = (4, 4)  # of a short study no more than this part of the trials, but so many; or else nothing
# would be known before the last of them are proposed.
# At least, at most, in between this part of the trials; of a long study, at most a twelfth.
_LOOKAHEAD = (8, 64, 8, 128)
# Where trials are stopped early they last for very different times, and more must be at hand to
# keep lanes at work (asha on digits: 86 % of lane-units useful at 64, 97 % at 128; on 2,048 trials
# of spectral 87 % at 128, 92 % at 160). But more than that, and asha compares with so few that it
# stops too few: 13 % more epochs at 160 than at 128, 63 % more at 256.
_LOOKAHEAD_STOPPED = (4, 128, 4, 160)
_LONG = 12
_MOST_AT_ONCE = 4  # never more than this part of the trials, or little would be learnt from them
# What part of its budget a trial is trained for where the task can end it (.45 was measured on
# spectral, whose trials wait for a better epoch), and where the scheduler stops it (.45 again).
_ENDED, _STOPPED = 0.5, 0.5
_LANES = {"cpu": 8}  # of a tile, about, before its width is known; elsewhere:
_LANES_OF_A_CHIP = 64
_LEAST_LANES = 16


def reserve(trials: int) -> int:
    """How many of a study's trials are chosen without looking at results: a fifth, at least 25, but
    at most half, and at least 10 of them.

    P-values are of these alone; what follows goes by results, and is no sample of anything.
    """
    return max(10, min(max(25, -(-trials // 5)), trials // 2))


@dataclasses.dataclass(kw_only=True)
class Arrangement:
    """What programs, members and populations are made from.

    Attributes:
        task, scheduler, replicates: as the study has them.
        adaptive: whether the sampler goes by results.
        devices: where to train. drivers: threads a device; None: by device and cores.
        how: the plan's choice, by name (see `jaxhpo.study.plan`). width: W. Both are settled when
            the study's identity is.
        known: the classes that have been found; each value is traced for them.
    """

    task: Task
    scheduler: Scheduler
    adaptive: bool
    replicates: int
    devices: Sequence[Device]
    drivers: int | None
    how: Mapping[str, str] = dataclasses.field(default_factory=dict)
    width: int = 1
    known: dict[str, Classes] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        self.static = self.task.space.static_names(self.task.static)
        self.threads = self.drivers or drivers_per_device(self.devices)

    @property
    def traced(self) -> frozenset[str]:
        """The static parameters that are traced after all, in one program for all values."""
        return frozenset(name for name, how in self.how.items() if how == TRACED)

    @property
    def programs(self) -> int:
        """How many programs all configurations together need."""
        own = self.static - {name for name, how in self.how.items() if how != COHORTS}
        settings = self.task.space.count_static(own) if own else 1
        return settings * math.prod(map(len, self.classes().values()))

    def classes(self) -> dict[str, Classes]:
        """Of those that are traced in some programs, the values that share one."""
        return {
            name: self._classes(name) for name, how in sorted(self.how.items()) if how == GROUPED
        }

    def _classes(self, name: str) -> Classes:
        if name not in self.known:
            self.known[name] = classes(self.task, self.static, name)
        return self.known[name]

    def filled(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """All hyperparameters of a configuration, for a program."""
        return self.task.space.filled(config, self.static)

    def budget(self, config: Mapping[str, Any]) -> int:
        """The units that a configuration is to be trained for."""
        return self.task.budget(self.filled(config))

    def members(self, trial: Trial, replicates: int | None = None, **more: Any) -> list[Member]:
        """Those who train a trial.

        Args:
            replicates: how many; by default as many as in the study. more: fields of `Member`.
        """
        several, hp = replicates or self.replicates, self.filled(trial.config)
        first = trial.number * several
        return [
            Member(number=number, hp=hp, budget=trial.budget, **more)
            for number in range(first, first + several)
        ]

    def form(self) -> Form:
        """What all programs have in common."""
        space = self.task.space
        numbers = {n: space.dtype(n) for n in space.parameters if n not in self.static}
        shared = self.classes()
        options = sorted({*self.traced, *shared})
        places = dict.fromkeys(options, np.int32)
        return Form(
            dtypes={name: np.dtype(dtype) for name, dtype in {**numbers, **places}.items()},
            options={name: values(space, name) for name in options},
            classes=shared,
            width=self.width,
            replicates=self.replicates,
            limited=self.scheduler.limits is not None and self.replicates == 1,
            of_best=self.scheduler.of_best,
            pauses=self.scheduler.group is not None,
            platform=self.devices[0].platform,
        )

    def population(self, key: jax.Array, **changes: Any) -> Population:
        """A population with no members. `changes` are fields of its form. The key is consumed."""
        form = dataclasses.replace(self.form(), **changes)
        kind = Population if self.task.stream is None else StreamedPopulation
        return kind(
            self.task,
            key,
            form,
            static=sorted(self.static - set(form.options)),
            devices=self.devices,
            drivers=self.threads,
        )

    @property
    def gated(self) -> bool:
        """Whether trials wait for the results of earlier ones before they are proposed."""
        return self.adaptive or self.scheduler.limits is not None

    def plan(self, trials: int, asked: Mapping[str, str], sizes: Mapping[str, int | None]) -> Plan:
        """Which static parameters are traced (see `jaxhpo.study.plan`).

        Args:
            sizes: lookahead and width, where they are given.
        """
        platform = self.devices[0].platform
        load = Load(
            trials=trials * self.replicates,
            at_once=(sizes["lookahead"] or self._lookahead(trials)) * self.replicates
            if self.gated
            else trials * self.replicates,
            lasts=(1.0 if self.task.after is None else _ENDED)
            * (1.0 if self.scheduler.limits is None else _STOPPED),
            width=sizes["width"] or _LANES.get(platform, _LANES_OF_A_CHIP),
            platform=platform,
        )
        with traced_for(platform):
            return plan(self.task, self.static, load, asked, self._classes)

    def _lookahead(self, trials: int) -> int:
        """Trials that may be in training while the next are proposed, as far as W says nothing."""
        stopped = self.scheduler.limits is not None
        low, high, part, most = _LOOKAHEAD_STOPPED if stopped else _LOOKAHEAD
        found = max(low, min(high, trials // part), min(most, trials // _LONG))
        return max(found, largest_group(self.scheduler, trials))

    def defaults(self, chosen: Plan, trials: int) -> dict[str, Any]:
        """The sizes of a study for which none are given."""
        width = self._width(chosen, trials)
        low, high, part = _BATCH
        least, short = _FEW
        few = max(least, trials // short)
        # Enough to fill a tile of every program, where the study has that many to spare.
        full = min(width * chosen.programs // self.replicates, trials // _MOST_AT_ONCE)
        return {
            "batch": min(high, max(low, width // part), few),
            "lookahead": max(self._lookahead(trials), full),
            "width": width,
            "startup": reserve(trials),
            "plan": dict(chosen.choice),
        }

    def _width(self, chosen: Plan, trials: int) -> int:
        space = self.task.space
        points = np.random.default_rng(0).random((11, len(space))).astype(np.float32)
        points[:3] = np.array([[0.0], [0.5], [1.0]], np.float32)
        members = [self.filled(config) for config in space.decode(points)]
        form = dataclasses.replace(self, how=chosen.choice).form()
        width = tile_width(self.task, members, form, memory(self.devices[0]))
        if form.platform == "cpu":
            return width
        # A chip takes as long for free lanes as for others, and holds more than there are trials.
        most = trials // _MOST_AT_ONCE if self.gated else trials
        most = max(_LEAST_LANES, most * self.replicates)
        return min(width, 2 ** (most.bit_length() - 1))
