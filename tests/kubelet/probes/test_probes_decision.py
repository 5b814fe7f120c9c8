"""When single outcomes become a verdict."""

import pytest

from pybernetes.kubelet.probes_decision import ProbeKind, ProbeSettings, ProbeState


@pytest.mark.parametrize(
    ("kind", "outcomes", "changes", "verdict"),
    [
        pytest.param("liveness", "++", "..", True, id="alive from the start"),
        pytest.param("liveness", "--+--", ".....", True, id="failures must be in a row"),
        pytest.param("liveness", "---", "..x", False, id="third failure in a row"),
        pytest.param("liveness", "---+++", "..x...", False, id="a liveness failure is final"),
        pytest.param("readiness", "-+", "...", False, id="one success is not enough for two"),
        pytest.param("readiness", "++", ".x", True, id="second success"),
        pytest.param("readiness", "++---++", ".x..x.x", True, id="readiness comes and goes"),
        pytest.param("startup", "--", "..", None, id="not decided yet"),
        pytest.param("startup", "---", "..x", False, id="startup failed"),
    ],
)
def test_counting(kind: ProbeKind, outcomes: str, changes: str, verdict: bool | None) -> None:
    state = ProbeState(kind, ProbeSettings(success_threshold=2 if kind == "readiness" else 1, failure_threshold=3))
    seen = "".join("x" if state.observe(outcome == "+") else "." for outcome in outcomes)
    assert seen == changes[: len(outcomes)]
    assert state.verdict is verdict


def test_a_startup_success_is_a_change() -> None:
    state = ProbeState("startup", ProbeSettings())
    assert state.observe(True)
    assert state.verdict is True
