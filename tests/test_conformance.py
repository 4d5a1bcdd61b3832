"""Every sampler, scheduler and task that is found by its file's name does what it must."""

from __future__ import annotations

import importlib

import pytest

from jaxhpo import registry, testing


@pytest.mark.slow
@pytest.mark.parametrize("name", registry.names("samplers"))
def test_sampler(name):
    try:
        factory = registry.get("samplers", name)
    except ImportError as error:
        pytest.skip(f"{error}")
    testing.check_sampler(factory)


@pytest.mark.parametrize("name", registry.names("schedulers"))
def test_scheduler(name):
    testing.check_scheduler(registry.get("schedulers", name))


@pytest.mark.parametrize("name", registry.names("tasks"))
def test_task(name):
    testing.check_task(importlib.import_module(f"jaxhpo.tasks.{name}").example())


def test_what_there_is_is_found():
    assert {"random", "sobol", "grid", "tpe"} <= set(registry.names("samplers"))
    assert {"none", "median"} <= set(registry.names("schedulers"))
    assert {"objective", "supervised"} <= set(registry.names("tasks"))
