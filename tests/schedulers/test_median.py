"""Median stopping, by tables made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from jaxhpo.contracts import Scheduler
from jaxhpo.schedulers.median import median
from jaxhpo.schedulers.none import none

NAN = np.nan
# Running averages after two units: 1.5, 2.5, 3.5, 4.5, 5.5; their median is 3.5.
PEERS = np.array([[2, 1, 9], [3, 2, 9], [4, 3, 9], [5, 4, 9], [6, 5, 9]], np.float32)


def stops(rule, curve, peers) -> bool:
    """Whether the rule stops a trial after the last unit of `curve`."""
    assert rule.of_best
    limit = rule.limits(np.asarray(peers, np.float32), 20)[len(curve) - 1]
    return bool(np.float32(np.nanmin(curve)) > limit)


@pytest.mark.parametrize(
    ("curve", "expected"),
    [
        ([9.0, 3.6], True),  # its best is above 3.5
        ([3.6, 9.0], True),
        ([9.0, 3.5], False),  # as good as the median is good enough
        ([3.4, 9.0], False),  # its best counts, not its last
    ],
)
def test_compares_the_best_with_the_median_of_running_averages(curve, expected):
    assert stops(median(), curve, PEERS) is expected


def test_peers_that_ended_earlier_do_not_count():
    peers = PEERS.copy()
    peers[:2, 1:] = NAN  # of the three left, the median of averages is 4.5
    assert stops(median(min_peers=3), np.array([9.0, 4.4]), peers) is False
    assert stops(median(min_peers=3), np.array([9.0, 4.6]), peers) is True
    assert stops(median(min_peers=4), np.array([9.0, 99.0]), peers) is False


def test_units_that_no_peer_reached_and_warmup():
    assert stops(median(), np.full(4, 99.0), PEERS) is False
    assert stops(median(warmup=3), np.full(2, 99.0), PEERS) is False
    assert stops(median(warmup=3), np.full(3, 99.0), PEERS) is True
    assert stops(median(min_peers=1), np.full(2, 99.0), np.zeros((0, 0))) is False


def test_a_gap_in_a_peers_curve_is_left_out_of_its_average():
    peers = np.tile(np.array([[1.0, NAN, 3.0]]), (5, 1))  # an average of 2
    assert stops(median(), np.array([9.0, 9.0, 2.1]), peers) is True
    assert stops(median(), np.array([9.0, 9.0, 1.9]), peers) is False


@pytest.mark.parametrize("name", ["warmup", "min_peers"])
@pytest.mark.parametrize("value", [0, -1, 1.5, True, "3"])
def test_refuses_bad_options(name, value):
    with pytest.raises(ValueError, match=rf"median\({name}=...\).*{value!r}"):
        median(**{name: value})


def test_none_stops_nobody():
    assert none() == Scheduler()
