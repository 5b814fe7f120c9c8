"""CDI files and what containers get of them."""

import json
from pathlib import Path

import pytest

from pybernetes.kubelet.dynamic_resources.cdi import (
    CdiError,
    devices_of,
    edits_for,
    environment_of,
    mounts_of,
    read_specs,
)


def write(directory: Path, name: str, text: str) -> None:
    directory.mkdir(exist_ok=True)
    (directory / name).write_text(text)


def spec(value: str, **device: object) -> str:
    edits = {"env": [f"WHICH={value}"], **device}
    return json.dumps({"cdiVersion": "0.6.0", "kind": "x/y", "devices": [{"name": "a", "containerEdits": edits}]})


def test_later_directories_count_more_and_broken_files_are_left_out(tmp_path: Path) -> None:
    etc, run = tmp_path / "etc", tmp_path / "run"
    write(etc, "a.json", spec("etc"))
    write(run, "a.json", spec("run"))
    write(run, "b.yaml", "kind: x/z\ndevices:\n- name: b\n  containerEdits: {env: [B=2=3]}\n")
    for name in ("broken.json", "other.txt"):
        write(run, name, "{")
    specs = read_specs((str(etc), str(run), str(tmp_path / "none")))
    assert environment_of(edits_for(["x/y=a", "x/z=b"], specs)) == {"WHICH": "run", "B": "2=3"}


def test_each_device_once_and_the_changes_of_its_file_once(tmp_path: Path) -> None:
    nodes = [{"path": "/dev/a"}, {"path": "/dev/b", "hostPath": "/dev/c", "permissions": "r"}]
    mounts = [{"hostPath": "/h", "containerPath": "/c", "options": ["ro"]}, {"hostPath": "/h", "containerPath": "/d"}]
    write(tmp_path, "a.json", spec("one", deviceNodes=nodes, mounts=mounts))
    edits = edits_for(["x/y=a", "x/y=a"], read_specs((str(tmp_path),)))
    found = [(one.container_path, one.host_path, one.permissions) for one in devices_of(edits)]
    assert found == [("/dev/a", "/dev/a", "rwm"), ("/dev/b", "/dev/c", "r")]
    assert [(one.container_path, one.readonly) for one in mounts_of(edits)] == [("/c", True), ("/d", False)]


@pytest.mark.parametrize(
    ("device", "ids", "error"),
    [
        ({}, ["x/y=z", "q/y=a"], "unresolvable CDI devices x/y=z, q/y=a"),
        ({"hooks": [{"hookName": "createContainer", "path": "/x"}]}, ["x/y=a"], "devices that need hooks are not"),
    ],
)
def test_what_cannot_be_given(tmp_path: Path, device: dict[str, object], ids: list[str], error: str) -> None:
    write(tmp_path, "a.json", spec("one", **device))
    with pytest.raises(CdiError) as caught:
        edits_for(ids, read_specs((str(tmp_path),)))
    assert error in str(caught.value)
