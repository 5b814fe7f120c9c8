"""What the conformance suite's output says is read as it is printed."""

import re

from tools.conformance.results import focus, groups, known_list, outcomes, plain, report, summary

OUTPUT = """
• [SLOW TEST:8.506 seconds]
{"msg":"PASSED [sig-network] DNS should work [Conformance]","total":3,"completed":1,"skipped":4,"failed":0}
SSS.{"msg":"FAILED [k8s.io] Pods  should run [Conformance]","total":3,"completed":1,"failed":1,"failures":["x"]}
{"msg":"Test Suite completed","total":3}
{"msg":"PASSED [sig-apps] torn
"""
KNOWN = """
# a comment
[k8s.io] Pods should run  [Conformance]
  They run
  elsewhere.
"""


def test_outcomes_are_found_in_the_output() -> None:
    assert outcomes(OUTPUT) == {
        "[sig-network] DNS should work [Conformance]": True,
        "[k8s.io] Pods  should run [Conformance]": False,
    }


def test_names_are_shared_out_by_their_label_and_serial_ones_come_last() -> None:
    names = ["[sig-network] a", "[k8s.io] b", "[sig-apps] c", "[sig-apps] d [Serial]", "[sig-network] e [Disruptive]"]
    assert groups(names) == {
        "network": ["[sig-network] a"],
        "node": ["[k8s.io] b"],
        "rest": ["[sig-apps] c"],
        "serial": ["[sig-apps] d [Serial]", "[sig-network] e [Disruptive]"],
    }
    assert list(groups(names))[-1] == "serial"


def test_the_focus_takes_these_names_and_no_others() -> None:
    pattern = re.compile(focus(["[a] b (c) *not* d", "[e]"]))
    assert pattern.search("suite [a] b (c) *not* d")
    assert not pattern.search("[a] b (c) *not* d too")


def test_failures_that_are_known_are_counted_apart() -> None:
    planned = ["[k8s.io] Pods  should run [Conformance]", "[sig-network] DNS should work [Conformance]", "[x] lost"]
    found = summary(planned, outcomes(OUTPUT), known_list(KNOWN))
    assert (found.passed, found.failed) == (["[sig-network] DNS should work [Conformance]"], [])
    assert [(known.name, known.reason) for known in found.known] == [(plain(planned[0]), "They run elsewhere.")]
    assert found.missing == ["[x] lost"]
    assert not found.is_good
    assert report(found, 61.2).endswith("1 passed, 0 failed, 1 failed as known, 1 did not end in 1 min 1 s")
    assert summary(planned[:2], outcomes(OUTPUT), known_list(KNOWN)).is_good
    assert summary(planned[:2], outcomes(OUTPUT), []).failed == [plain(planned[0])]


def test_a_known_failure_that_passes_is_told() -> None:
    name = "[k8s.io] Pods should run [Conformance]"
    found = summary([name], {name: True}, known_list(KNOWN))
    assert found.unexpected == [name]
    assert "Known to fail, and passed:" in report(found, 1)
