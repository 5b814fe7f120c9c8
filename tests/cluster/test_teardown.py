"""What `down` does to containers that still run."""

from tests.support.clock import LoopClock, run_virtual

from pybernetes.cluster.teardown import stop_containers
from pybernetes.kubelet.cri import messages as m
from pybernetes.kubelet.cri.fake import FakeRuntime
from pybernetes.kubelet.pod_runtime import GRACE_ANNOTATION


def test_containers_have_their_grace_period_up_to_a_limit_and_all_at_once() -> None:
    async def stop(limit: int) -> tuple[dict[str, int], float]:
        clock = LoopClock()
        runtime = FakeRuntime(clock)
        runtime.add_image("i")
        sandbox = m.PodSandboxConfig(metadata=m.PodSandboxMetadata(name="p", uid="u", namespace="n"))
        id_ = await runtime.run_sandbox(sandbox)
        for name, grace in (("heeds", "30"), ("short", "2"), ("long", "30"), ("ended", "30")):
            runtime.ignores_stop |= {name} if name in ("short", "long") else set()
            config = m.ContainerConfig(
                metadata=m.ContainerMetadata(name=name),
                image=m.ImageSpec(image="i"),
                annotations={GRACE_ANNOTATION: grace},
            )
            if name == "ended":
                runtime.exits[name] = [0]
            await runtime.start_container(await runtime.create_container(id_, config, sandbox))
        began = clock.monotonic()
        await stop_containers(runtime, limit)
        codes = {c.metadata.name: c.exit_code for c in runtime.containers.values() if c.metadata is not None}
        return codes, clock.monotonic() - began

    codes, took = run_virtual(stop(10))
    assert codes == {"heeds": 143, "short": 137, "long": 137, "ended": 0}
    assert 10 <= took < 11
    assert run_virtual(stop(1))[1] < 2
