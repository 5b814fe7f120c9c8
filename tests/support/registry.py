"""An image registry on a machine's loopback: Debian's docker-registry, filled with images made here.

registry_on(machine, 5000) ──▶ push(layers, "team/web:1") ──▶ 127.0.0.1:5000/team/web:1, its digest
"""

import contextlib
import hashlib
import io
import json
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.support.machine import Machine

from pybernetes.cluster.oci_archive import LayerFile, layer_of_files

USER, PASSWORD = "puller", "secret"
_HTPASSWD = f"{USER}:$2b$04$3pFTOzqM1fQ.6OOBFwEu0epCp9w7YkQMcOXq14Wnd/R3HA9reqMOe\n"


def shell_layer(*applets: str) -> bytes:
    """A layer with a static busybox under these names."""
    files = [LayerFile(path="bin"), LayerFile(path="tmp", mode=0o1777)]
    files.append(LayerFile(path="bin/busybox", content=Path("/bin/busybox").read_bytes()))
    files += [LayerFile(path=f"bin/{name}", link="/bin/busybox") for name in applets]
    return layer_of_files(files)


def text_layer(**files: str) -> bytes:
    """A layer of text files; `__` in a name is a slash, and a directory is made for what is before it."""
    entries = []
    for name, text in files.items():
        path = name.replace("__", "/")
        if "/" in path:
            entries.append(LayerFile(path=path.rsplit("/", 1)[0]))
        entries.append(LayerFile(path=path, content=text.encode(), mode=0o644))
    return layer_of_files(entries)


def whiteout_layer(*paths: str) -> bytes:
    """A layer that deletes files of the layers below (OCI image specification, "Whiteouts")."""
    names = [f"{Path(path).parent}/.wh.{Path(path).name}".removeprefix("./") for path in paths]
    return layer_of_files(LayerFile(path=name, content=b"", mode=0o600) for name in names)


def opaque_layer(directory: str, **files: str) -> bytes:
    """A layer that hides everything below a directory and puts these files there instead."""
    entries = [LayerFile(path=directory), LayerFile(path=f"{directory}/.wh..wh..opq", content=b"", mode=0o600)]
    entries += [LayerFile(path=f"{directory}/{name}", content=t.encode(), mode=0o644) for name, t in files.items()]
    return layer_of_files(entries)


def image_archive(layers: Sequence[bytes], **run: Any) -> bytes:
    """An OCI archive of these layers; `run` is the config's run section (Cmd, User, ...)."""
    blobs: dict[str, bytes] = {}

    def blob(kind: str, content: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = content
        kind = f"application/vnd.oci.image.{kind}"
        return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(content)}

    described = [blob("layer.v1.tar", layer) for layer in layers]
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Env": ["PATH=/bin"], **run},
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in described]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": blob("config.v1+json", json.dumps(config).encode()),
        "layers": described,
    }
    index = {"schemaVersion": 2, "manifests": [blob("manifest.v1+json", json.dumps(manifest).encode())]}
    files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": json.dumps(index).encode(), **blobs}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, content in files.items():
            info = tarfile.TarInfo(path)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


class Registry:
    """A registry that answers at `address` on one machine."""

    def __init__(self, machine: Machine, port: int, *, private: bool) -> None:
        self.machine = machine
        self.address = f"127.0.0.1:{port}"
        self.private = private

    def push(self, name: str, layers: Sequence[bytes], **run: Any) -> str:
        """Push an image; `ADDRESS/NAME@sha256:...`, by which it can be pulled."""
        with tempfile.NamedTemporaryFile(suffix=".tar") as file, tempfile.NamedTemporaryFile() as digest:
            file.write(image_archive(layers, **run))
            file.flush()
            credentials = ["--dest-creds", f"{USER}:{PASSWORD}"] if self.private else []
            self.machine.run(
                "skopeo", "copy", "--insecure-policy", "--dest-tls-verify=false", "--digestfile", digest.name,
                *credentials, f"oci-archive:{file.name}", f"docker://{self.address}/{name}",
            )  # fmt: skip
            return f"{self.address}/{name.rsplit(':', 1)[0]}@{Path(digest.name).read_text().strip()}"

    def answers(self) -> bool:
        """Whether something listens at the address."""
        host, port = self.address.split(":")
        return self.machine.run("bash", "-c", f"</dev/tcp/{host}/{port}", check=False).returncode == 0


@contextlib.contextmanager
def registry_on(machine: Machine, port: int, *, private: bool = False) -> Iterator[Registry]:
    """Run a registry until the block ends; `private` asks for USER and PASSWORD."""
    with tempfile.TemporaryDirectory(prefix="registry-") as scratch:
        settings: dict[str, Any] = {
            "version": 0.1,
            "log": {"level": "warn"},
            "storage": {"filesystem": {"rootdirectory": f"{scratch}/data"}},
            "http": {"addr": f"127.0.0.1:{port}"},
        }
        if private:
            Path(scratch, "htpasswd").write_text(_HTPASSWD)
            settings["auth"] = {"htpasswd": {"realm": "tests", "path": f"{scratch}/htpasswd"}}
        path = Path(scratch, "registry.yml")
        path.write_text(json.dumps(settings))
        process = machine.start("docker-registry", "serve", str(path))
        found = Registry(machine, port, private=private)
        try:
            deadline = time.monotonic() + 60
            while not found.answers():
                assert process.poll() is None, "the registry ended"
                assert time.monotonic() < deadline, "the registry does not answer"
                time.sleep(0.05)
            yield found
        finally:
            Machine.interrupt(process)
