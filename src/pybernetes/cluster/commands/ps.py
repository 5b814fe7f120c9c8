"""`ps`: the containers of this machine's node as its runtime has them; no API server is asked."""

import argparse
import asyncio
import time

from ...kubelet.cri.protocol import RuntimeServiceError
from .. import runtime_tables
from ..config import ClusterConfig
from ..containerd import ContainerdPaths
from ..images import ImageError, ImageStore
from .settings import CommandError

__all__ = ["CommandError", "main"]


def main(arguments: argparse.Namespace) -> int:
    config = ClusterConfig(data_dir=arguments.data_dir.expanduser().absolute())
    store = ImageStore(ContainerdPaths(config.containerd_dir))
    try:
        lines = asyncio.run(_lines(store, ended=arguments.all))
    except (ImageError, RuntimeServiceError) as error:
        raise CommandError(str(error)) from None
    print("\n".join(lines))
    return 0


async def _lines(store: ImageStore, *, ended: bool) -> list[str]:
    async with store.runtime() as runtime:
        found, sandboxes = await runtime.list_containers(), await runtime.list_sandboxes()
        images = await runtime.list_images()
    return runtime_tables.containers(found, sandboxes, images, now=time.time(), ended=ended)
