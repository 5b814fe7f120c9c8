"""The conformance suite as a tool: what its output says, what may fail, what runs together, and the images' archive."""

import json
import re
import tarfile
from pathlib import Path

import pytest
from tools.conformance.__main__ import KNOWN
from tools.conformance.cache import step
from tools.conformance.images import IMAGES, Image, write_archive
from tools.conformance.results import Known, focus, groups, known_list, outcomes, plain, report, summary

OUTPUT = """\
{"msg":"Test Suite starting","total":3,"completed":0,"skipped":0,"failed":0}
Nov 28 03:42:34.622: INFO: >>> kubeConfig: admin.kubeconfig
•{"msg":"PASSED [sig-network] DNS should  work [Conformance]","total":3,"completed":1,"skipped":8,"failed":0}
SS{"msg":"FAILED [sig-apps] Job \\"x\\" runs [Conformance]","total":3,"failed":1,"failures":["[sig-apps]"]}
{"msg":"PASSED [sig-apps] cut off
{"msg":"Test Suite completed","total":3,"completed":2,"skipped":8,"failed":1}
"""


def test_outcomes_are_read_from_wherever_they_stand_in_the_output() -> None:
    assert outcomes(OUTPUT) == {
        "[sig-network] DNS should  work [Conformance]": True,
        '[sig-apps] Job "x" runs [Conformance]': False,
    }


def test_every_test_is_in_one_group_and_those_alone_come_last() -> None:
    names = [
        "[sig-api-machinery] Namespaces [Serial] should go [Conformance]",
        "[sig-network] Services a",
        "[k8s.io] Pods b",
        "[sig-node] Pods c",
        "[sig-storage] Volumes d",
        "[sig-apps] Job e",
        "[sig-network] Services [Disruptive] f",
    ]
    shared = groups(names)
    assert list(shared) == ["network", "storage", "node", "rest", "serial"]
    assert shared["node"] == ["[k8s.io] Pods b", "[sig-node] Pods c"]
    assert shared["rest"] == ["[sig-apps] Job e"]
    assert shared["serial"] == [names[0], names[-1]]
    assert sorted(name for chosen in shared.values() for name in chosen) == sorted(names)


def test_groups_without_tests_are_not_there() -> None:
    assert groups(["[sig-apps] Job e"]) == {"rest": ["[sig-apps] Job e"]}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("Kubernetes e2e suite [sig-cli] Kubectl (a.b) works [Conformance]", True),
        ("Kubernetes e2e suite [sig-cli] Kubectl (a.b) works [Conformance] twice", False),
        ("Kubernetes e2e suite [sig-cli] Kubectl (acb) works [Conformance]", False),
        ("Kubernetes e2e suite other", True),
    ],
)
def test_the_focus_is_on_whole_names(text: str, matches: bool) -> None:
    expression = focus(["[sig-cli] Kubectl (a.b) works [Conformance]", "other"])
    assert bool(re.search(expression, text)) is matches


def test_a_known_list_has_names_and_reasons_of_several_lines() -> None:
    text = "# comment\n\n[a]  one [x: y]\n  because\n  of it\n[b] two\n  so\n"
    assert known_list(text) == [Known("[a] one [x: y]", "because of it"), Known("[b] two", "so")]


def test_every_known_failure_has_a_whole_name_and_a_reason() -> None:
    found = known_list(KNOWN.read_text())
    assert found
    for known in found:
        assert known.name.startswith("[") and known.name.endswith("[Conformance]"), known
        assert known.reason, known


def test_a_summary_counts_known_failures_apart() -> None:
    found = {"a  one": True, "b": False, "c": False, "d": True}
    result = summary(["a  one", "b", "c", "d", "e"], found, [Known("b", "old"), Known("d", "old"), Known("z", "other")])
    assert (result.passed, result.failed) == (["a one", "d"], ["c"])
    assert result.known == [Known("b", "old")]
    assert result.missing == ["e"]
    assert result.unexpected == ["d"]
    assert report(result, 125.4) == (
        "Failed:\n  c\nDid not run to their end:\n  e\n"
        "Known to fail, and passed:\n  d\nFailed as known:\n  b\n    old\n"
        "2 passed, 1 failed, 1 failed as known, 1 did not end in 2 min 5 s"
    )


@pytest.mark.parametrize(
    ("found", "is_good"),
    [
        ({"a": True, "b": True}, True),
        ({"a": True, "b": False}, True),
        ({"a": False, "b": True}, False),
        ({"b": True}, False),
        ({}, False),
    ],
    ids=["all pass", "a known one fails", "another fails", "one says nothing", "nothing ran"],
)
def test_what_is_good(found: dict[str, bool], is_good: bool) -> None:
    assert summary(["a", "b"], found, [Known("b", "old")]).is_good is is_good


def test_a_run_of_nothing_is_not_good() -> None:
    assert not summary([], {}, []).is_good


def test_names_are_compared_with_single_spaces() -> None:
    assert plain("[a]  b   [Conformance]") == "[a] b [Conformance]"


def test_a_step_is_done_once_and_again_when_it_did_not_end(tmp_path: Path) -> None:
    made: list[Path] = []

    def fails(part: Path) -> None:
        part.mkdir()
        raise OSError("no space")

    def works(part: Path) -> None:
        made.append(part)
        part.write_text("done")

    result = tmp_path / "result"
    with pytest.raises(OSError, match="no space"):
        step(result, "Step", fails)
    assert not result.exists()
    assert step(result, "Step", works).read_text() == "done"
    assert step(result, "Step", works) == result
    assert len(made) == 1


def test_an_archive_has_every_image_over_one_layer(tmp_path: Path) -> None:
    layer = tmp_path / "layer.tar"
    with tarfile.open(layer, "w") as tar:
        tar.add(__file__, "file")
    path = tmp_path / "images.tar"
    images = {
        "example.com/tool:1": Image(entrypoint=("/tool",), user="1234"),
        "example.com/shell:1": Image(command=("sh",), has_busybox_shell=True),
    }
    write_archive(path, layer, images)
    with tarfile.open(path) as tar:
        names = tar.getnames()

        def read(name: str) -> dict:
            member = tar.extractfile(name)
            assert member is not None
            return json.loads(member.read())

        entries = read("index.json")["manifests"]
        manifests = [read(f"blobs/sha256/{entry['digest'].removeprefix('sha256:')}") for entry in entries]
        configs = [read(f"blobs/sha256/{one['config']['digest'].removeprefix('sha256:')}") for one in manifests]
    assert [entry["annotations"]["io.containerd.image.name"] for entry in entries] == list(images)
    assert [len(one["layers"]) for one in manifests] == [1, 2]
    assert manifests[0]["layers"][0] == manifests[1]["layers"][0]
    assert manifests[0]["layers"][0]["size"] == layer.stat().st_size
    assert configs[0]["config"]["Entrypoint"] == ["/tool"]
    assert configs[0]["config"]["User"] == "1234"
    assert configs[1]["rootfs"]["diff_ids"] == [one["digest"] for one in manifests[1]["layers"]]
    assert len(names) == len(set(names))


def test_images_have_full_names() -> None:
    for name in IMAGES:
        assert re.fullmatch(r"[a-z0-9.]+\.(io|com)/[a-z0-9/-]+:[a-z0-9.-]+", name)
