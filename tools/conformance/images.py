"""The images that the suite's pods run, in one OCI archive: Debian with the tools the tests call, under every name.

All share one layer. The tests want busybox's words from `busybox`'s shell, so that image has a second one with a link.
"""

import json
import shutil
import tarfile
from hashlib import file_digest, sha256
from io import BytesIO
from pathlib import Path

import msgspec

from pybernetes.base.architecture import architecture
from pybernetes.cluster.oci_archive import (
    CONFIG_TYPE,
    DEFAULT_ENVIRONMENT,
    LAYER_TYPE,
    MANIFEST_TYPE,
    LayerFile,
    layer_of_files,
)

from .cache import install, run, step
from .suite import SUITE, tree_of

PACKAGES = "curl bind9-dnsutils netcat-openbsd iproute2 iperf busybox-static etcd-server procps"


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """What a container of the image runs, and as whom."""

    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    user: str = ""
    has_busybox_shell: bool = False


_SHELL = Image(command=("sh",), has_busybox_shell=True)
_AGNHOST = Image(entrypoint=("/agnhost",), command=("pause",))


def _web(directory: str) -> Image:
    """A web server that ends when it is told to, as those of the original images do."""
    return Image(command=("sh", "-c", f"trap 'exit 0' TERM; busybox httpd -f -p 80 -h {directory} & wait"))


_HTTPD_FILES = "/usr/local/apache2/htdocs"
"""Where tests of StatefulSets take the page away to have a pod that is not ready."""
_WEB = _web(_HTTPD_FILES)


IMAGES = {
    "k8s.gcr.io/e2e-test-images/agnhost:2.21": _AGNHOST,
    "k8s.gcr.io/pause:3.2": _AGNHOST,
    "k8s.gcr.io/etcd:3.4.13-0": Image(command=("etcd",)),
    "docker.io/library/busybox:1.29": _SHELL,
    "docker.io/library/busybox:latest": _SHELL,
    "docker.io/library/httpd:2.4.38-alpine": _WEB,
    "docker.io/library/httpd:2.4.39-alpine": _WEB,
    "docker.io/library/nginx:1.14-alpine": _WEB,
    "docker.io/library/nginx:1.15-alpine": _WEB,
    "docker.io/library/redis:5.0.5-alpine": _WEB,
    "gcr.io/kubernetes-e2e-test-images/nautilus:1.0": _web("/nautilus"),
    "gcr.io/kubernetes-e2e-test-images/kitten:1.0": _web("/kitten"),
    "gcr.io/kubernetes-e2e-test-images/nonroot:1.0": Image(command=("sh",), user="1234"),
    "gcr.io/kubernetes-e2e-test-images/nonewprivs:1.0": Image(command=("nnp",)),
    "gcr.io/kubernetes-e2e-test-images/jessie-dnsutils:1.0": Image(command=("sh",)),
    "gcr.io/kubernetes-e2e-test-images/sample-apiserver:1.17": Image(entrypoint=("/sample-apiserver",)),
}
"""The names are those in the suite's test/utils/image/manifest.go."""


def make(cache: Path) -> Path:
    """The archive, in the cache."""

    def archive(part: Path) -> None:
        root = step(cache / "rootfs", "Root file system", _debootstrap)
        _add_programs(root, cache)
        layer = part.with_name("layer.tar")
        run("tar", "-C", root, "--numeric-owner", "--owner=0", "--group=0", "--sort=name", "-cf", layer, ".")
        write_archive(part, layer, IMAGES)
        layer.unlink()

    return step(cache / "images.tar", "Images", archive)


def _debootstrap(part: Path) -> None:
    install("debootstrap")
    run("debootstrap", "--variant=minbase", f"--include={PACKAGES.replace(' ', ',')}", SUITE, part)
    shutil.rmtree(part / "var/cache/apt")
    shutil.rmtree(part / "var/lib/apt/lists")


def _add_programs(root: Path, cache: Path) -> None:
    """What the suite's images have beside Debian's packages."""
    images = tree_of(cache) / "test/images"
    for name in ("agnhost", "sample-apiserver"):
        shutil.copy(cache / name, root / name)
    for name in ("localhost.crt", "localhost.key"):
        shutil.copy(images / "agnhost/porter" / name, root / name)
    for name in ("nautilus", "kitten"):
        shutil.copytree(images / name / "html", root / name, dirs_exist_ok=True)
    (root / "uploads").mkdir(exist_ok=True)
    pages = root / _HTTPD_FILES.lstrip("/")
    pages.mkdir(parents=True, exist_ok=True)
    (pages / "index.html").write_text("<html><body><h1>It works!</h1></body></html>\n")
    programs = root / "usr/local/bin"
    shutil.copy(cache / "nnp", programs / "nnp")
    (programs / "nnp").chmod(0o6755)  # it prints whose rights it got
    for link, target in ((root / "agnhost-2", "agnhost"), (programs / "etcd", "/usr/bin/etcd")):
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    for applet in run(root / "bin/busybox", "--list").split():
        if not any((root / place / applet).exists() for place in ("bin", "sbin", "usr/bin", "usr/sbin")):
            (root / "usr/bin" / applet).symlink_to("/bin/busybox")


def write_archive(path: Path, layer: Path, images: dict[str, Image]) -> None:
    """An OCI archive of several images over one layer, an uncompressed tar."""
    shell = layer_of_files([LayerFile(path="usr/bin/sh", link="/usr/bin/busybox")])
    with layer.open("rb") as file:
        base = {"mediaType": LAYER_TYPE, "digest": f"sha256:{file_digest(file, 'sha256').hexdigest()}"}
    base_layer = {**base, "size": layer.stat().st_size}
    blobs: dict[str, bytes] = {}

    def blob(media_type: str, content: bytes) -> dict[str, object]:
        digest = f"sha256:{sha256(content).hexdigest()}"
        blobs[digest] = content
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    platform = {"architecture": architecture(), "os": "linux"}
    entries = []
    for name, image in images.items():
        layers = [base_layer, *([blob(LAYER_TYPE, shell)] if image.has_busybox_shell else [])]
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": blob(CONFIG_TYPE, _encode({**platform, **_config(image, [one["digest"] for one in layers])})),
            "layers": layers,
        }
        annotations = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name}
        entries.append({**blob(MANIFEST_TYPE, _encode(manifest)), "platform": platform, "annotations": annotations})
    with tarfile.open(path, "w") as tar:
        _write(tar, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        _write(tar, "index.json", _encode({"schemaVersion": 2, "manifests": entries}))
        for digest, content in blobs.items():
            _write(tar, f"blobs/sha256/{digest.removeprefix('sha256:')}", content)
        tar.add(layer, f"blobs/sha256/{base['digest'].removeprefix('sha256:')}")


def _config(image: Image, layers: list[object]) -> dict[str, object]:
    runs = {
        "Entrypoint": list(image.entrypoint),
        "Cmd": list(image.command),
        "Env": list(DEFAULT_ENVIRONMENT),
        "User": image.user,
        "WorkingDir": "/",
    }
    return {"config": runs, "rootfs": {"type": "layers", "diff_ids": layers}}


def _encode(document: dict[str, object]) -> bytes:
    return json.dumps(document).encode()


def _write(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), 0o644
    tar.addfile(info, BytesIO(content))
