"""`image import FILE | list | build DIR NAME`: the node's image store, without a registry."""

import argparse
import asyncio
import tempfile
from pathlib import Path

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
                for name in asyncio.run(store.names()):
                    print(name)
            case "build":
                _build(arguments, store)
    except (ImageError, OSError) as error:
        raise CommandError(str(error)) from None
    return 0


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
