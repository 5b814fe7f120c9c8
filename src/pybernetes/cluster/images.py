"""Images without a registry: the ones we build on the spot, and archives into the node's image store.

The pause image is Debian's catatonit, the sample's image is Debian's static busybox with its web server. Both are made
from installed files in well under a second and are imported once: a fingerprint of the files is remembered beside the
store.
"""

import asyncio
import contextlib
import hashlib
import os
import subprocess
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from .containerd import PAUSE_IMAGE, ContainerdPaths
from .oci_archive import (
    ImageConfig,
    LayerFile,
    archive,
    busybox_layer,
    layer_of_directory,
    layer_of_files,
)

if TYPE_CHECKING:
    from ..kubelet.cri.containerd import Containerd

SAMPLE_IMAGE = "localhost/pybernetes/sample-web:1"
BUSYBOX_IMAGE = "localhost/busybox:1"
_NAMESPACE = "k8s.io"

_SAMPLE_SCRIPT = b"""#!/bin/sh
# A web page that tells which pod answers. SIGTERM ends it at once, as an application should.
mkdir -p /tmp/www
cat > /tmp/www/index.html <<PAGE
Hello from $(hostname), version ${VERSION:-1}
PAGE
httpd -f -p 8080 -h /tmp/www &
server=$!
trap 'kill $server; exit 0' TERM INT
wait $server
"""


class ImageError(Exception):
    """An archive or image that cannot be used; the message is one line."""


class Recipe(msgspec.Struct, frozen=True):
    """How to make one of our own images, and the files it is made of: as long as they are the same, so is the image."""

    name: str
    sources: tuple[str, ...]
    build: Callable[[], "BuiltImage"]

    def fingerprint(self) -> str:
        """Changes when a source file does, or this module."""
        digest = hashlib.sha256()
        for path in (*self.sources, __file__):
            try:
                found = os.stat(path)
            except OSError:
                continue
            digest.update(f"{path} {found.st_size} {found.st_mtime_ns}\n".encode())
        return digest.hexdigest()


class BuiltImage(msgspec.Struct, frozen=True):
    """An image of ours: its full name and its archive."""

    name: str
    archive: bytes


def _tool(path: str, package: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        raise ImageError(f"{path} is missing; install it with: apt-get install {package}") from None


def _applets() -> list[str]:
    try:
        shown = subprocess.run(["/bin/busybox", "--list"], capture_output=True, check=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        raise ImageError("/bin/busybox does not run; install it with: apt-get install busybox-static") from None
    return shown.split()


def build_pause() -> BuiltImage:
    """The image of the sandbox's own process: it only waits and reaps."""
    layer = layer_of_files([LayerFile(path="pause", content=_tool("/usr/bin/catatonit", "catatonit"))])
    return BuiltImage(
        PAUSE_IMAGE, archive(PAUSE_IMAGE, layer, ImageConfig(entrypoint=["/pause", "-P"]), compress=False)
    )


def build_busybox() -> BuiltImage:
    """A small Linux user land."""
    layer = busybox_layer(applets=_applets())
    return BuiltImage(BUSYBOX_IMAGE, archive(BUSYBOX_IMAGE, layer, ImageConfig(command=["sh"]), compress=False))


def build_sample() -> BuiltImage:
    """The sample application: a web server on port 8080 that names its pod."""
    files = [LayerFile(path=path) for path in ("bin", "tmp", "etc", "app")]
    files.append(LayerFile(path="bin/busybox", content=_tool("/bin/busybox", "busybox-static")))
    files += [LayerFile(path=f"bin/{name}", link="/bin/busybox") for name in sorted(_applets()) if name != "busybox"]
    files.append(LayerFile(path="etc/passwd", content=b"root:x:0:0:root:/:/bin/sh\n", mode=0o644))
    files.append(LayerFile(path="app/serve", content=_SAMPLE_SCRIPT))
    config = ImageConfig(command=["/app/serve"], exposed_ports=["8080/tcp"], environment=("PATH=/bin", "VERSION=1"))
    return BuiltImage(SAMPLE_IMAGE, archive(SAMPLE_IMAGE, layer_of_files(files), config, compress=False))


def build_from_directory(root: Path, name: str, config: ImageConfig) -> BuiltImage:
    """An image whose one layer is everything below root. ImageError when it is no directory."""
    if not root.is_dir():
        raise ImageError(f"{root} is not a directory; give the image's root file system")
    return BuiltImage(name, archive(name, layer_of_directory(root), config))


def full_name(name: str) -> str:
    """`web` -> `docker.io/library/web:latest`, as image references are completed everywhere."""
    registry, slash, rest = name.partition("/")
    if not slash:
        name = "docker.io/library/" + name
    elif not ("." in registry or ":" in registry or registry == "localhost"):
        name = f"docker.io/{registry}/{rest}"
    last = name.rsplit("/", 1)[-1]
    return name if ":" in last or "@" in last else name + ":latest"


class ImageStore:
    """A containerd's images, by way of its `ctr` tool."""

    def __init__(self, paths: ContainerdPaths) -> None:
        self._paths = paths

    def _must_exist(self) -> None:
        if not self._paths.socket.exists():
            raise ImageError(f"no containerd answers at {self._paths.socket}; start the cluster first: pybernetes up")

    @contextlib.asynccontextmanager
    async def runtime(self) -> "AsyncIterator[Containerd]":
        """The node's container runtime over CRI. ImageError when it is not there, RuntimeServiceError by its calls."""
        from ..kubelet.cri.containerd import Containerd

        self._must_exist()
        found = Containerd(str(self._paths.socket))
        try:
            yield found
        finally:
            await found.close()

    async def _ctr(self, *arguments: str) -> str:
        self._must_exist()
        process = await asyncio.create_subprocess_exec(
            "ctr", "--address", str(self._paths.socket), "--namespace", _NAMESPACE, *arguments,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
        if process.returncode:
            lines = (err or out).decode(errors="replace").strip().splitlines()
            raise ImageError(lines[-1].removeprefix("ctr: ") if lines else f"ctr ended with {process.returncode}")
        return out.decode(errors="replace")

    async def import_file(self, path: Path) -> list[str]:
        """Import an OCI or docker archive; the names it brought."""
        if not path.is_file():
            raise ImageError(f"{path} is not a file; give an OCI or docker archive (a tar)")
        shown = await self._ctr("images", "import", "--all-platforms", str(path))
        return [line.split()[1] for line in shown.splitlines() if line.startswith("unpacking ")]

    async def export(self, names: Iterable[str], path: Path) -> None:
        """Write images into one OCI archive, which `import_file` and `docker load` read."""
        await self._ctr("images", "export", str(path), *names)

    async def remove(self, name: str) -> None:
        """Take a name away; the image goes with its last one. (The CRI would remove all names of an image.)"""
        async with self.runtime() as runtime:
            found = await runtime.image_status(name)
            if found is None:
                raise ImageError(f"there is no image {name}; see: pybernetes image list")
            if len(found.repo_tags) <= 1:
                await runtime.remove_image(name)
                return
        await self._ctr("images", "remove", "--sync", name)

    async def ensure(self, recipes: Iterable[Recipe], directory: Path) -> None:
        """Build and import those of our own images that the store does not have in their present form."""
        directory.mkdir(parents=True, exist_ok=True)
        there: set[str] = set()
        if any(directory.glob("*.fingerprint")):
            async with self.runtime() as runtime:  # somebody may have removed what was imported once
                there = {name for image in await runtime.list_images() for name in image.repo_tags}
        await asyncio.gather(*(self._ensure(recipe, directory, there) for recipe in recipes))

    async def _ensure(self, recipe: Recipe, directory: Path, there: Collection[str]) -> None:
        stem = recipe.name.replace("/", "_").replace(":", "_")
        mark, path = directory / f"{stem}.fingerprint", directory / f"{stem}.tar"
        fingerprint = recipe.fingerprint()
        if recipe.name in there and mark.exists() and mark.read_text() == fingerprint:
            return
        image = await asyncio.to_thread(recipe.build)
        path.write_bytes(image.archive)
        await self.import_file(path)
        path.unlink()
        mark.write_text(fingerprint)


PAUSE = Recipe(PAUSE_IMAGE, ("/usr/bin/catatonit",), build_pause)
SAMPLE = Recipe(SAMPLE_IMAGE, ("/bin/busybox",), build_sample)
