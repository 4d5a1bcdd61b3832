"""The sampler tests that Optuna ships, on our samplers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.importorskip("optuna")
shipped = pytest.importorskip("optuna.testing.pytest_samplers")  # since Optuna 5

from optuna.samplers import BaseSampler  # noqa: E402

from jaxhpo.interop.optuna import JaxhpoSampler  # noqa: E402
from jaxhpo.registry import get, names  # noqa: E402

SEVERAL = ("auto", "random", "sobol", "tpe")
ONE_LOSS = sorted(set(names("samplers")) - {*SEVERAL, "grid"})


class _Ours:
    # "At once" proposes by its model from the second trial on, so that the model is what is tested.
    @pytest.fixture(params=["tpe", "sobol", pytest.param("tpe at once", marks=pytest.mark.slow)])
    def sampler(self, request: pytest.FixtureRequest) -> Callable[[], BaseSampler]:
        name, _, at_once = request.param.partition(" ")
        if at_once:
            return lambda: JaxhpoSampler(name, seed=0, startup=1)
        return lambda: JaxhpoSampler(name, seed=0)


class TestBasic(_Ours, shipped.BasicSamplerTestCase):
    pass


@pytest.mark.slow  # compiles a program for each of many small spaces
class TestRelative(_Ours, shipped.RelativeSamplerTestCase):
    pass


class TestMultiObjective(shipped.MultiObjectiveSamplerTestCase):
    @pytest.fixture(params=SEVERAL)
    def sampler(self, request: pytest.FixtureRequest) -> Callable[[], BaseSampler]:
        return lambda: JaxhpoSampler(request.param, seed=0)


class TestSingleOnly(shipped.SingleOnlySamplerTestCase):
    @pytest.fixture(params=ONE_LOSS or ["none"])
    def sampler(self, request: pytest.FixtureRequest) -> Callable[[], BaseSampler]:
        if request.param == "none":
            pytest.skip("all samplers take several objectives")
        try:
            get("samplers", request.param)
        except ImportError as error:
            pytest.skip(f"{error}")
        return lambda: JaxhpoSampler(request.param, seed=0)
