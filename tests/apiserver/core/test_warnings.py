"""Advice travels with the answer of a write, as Warning headers."""

from tests.support.api import PODS, running_api

INGRESSES = "/apis/networking.k8s.io/v1/namespaces/default/ingresses"


async def test_a_write_is_answered_with_advice() -> None:
    async with running_api() as api:
        metadata = {"name": "i", "annotations": {"kubernetes.io/ingress.class": "x"}}
        backend = {"service": {"name": "s", "port": {"number": 80}}}
        made = await api.post(INGRESSES, {"metadata": metadata, "spec": {"defaultBackend": backend}})
        assert made.code == 201, made
        assert made.header("warning") == [
            '299 - "annotation \\"kubernetes.io/ingress.class\\" is deprecated, please use '
            "'spec.ingressClassName' instead\""
        ]
        changed = await api.patch(f"{INGRESSES}/i", {"metadata": {"labels": {"a": "b"}}})
        assert (changed.code, changed.header("warning")) == (200, [])


async def test_a_status_is_written_without_advice() -> None:
    async with running_api() as api:
        twice = [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]
        spec = {"containers": [{"name": "c", "image": "i", "env": twice}]}
        made = await api.post(PODS, {"metadata": {"name": "p"}, "spec": spec})
        assert len(made.header("warning")) == 1
        status = await api.patch(f"{PODS}/p/status", {"status": {"phase": "Running"}})
        assert (status.code, status.header("warning")) == (200, [])
