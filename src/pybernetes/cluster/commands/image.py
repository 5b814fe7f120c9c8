"""`image list | pull | save | import | build | remove`: the node's image store, with and without a registry."""

import argparse
import asyncio
import tempfile
from pathlib import Path

from ...kubelet.cri.messages import AuthConfig
from ...kubelet.cri.protocol import RuntimeServiceError
from .. import runtime_tables
from ..config import ClusterConfig
from ..containerd import ContainerdPaths
from ..images import BuiltImage, ImageError, ImageStore, build_from_directory, full_name
from ..oci_archive import DEFAULT_ENVIRONMENT, ImageConfig
from .settings import CommandError

__all__ = ["CommandError", "main"]


def main(arguments: argparse.Namespace) -> int:
    config = ClusterConfig(data_dir=arguments.data_dir.expanduser().absolute())
    store = ImageStore(ContainerdPaths(config.containerd_dir))
    try:
        match arguments.action:
            case "import":
                for name in asyncio.run(store.import_file(arguments.file)):
                    print(f"imported {name}")
            case "list":
                print("\n".join(asyncio.run(_listed(store, names_only=arguments.quiet))))
            case "pull":
                asyncio.run(_pull(store, arguments.name, arguments.creds))
            case "save":
                names = [full_name(name) for name in arguments.name]
                asyncio.run(store.export(names, arguments.output))
                print(f"wrote {arguments.output} with {', '.join(names)}")
            case "remove":
                for name in map(full_name, arguments.name):
                    asyncio.run(store.remove(name))
                    print(f"removed {name}")
            case "build":
                _build(arguments, store)
    except (ImageError, RuntimeServiceError, OSError) as error:
        raise CommandError(str(error)) from None
    return 0


async def _listed(store: ImageStore, *, names_only: bool) -> list[str]:
    async with store.runtime() as runtime:
        found = await runtime.list_images()
    return sorted(name for image in found for name in image.repo_tags) if names_only else runtime_tables.images(found)


async def _pull(store: ImageStore, name: str, credentials: str) -> None:
    """As the kubelet does it, so that mirrors and plain registries of certs.d count here too."""
    user, _, password = credentials.partition(":")
    auth = AuthConfig(username=user, password=password) if credentials else None
    async with store.runtime() as runtime:
        reference = await runtime.pull_image(full_name(name), auth)
    print(f"pulled {full_name(name)} ({reference})")


def _build(arguments: argparse.Namespace, store: ImageStore) -> None:
    image = build_from_directory(
        arguments.directory,
        full_name(arguments.name),
        ImageConfig(
            entrypoint=arguments.entrypoint,
            command=arguments.cmd,
            environment=(*DEFAULT_ENVIRONMENT, *arguments.env),
            user=arguments.user,
            working_directory=arguments.workdir,
        ),
    )
    if arguments.output:
        arguments.output.write_bytes(image.archive)
        print(f"wrote {arguments.output} with {image.name}")
    else:
        asyncio.run(_import(store, image))
        print(f"built {image.name}")


async def _import(store: ImageStore, image: BuiltImage) -> None:
    with tempfile.TemporaryDirectory(prefix="pybernetes-") as directory:
        path = Path(directory) / "image.tar"
        path.write_bytes(image.archive)
        await store.import_file(path)
