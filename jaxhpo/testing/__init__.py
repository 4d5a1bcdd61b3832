"""Conformance suites: what every sampler, scheduler and task must do, whoever wrote it.

    from jaxhpo import testing

    def test_my_sampler():
        testing.check_sampler(my_sampler)

A check that fails raises AssertionError and says what was expected.
"""

from jaxhpo.testing.layouts import example_layouts
from jaxhpo.testing.samplers import (
    check_adaptive,
    check_bad_losses,
    check_history_cuts,
    check_pending,
    check_proposals,
    check_reproducible,
    check_sampler,
    check_several,
)
from jaxhpo.testing.schedulers import check_decisions, check_groups, check_scheduler
from jaxhpo.testing.searches import (
    check_branches,
    check_compiles_seldom,
    check_exhausts,
    check_resumed,
    check_search,
)
from jaxhpo.testing.tasks import check_task

__all__ = [
    "check_adaptive",
    "check_bad_losses",
    "check_branches",
    "check_compiles_seldom",
    "check_decisions",
    "check_exhausts",
    "check_groups",
    "check_history_cuts",
    "check_pending",
    "check_proposals",
    "check_reproducible",
    "check_resumed",
    "check_sampler",
    "check_scheduler",
    "check_search",
    "check_several",
    "check_task",
    "example_layouts",
]
