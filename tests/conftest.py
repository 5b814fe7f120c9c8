"""For every test."""

import gc
import signal
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from tests.support.sharing_out import FromBothEnds, in_a_row

# How long an example takes depends on what else the machine does. The examples are the same in every run, so that one
# says the same as the next; `pytest --hypothesis-profile=explore` tries others.
settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same examples", settings.get_profile("explore"), derandomize=True)
settings.load_profile("same examples")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background by a shell: programs under test would inherit it and could not be interrupted.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    in_a_row(items)


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end: the garbage collector need not look at it again and again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FromBothEnds | None:
    return FromBothEnds(config, log) if config.option.dist == "loadfile" else None
