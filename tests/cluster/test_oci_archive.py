"""Archives are reproducible, complete and content-addressed."""

import hashlib
import io
import tarfile
from pathlib import Path

import msgspec

from pybernetes.cluster import oci_archive as oci


def members(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {m.name: (f.read() if (f := tar.extractfile(m)) else b"") for m in tar.getmembers()}


def test_same_directory_gives_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_text("x")
    (tmp_path / "link").symlink_to("a/file")
    first = oci.layer_of_directory(tmp_path)
    (tmp_path / "a" / "file").touch()
    assert oci.layer_of_directory(tmp_path) == first
    assert oci.archive("x:1", first, oci.ImageConfig()) == oci.archive("x:1", first, oci.ImageConfig())


def test_blobs_are_named_by_their_digest() -> None:
    files = members(oci.archive("localhost/x:1", oci.layer_of_files([]), oci.ImageConfig()))
    blobs = [name for name in files if name.startswith("blobs/")]
    assert len(blobs) == 3
    for name in blobs:
        assert hashlib.sha256(files[name]).hexdigest() == name.rsplit("/", 1)[1]


def test_index_carries_the_name_and_the_config_its_fields() -> None:
    config = oci.ImageConfig(entrypoint=["/x"], user="65534", stop_signal="SIGQUIT", exposed_ports=["80/tcp"])
    data = oci.archive("localhost/x:1", oci.layer_of_files([]), config)
    files = members(data)
    entry = msgspec.json.decode(files["index.json"])["manifests"][0]
    assert entry["annotations"]["io.containerd.image.name"] == "localhost/x:1"
    assert entry["digest"] == oci.manifest_digest(data)
    manifest = msgspec.json.decode(files["blobs/sha256/" + entry["digest"][7:]])
    run = msgspec.json.decode(files["blobs/sha256/" + manifest["config"]["digest"][7:]])["config"]
    assert (run["User"], run["StopSignal"], run["ExposedPorts"]) == ("65534", "SIGQUIT", {"80/tcp": {}})


def test_layer_of_files_makes_directories_links_and_files() -> None:
    layer = oci.layer_of_files(
        [oci.LayerFile(path="bin"), oci.LayerFile(path="bin/a", content=b"1"), oci.LayerFile(path="bin/b", link="a")]
    )
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        kinds = [(m.name, m.isdir(), m.issym(), m.isreg()) for m in tar.getmembers()]
    assert kinds == [("bin", True, False, False), ("bin/a", False, False, True), ("bin/b", False, True, False)]
