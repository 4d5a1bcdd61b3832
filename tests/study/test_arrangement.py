"""How wide, how many at once: sizes that nobody gave."""

from __future__ import annotations

import types

import jax
import pytest

from jaxhpo import registry
from jaxhpo.study.arrangement import Arrangement
from jaxhpo.tasks.supervised import example

SIZES = {"lookahead": None, "width": None}
CHIP = types.SimpleNamespace(platform="gpu", memory_stats=lambda: None)


def sizes(trials, *, device=None, scheduler="none", adaptive=True, replicates=1):
    arranged = Arrangement(
        task=example(),
        scheduler=registry.made("schedulers", scheduler, (), {}),
        adaptive=adaptive,
        replicates=replicates,
        devices=[device or jax.devices()[0]],
        drivers=1,
    )
    return arranged.defaults(arranged.plan(trials, {}, SIZES), trials)


@pytest.mark.parametrize(
    ("scheduler", "trials", "lookahead", "batch"),
    [
        ("none", 8, 8, 4),
        ("none", 20, 8, 5),
        ("none", 200, 25, 16),
        ("none", 512, 64, 16),
        ("none", 1200, 100, 16),
        ("none", 100_000, 128, 16),
        ("asha", 20, 5, 5),
        ("asha", 64, 16, 16),
        ("asha", 512, 128, 16),
        ("asha", 2048, 160, 16),
    ],
)
def test_more_trials_are_in_training_at_once_the_longer_the_study(
    scheduler, trials, lookahead, batch
):
    found = sizes(trials, scheduler=scheduler)
    least = min(found["width"], trials // 4)
    assert found["lookahead"] == max(lookahead, least)
    assert found["batch"] == batch


def test_the_width_on_a_cpu_does_not_depend_on_the_trials():
    assert len({sizes(trials)["width"] for trials in (1, 64, 512, 10_000)}) == 1


def test_a_chip_holds_no_more_lanes_than_a_study_can_fill():
    small, usual, large = (sizes(trials, device=CHIP) for trials in (32, 512, 10_000))
    assert [found["width"] for found in (small, usual, large)] == [16, 128, 1024]
    assert [found["lookahead"] for found in (small, usual, large)] == [8, 128, 1024]
    assert [found["batch"] for found in (small, usual, large)] == [8, 16, 128]
    assert sizes(512, device=CHIP, adaptive=False)["width"] == 512  # nothing waits for results
    assert sizes(32, device=CHIP, replicates=4)["width"] == 32


@pytest.mark.parametrize(
    ("trials", "startup"), [(4, 10), (20, 10), (40, 20), (60, 25), (125, 25), (200, 40), (512, 103)]
)
def test_a_fifth_of_the_trials_is_for_the_analysis(trials, startup):
    assert sizes(trials)["startup"] == startup
