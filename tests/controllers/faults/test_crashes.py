"""Killed after each write, refused at each write: every workload ends where it should, nothing twice, nothing lost."""

import pytest
from tests.controllers.faults.gated_scenarios import GATED
from tests.controllers.faults.harness import act, crashes, lost_answers, refusals, refusals_and_crashes
from tests.controllers.faults.more_scenarios import MORE
from tests.controllers.faults.scenarios import ALL as WORKLOADS

from pybernetes.controllers.manager import CONTROLLERS

ALL = {**WORKLOADS, **MORE, **GATED}
EVERY = pytest.mark.parametrize("name", list(ALL))


@EVERY
async def test_killed_after_each_write(name: str) -> None:
    assert await crashes(ALL[name]) > 0


@EVERY
async def test_each_write_is_a_conflict(name: str) -> None:
    await refusals(ALL[name], 409, "Conflict")


@pytest.mark.parametrize("name", ["replicaset", "statefulset", "job", "indexed-job", "cronjob"])
async def test_each_write_is_a_conflict_and_somebody_else_takes_over(name: str) -> None:
    await refusals_and_crashes(ALL[name], 409, "Conflict")


@EVERY
async def test_each_write_meets_a_broken_server(name: str) -> None:
    await refusals(ALL[name], 500, "InternalError")


@EVERY
async def test_each_answer_is_lost(name: str) -> None:
    await lost_answers(ALL[name])


def test_every_controller_is_disturbed() -> None:
    """A controller that is registered has a scenario, and so is killed after each of its writes."""
    acting = {name for scenario in ALL.values() for name in scenario.controllers}
    assert acting == set(CONTROLLERS)


@EVERY
async def test_each_controller_of_a_scenario_has_something_to_write(name: str) -> None:
    faults = await act(ALL[name], lambda faults: None)
    assert {CONTROLLERS[one].service_account for one in ALL[name].controllers} <= faults.writers
