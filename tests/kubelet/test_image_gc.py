"""Image collection and what it asks the runtime."""

from tests.support.clock import LoopClock, run_virtual

from pybernetes.kubelet.cri.fake import FakeRuntime
from pybernetes.kubelet.cri.messages import Image
from pybernetes.kubelet.image_gc import Disk, ImageCollector


class Counting(FakeRuntime):
    """Counts how often it was asked for its images."""

    asked = 0

    async def list_images(self) -> list[Image]:
        self.asked += 1
        return await super().list_images()


def test_images_that_somebody_has_listed_are_not_listed_again() -> None:
    async def listed(given: bool) -> tuple[int, bool]:
        clock = LoopClock()
        runtime = Counting(clock)
        runtime.add_image("i")
        full = Disk(total=100, free=1)
        collector = ImageCollector(runtime, clock, {}, minimum_age_seconds=0, disk=lambda _path: full)
        images = await runtime.list_images() if given else None
        await collector.collect(images)
        return runtime.asked, bool(await runtime.list_images())

    assert run_virtual(listed(given=True)) == (1, False)
    assert run_virtual(listed(given=False)) == (1, False)
