"""How the search went, one definition a name, and what more trials may bring.

Expected best of k random trials (Tang et al. 2020, equation 5; Dodge et al. 2019 with its bias
taken out): over all sets of k of the n trials that were drawn without looking at results,

    E[best of k] = sum over i of  C(i - 1, k - 1) / C(n, k)  value_(i),

values sorted from worst to best. It says nothing of an adaptive sampler.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from jaxhpo.analysis.replicates import Replicates
from jaxhpo.analysis.sample import Sample


@dataclasses.dataclass(frozen=True, kw_only=True)
class Expected:
    """The expected best value of k random trials."""

    k: int
    value: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Convergence:
    """Of n complete trials in the order of their numbers.

    Attributes:
        best_trial: the number of the trial that has the best value (the first of equals).
        since: complete trials after it.
        near_trial: the number of the first trial within one standard deviation of replicates of the
            best value; None where that is unknown (`near_reason` says why).
        improvements: numbers of the trials that were better than all before them.
        half: the best value of the first half of the trials. final: of all. gain: by how much the
            second half made the best better (never below nought, in units of the objective).
        recurrence: complete trials with exactly the best value.
        expected: of k = 1, 2, 4, ... random trials up to `random` of them; empty where fewer than
            two trials were random.
        random: trials that were drawn without looking at results.
        doubling: what the expected best gained from half of these trials to all of them; None
            below four. A guide to what as many again would bring, not a forecast.
    """

    n: int
    best_trial: int | None
    since: int | None
    near_trial: int | None
    near_reason: str
    improvements: tuple[int, ...]
    half: float | None
    final: float | None
    gain: float | None
    recurrence: int
    expected: tuple[Expected, ...]
    random: int
    doubling: float | None


def convergence(made: Sample, noise: Replicates) -> Convergence:
    """Of the complete trials and the spread of their replicates."""
    n, loss, sign = len(made), made.loss, -1.0 if made.maximize else 1.0
    free = np.sort(loss[made.free])[::-1]  # from worst to best
    expected = _expected(free, sign)
    if not n:
        return _nothing()
    so_far = np.minimum.accumulate(loss)
    better = np.flatnonzero(loss < np.concatenate([[np.inf], so_far[:-1]]))
    place = int(np.argmin(loss))
    half = float(so_far[max(n // 2 - 1, 0)])
    sd = noise.sd.value
    near = None
    if sd is not None:
        near = int(made.number[np.flatnonzero(loss <= loss[place] + sd)[0]])
    return Convergence(
        n=n,
        best_trial=int(made.number[place]),
        since=n - 1 - place,
        near_trial=near,
        near_reason=noise.reason,
        improvements=tuple(made.number[better].tolist()),
        half=sign * half,
        final=sign * float(loss[place]),
        gain=half - float(loss[place]),
        recurrence=int((loss == loss[place]).sum()),
        expected=expected,
        random=len(free),
        doubling=_doubling(free),
    )


def best_of(sorted_losses: np.ndarray, k: int) -> float:
    """The expected least of k of n losses, which are sorted from the greatest to the least."""
    return float(weights(len(sorted_losses), k) @ sorted_losses)


def weights(n: int, k: int) -> np.ndarray:
    """float64 [n], how often each of n losses, the greatest first, is the least of k of them."""
    i = np.arange(n - 1, k - 1, -1)  # C(i - 1, k - 1) / C(n, k), from the last to the first
    weight = np.zeros(n)
    weight[k - 1 :] = (k / n * np.cumprod(np.concatenate([[1.0], (i - k + 1) / i])))[::-1]
    return weight


def _expected(free: np.ndarray, sign: float) -> tuple[Expected, ...]:
    n = len(free)
    if n < 2:
        return ()
    ks = sorted({*(2**i for i in range(int(math.log2(n)) + 1)), n})
    return tuple(Expected(k=k, value=sign * best_of(free, k)) for k in ks)


def _doubling(free: np.ndarray) -> float | None:
    n = len(free)
    return best_of(free, n // 2) - best_of(free, n) if n >= 4 else None


def _nothing() -> Convergence:
    return Convergence(
        n=0,
        best_trial=None,
        since=None,
        near_trial=None,
        near_reason="there is no complete trial",
        improvements=(),
        half=None,
        final=None,
        gain=None,
        recurrence=0,
        expected=(),
        random=0,
        doubling=None,
    )
