"""OCI image archives from directories and files, without any image tool.

An image is one layer and one config: `layer_of_directory` or `layer_of_files` gives the layer (an uncompressed tar),
`archive` wraps it with config, manifest and index into the tar that `pybernetes image import` and `ctr images import`
take. The same input gives the same bytes: times are zero, owners are root, names are sorted, so an image's digest says
whether it has to be imported again. Follows the OCI image specification 1.0 (image-layout, manifest, config).
"""

import gzip
import hashlib
import io
import os
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ..base.architecture import architecture

DEFAULT_ENVIRONMENT = ("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",)
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"


class ImageConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What a container of the image runs unless it says otherwise."""

    entrypoint: Sequence[str] = ()
    command: Sequence[str] = ()
    environment: Sequence[str] = DEFAULT_ENVIRONMENT
    user: str = ""
    working_directory: str = "/"
    exposed_ports: Sequence[str] = ()
    """Such as `8080/tcp`."""
    stop_signal: str = ""
    labels: dict[str, str] = {}


class LayerFile(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a layer made by hand: a file with content, a link, or a directory (neither)."""

    path: str
    content: bytes | None = None
    link: str = ""
    mode: int = 0o755


def layer_of_directory(root: str | os.PathLike[str]) -> bytes:
    """The tar of everything below root, owned by root:root."""
    top = Path(root)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(top.rglob("*")):
            info = tar.gettarinfo(path, str(path.relative_to(top)))
            _anonymous(info)
            if info.isreg():
                with path.open("rb") as file:
                    tar.addfile(info, file)
            else:
                tar.addfile(info)
    return buffer.getvalue()


def layer_of_files(files: Iterable[LayerFile]) -> bytes:
    """The tar of the given entries, in the given order; parents must come first."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for file in files:
            info = tarfile.TarInfo(file.path.lstrip("/"))
            info.mode = file.mode
            _anonymous(info)
            if file.link:
                info.type, info.linkname = tarfile.SYMTYPE, file.link
            elif file.content is None:
                info.type = tarfile.DIRTYPE
            else:
                info.size = len(file.content)
            tar.addfile(info, io.BytesIO(file.content or b""))
    return buffer.getvalue()


def busybox_layer(busybox: str = "/bin/busybox", applets: Sequence[str] = ()) -> bytes:
    """A layer with a static busybox, links for its applets, and the few files and directories programs expect."""
    directories = ["bin", "etc", "home", "root", "proc", "sys", "dev", "var", "var/www", "usr", "usr/bin", "tmp"]
    files = [LayerFile(path=name, mode=0o1777 if name == "tmp" else 0o755) for name in directories]
    files.append(LayerFile(path="bin/busybox", content=Path(busybox).read_bytes()))
    files += [LayerFile(path=f"bin/{name}", link="/bin/busybox") for name in sorted(applets) if name != "busybox"]
    files.append(LayerFile(path="etc/passwd", content=b"root:x:0:0:root:/root:/bin/sh\n", mode=0o644))
    files.append(LayerFile(path="etc/group", content=b"root:x:0:\n", mode=0o644))
    return layer_of_files(files)


def _anonymous(info: tarfile.TarInfo) -> None:
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mtime = 0


def archive(name: str, layer: bytes, config: ImageConfig, *, compress: bool = True) -> bytes:
    """The image archive of one layer under a full name such as `docker.io/library/web:1`."""
    blob = gzip.compress(layer, 6, mtime=0) if compress else layer
    document = _encode(_config_document(layer, config))
    manifest = _encode(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": _descriptor(CONFIG_TYPE, document),
            "layers": [_descriptor(LAYER_TYPE + ("+gzip" if compress else ""), blob)],
        }
    )
    entry = _descriptor(MANIFEST_TYPE, manifest)
    entry["platform"] = {"architecture": architecture(), "os": "linux"}
    entry["annotations"] = {
        "io.containerd.image.name": name,
        "org.opencontainers.image.ref.name": name.rsplit(":", 1)[-1],
    }
    index = _encode({"schemaVersion": 2, "manifests": [entry]})
    blobs = {_digest(content): content for content in (blob, document, manifest)}
    files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": index}
    files |= {f"blobs/sha256/{digest.removeprefix('sha256:')}": content for digest, content in blobs.items()}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, content in files.items():
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(content), 0o644
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def manifest_digest(image_archive: bytes) -> str:
    """The digest of the (first) image in an archive made by `archive`."""
    with tarfile.open(fileobj=io.BytesIO(image_archive)) as tar:
        member = tar.extractfile("index.json")
        index = msgspec.json.decode(member.read() if member is not None else b"{}")
    digest: str = index["manifests"][0]["digest"]
    return digest


def _config_document(layer: bytes, config: ImageConfig) -> dict[str, Any]:
    run: dict[str, Any] = {
        "Entrypoint": list(config.entrypoint),
        "Cmd": list(config.command),
        "Env": list(config.environment),
        "User": config.user,
        "WorkingDir": config.working_directory,
    }
    if config.exposed_ports:
        run["ExposedPorts"] = {port: {} for port in config.exposed_ports}
    if config.stop_signal:
        run["StopSignal"] = config.stop_signal
    if config.labels:
        run["Labels"] = config.labels
    return {
        "architecture": architecture(),
        "os": "linux",
        "config": run,
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
        "history": [{"created": "1970-01-01T00:00:00Z"}],
    }


def _encode(document: dict[str, Any]) -> bytes:
    return msgspec.json.encode(document)


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _descriptor(media_type: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": _digest(content), "size": len(content)}
