"""`snapshot save | restore | status`: what they print, what they refuse in one line, what a restored directory has."""

import errno
import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from tests.support.etcd import needs_etcdctl
from tests.support.saved_cluster import objects_in, stopped_cluster

from pybernetes import cli
from pybernetes.cluster import state
from pybernetes.cluster.commands.settings import CommandError, cluster_config
from pybernetes.cluster.config import ClusterConfig
from pybernetes.store.contents import BUMP
from pybernetes.store.etcd import contents as etcd_contents

NAMES = ("one", "two", "three")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stopped cluster and a snapshot of it."""
    found = tmp_path_factory.mktemp("template")
    config = stopped_cluster(found / "data", *NAMES)
    run("save", found / "snapshot.tar", config.data_dir)
    return found


@pytest.fixture
def cluster(template: Path, tmp_path: Path) -> ClusterConfig:
    shutil.copytree(template / "data", tmp_path / "data")
    return restored(tmp_path / "data")


@pytest.fixture
def saved(template: Path, tmp_path: Path) -> Path:
    return shutil.copy(template / "snapshot.tar", tmp_path / "snapshot.tar")


def run(action: str, file: Path, directory: Path | None = None, *words: str) -> int:
    where = ["--data-dir", str(directory)] if directory else []
    return cli.main(["snapshot", action, str(file), *where, *words])


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., str]]:
    """Run what must fail; the one line that it says."""

    def refuse(*arguments: object) -> str:
        capsys.readouterr()
        assert run(*arguments) == 1  # type: ignore[arg-type]
        (line,) = capsys.readouterr().err.splitlines()
        return line.removeprefix("error: ")

    return refuse


def restored(directory: Path) -> ClusterConfig:
    config = state.load(directory)
    assert config is not None
    return config


def test_a_cluster_comes_back_elsewhere_with_its_objects_keys_and_settings(cluster, saved, tmp_path, capsys):
    (cluster.data_dir / "sample.json").write_text("{}")
    assert run("save", saved, cluster.data_dir) == 0, "a second one takes the place of the first"
    assert f"with 3 keys saved at {saved}" in capsys.readouterr().out
    assert oct(saved.stat().st_mode & 0o777) == "0o600"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "snapshot.tar"], "no scratch files are left"

    elsewhere = tmp_path / "elsewhere"
    assert run("restore", saved, elsewhere) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[-2].endswith(f"with 3 keys restored into {elsewhere} (SQLite)")
    assert said[-1] == f"Start it with: pybernetes up --data-dir {elsewhere}"
    config = restored(elsewhere)
    assert (config.node_name, config.hollow_nodes) == ("n1", 1)
    for name in ("pki/ca.key", "pki/sa.key", "pki/front-proxy-ca.key"):
        assert (elsewhere / name).read_bytes() == (cluster.data_dir / name).read_bytes()
        assert oct((elsewhere / name).stat().st_mode & 0o777) == "0o600"
    assert {path.name for path in elsewhere.iterdir()} == {
        "agent.lock", "cluster.json", "lock", "pki", "sample.json", "store",
    }  # fmt: skip
    before = objects_in(cluster)
    assert objects_in(config) == before
    assert {value for value, _ in before.values()} == {*NAMES}


@needs_etcdctl
def test_a_cluster_moves_from_sqlite_to_etcd(cluster, saved, capsys):
    assert run("restore", saved, cluster.data_dir, "--etcd", "--force") == 0
    assert "(etcd)" in capsys.readouterr().out
    config = restored(cluster.data_dir)
    assert (config.etcd, config.keeps_applications_off) == (True, False), "applications run where they ran"
    assert not config.database.exists()
    contents = etcd_contents.read(config.etcd_dir / "member" / "snap" / "db")
    assert contents.revision > BUMP
    assert {kv.value.decode() for kv in contents.items} == {*NAMES}


@pytest.mark.parametrize("flag", ["--etcd", "--sqlite"])
def test_without_its_programs_a_move_is_refused(saved, tmp_path, refused, monkeypatch, flag):
    monkeypatch.setenv("PATH", str(tmp_path))
    if flag == "--etcd":
        line = refused("restore", saved, tmp_path / "new", flag)
        assert line == "this needs the program etcd; install it with: apt-get install etcd-server"
        assert not (tmp_path / "new").exists()
    else:
        assert run("restore", saved, tmp_path / "new", flag) == 0


def test_a_cluster_is_only_replaced_when_asked_and_when_it_is_down(cluster, saved, refused, monkeypatch):
    line = refused("restore", saved, cluster.data_dir)
    assert line == f"{cluster.data_dir} holds a cluster already; replace it with --force, or choose --data-dir"
    monkeypatch.setattr(state, "owner", lambda directory, lock=state.SERVER: 4711)
    line = refused("restore", saved, cluster.data_dir, "--force")
    assert line == f"the cluster in {cluster.data_dir} is running; stop it first with: pybernetes down"


def test_a_replaced_cluster_leaves_nothing_of_itself(cluster, saved, tmp_path):
    other = stopped_cluster(tmp_path / "other", "four", name="n2")
    (other.data_dir / "joined.json").write_text("{}")
    (other.data_dir / "images").mkdir()
    assert run("restore", saved, other.data_dir, "--force", "--node-name", "n3") == 0
    assert sorted(path.name for path in other.data_dir.iterdir()) == [
        "agent.lock", "cluster.json", "images", "lock", "pki", "store",
    ]  # fmt: skip
    config = restored(other.data_dir)
    assert config.node_name == "n3"
    assert sorted(objects_in(config)) == sorted(NAMES)


def test_a_snapshot_of_another_machine_of_the_cluster_leaves_this_one_its_name(cluster, saved):
    state.save(msgspec.structs.replace(cluster, node_name="n9"))
    assert run("restore", saved, cluster.data_dir, "--force") == 0
    assert restored(cluster.data_dir).node_name == "n9"


def test_a_restore_that_cannot_be_ended_goes_on_with_the_next_start(cluster, saved, refused, monkeypatch):
    rubbish = cluster.data_dir / ".restored.abc"
    rubbish.mkdir()
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", _fail_on("store", shutil.rmtree))
        line = refused("restore", saved, cluster.data_dir, "--force", "--node-name", "n3")
        assert line.endswith("store: Input/output error; the restore goes on with the next: pybernetes up")
        up = cli._parser().parse_args(["up", "--data-dir", str(cluster.data_dir)])
        with pytest.raises(CommandError, match=r"the restore of a snapshot into .* cannot go on: .*store: Input"):
            cluster_config(up)
    assert not rubbish.exists()
    assert cluster_config(up).node_name == "n3"
    assert sorted(objects_in(restored(cluster.data_dir))) == sorted(NAMES)


def _fail_on(name: str, remove: Callable[..., None]) -> Callable[..., None]:
    def removed(path: Path, **options: object) -> None:
        if path.name == name:
            raise OSError(errno.EIO, "Input/output error", str(path))
        remove(path, **options)

    return removed


def test_other_files_are_left_alone(saved, tmp_path, refused):
    directory = tmp_path / "thesis"
    directory.mkdir()
    (directory / "chapter.tex").touch()
    assert "holds other files, such as chapter.tex; choose another" in refused("restore", saved, directory, "--force")


def truncated(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def flipped(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def foreign(file: Path) -> None:
    with tarfile.open(file, "w") as tar:
        tar.addfile(tarfile.TarInfo("../../etc/passwd"))


def newer(file: Path) -> None:
    """A manifest of another format, with the right checksum."""
    members = {}
    with tarfile.open(file) as tar:
        for member in tar:
            content = tar.extractfile(member)
            assert content is not None
            members[member.name] = content.read()
    members["manifest.json"] = json.dumps({**json.loads(members["manifest.json"]), "format": 99}).encode()
    del members["SHA256SUMS"]
    sums = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in members.items()).encode()
    with tarfile.open(file, "w") as tar:
        for name, data in {"SHA256SUMS": sums, **members}.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (truncated, "is not a whole snapshot (unexpected end of data); use another copy"),
        (flipped, "is damaged: state.db is not what was saved; use another copy"),
        (foreign, "is not a snapshot of a cluster: it has '../../etc/passwd'"),
        (newer, "was made by a newer version, v1.36"),
        (lambda file: file.write_text("no tar"), "is not a whole snapshot"),
        (lambda file: file.unlink(), "snapshot.tar: No such file or directory"),
    ],
)
def test_a_file_that_is_not_what_was_saved_changes_nothing(cluster, saved, tmp_path, refused, damage, said):
    damage(saved)
    assert said in refused("status", saved)
    before = {path: path.read_bytes() for path in cluster.data_dir.rglob("*") if path.is_file()}
    assert said in refused("restore", saved, cluster.data_dir, "--force")
    assert {path: path.read_bytes() for path in cluster.data_dir.rglob("*") if path.is_file()} == before
    assert said in refused("restore", saved, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_status_tells_what_is_in_the_file(saved, capsys):
    capsys.readouterr()
    assert run("status", saved) == 0
    header, row = capsys.readouterr().out.splitlines()
    assert header.split() == ["STORE", "REVISION", "KEYS", "SIZE", "CREATED", "NODE", "VERSION"]
    assert row.split()[:3] == ["sqlite", "7", "3"]
    assert run("status", saved, None, "-o", "json") == 0
    assert json.loads(capsys.readouterr().out)["revision"] == 7


def test_where_there_is_nothing_to_save_it_says_so(cluster, tmp_path, refused):
    line = refused("save", tmp_path / "file", tmp_path / "nowhere")
    assert line == f"there is no cluster in {tmp_path / 'nowhere'}; start one with: pybernetes up"
    assert "No such file or directory" in refused("save", tmp_path / "no" / "file", cluster.data_dir)
    cluster.database.unlink()
    assert "state.db does not exist" in refused("save", tmp_path / "file", cluster.data_dir)
    assert not (tmp_path / "file").exists()


def test_etcd_is_saved_while_it_runs(cluster, tmp_path, refused):
    state.save(msgspec.structs.replace(cluster, etcd=True))
    assert "etcd is copied while it runs; start the cluster first" in refused("save", tmp_path / "f", cluster.data_dir)
