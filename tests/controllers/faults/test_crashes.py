"""Killed after each write, refused at each write: every workload ends where it should, nothing twice, nothing lost."""

import pytest
from tests.controllers.faults.harness import crashes, lost_answers, refusals
from tests.controllers.faults.scenarios import ALL

EVERY = pytest.mark.parametrize("name", list(ALL))


@EVERY
async def test_killed_after_each_write(name: str) -> None:
    assert await crashes(ALL[name]) > 0


@EVERY
async def test_each_write_is_a_conflict(name: str) -> None:
    await refusals(ALL[name], 409, "Conflict")


@EVERY
async def test_each_write_meets_a_broken_server(name: str) -> None:
    await refusals(ALL[name], 500, "InternalError")


@EVERY
async def test_each_answer_is_lost(name: str) -> None:
    await lost_answers(ALL[name])
