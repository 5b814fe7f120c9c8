"""The real kernel, inside a mount namespace of its own, and cgroups under a name of their own. Needs root."""

import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from tests.kubelet.pods import with_resources

from pybernetes.kubelet.kernel import cgroup_mounts
from pybernetes.kubelet.kernel.cgroups import PodCgroups
from pybernetes.kubelet.kernel.linux import LinuxKernel, mount_points

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")


def in_namespace(script: str, directory: Path) -> str:
    """The output of a Python script that runs in a mount namespace of its own, with `kernel` and `d` defined."""
    prelude = (
        "import os, sys\nfrom pybernetes.kubelet.kernel.linux import LinuxKernel\n"
        "kernel = LinuxKernel()\nd = sys.argv[1]\nos.chdir(d)\n"
    )
    command = ["unshare", "-m", "--propagation", "private", sys.executable, "-c", prelude + script, str(directory)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout.strip()


def test_mountinfo_is_unescaped() -> None:
    assert mount_points("36 35 98:0 /a /mnt/with\\040space rw - ext4 /dev/x rw\n") == ["/mnt/with space"]


@needs_root
@pytest.mark.parametrize("kind", ["bind", "overlay"])
def test_what_is_mounted_read_only_can_neither_be_changed_nor_run(tmp_path: Path, kind: str) -> None:
    script = f"""
for name in ("low", "high", "t"): os.mkdir(name)
open("low/f", "w").write("x")
source, options = d + "/low", ["ro", "rbind"]
if {kind!r} == "overlay": source, options = "overlay", [f"lowerdir={{d}}/high:{{d}}/low"]
kernel.mount_read_only({kind!r}, source, d + "/t", options)
flags = os.statvfs("t").f_flag
print(os.listdir("t"), bool(flags & os.ST_RDONLY), bool(flags & os.ST_NOEXEC))
"""
    assert in_namespace(script, tmp_path) == "['f'] True True"


@needs_root
def test_a_tmpfs_has_its_size_and_mode(tmp_path: Path) -> None:
    script = """
t = d + "/t"; os.mkdir(t)
kernel.mount_tmpfs(t, size_bytes=1 << 20, mode=0o777)
u = kernel.file_system_usage(t)
print(kernel.is_mount_point(t), u.capacity_bytes, oct(os.stat(t).st_mode & 0o7777))
kernel.unmount(t)
print(kernel.is_mount_point(t))
"""
    assert in_namespace(script, tmp_path).split() == ["True", "1048576", "0o777", "False"]


@needs_root
def test_paths_with_blanks_are_mount_points_too(tmp_path: Path) -> None:
    script = """
os.mkdir("a b\\n"); kernel.mount_tmpfs(d + "/a b\\n")
print(kernel.is_mount_point(d + "/a b\\n"), kernel.is_mount_point(d + "/a"), len(kernel.mounts_below(d)))
"""
    assert in_namespace(script, tmp_path).split() == ["True", "False", "1"]


@needs_root
def test_a_read_only_bind_mount_refuses_writes(tmp_path: Path) -> None:
    script = """
a, b = d + "/a", d + "/b"; os.mkdir(a); os.mkdir(b); open(a + "/f", "w").write("x")
kernel.bind_mount(a, b, read_only=True)
print(open(b + "/f").read())
try: open(b + "/g", "w")
except OSError as e: print(e.errno)
open(a + "/g", "w")
"""
    assert in_namespace(script, tmp_path).split() == ["x", "30"]


@needs_root
def test_mounts_below_are_listed_deepest_first(tmp_path: Path) -> None:
    script = """
os.mkdir("p"); kernel.mount_tmpfs(d + "/p"); os.mkdir("p/q"); kernel.mount_tmpfs(d + "/p/q")
kernel.mount_tmpfs(d + "/p/q")
print([m[len(d):] for m in kernel.mounts_below(d)])
for m in kernel.mounts_below(d): kernel.unmount(m)
print(kernel.mounts_below(d))
"""
    assert in_namespace(script, tmp_path).splitlines() == ["['/p/q', '/p/q', '/p']", "[]"]


@needs_root
def test_a_mount_in_use_is_taken_off_lazily(tmp_path: Path) -> None:
    script = """
os.mkdir("p"); kernel.mount_tmpfs(d + "/p"); f = open("p/f", "w")
kernel.unmount(d + "/p")
print(kernel.is_mount_point(d + "/p"), f.write("x"))
"""
    assert in_namespace(script, tmp_path).split() == ["False", "1"]


@needs_root
def test_pod_cgroups_on_this_machine() -> None:
    kernel = LinuxKernel()
    try:
        layout = cgroup_mounts.detect(kernel)
    except cgroup_mounts.CgroupsUnavailable:
        pytest.skip("no cgroups")
    cgroups = PodCgroups(layout, root=f"kpods-test-{uuid.uuid4().hex[:8]}", process_limit=50)
    amounts = {"cpu": "200m", "memory": "64Mi"}
    pod = with_resources((amounts, amounts))
    try:
        cgroups.ensure(pod)
        cgroups.update(pod)
        usage = cgroups.usage(pod)
        assert usage.memory_limit_bytes == 64 << 20
        assert cgroups.pods() == {"uid-1"}
        cgroups.remove("uid-1")
        assert cgroups.pods() == set()
    finally:
        assert cgroups.destroy()
