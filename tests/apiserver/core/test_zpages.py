"""/statusz and /flagz: text for people, versioned objects for whoever asks for them whole."""

import re

import pytest
import yaml
from tests.support.api import Api, running_api

from pybernetes.api.user import UserInfo
from pybernetes.apiserver.config import ApiServerConfig
from pybernetes.apiserver.flags import flags_of

NOT_FOR_MACHINES = (
    "Warning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is "
    "for debugging purposes only.\n"
)


def accept(kind: str, version: str = "v1beta1", media: str = "application/json") -> str:
    return f"{media};v={version};g=config.k8s.io;as={kind}"


@pytest.mark.parametrize("wanted", ["", "*/*", "text/plain", "application/json;v=foo;g=config.k8s.io;as=Statusz,*/*"])
async def test_status_as_text(wanted: str) -> None:
    async with running_api() as api:
        answer = await api.get("/statusz", accept=wanted)
        assert (answer.code, answer.header("content-type")) == (200, ["text/plain; charset=utf-8"])
        text = answer.raw.decode()
        assert text.startswith(f"\nkube-apiserver statusz\n{NOT_FOR_MACHINES}\nStarted: ")
        assert re.search(r"^Up: \d+ hr \d\d min \d\d sec$", text, re.M)
        assert re.search(r"^Binary version: 1\.36\.\d+\+pybernetes\S+$", text, re.M)
        assert "\nEmulation version: 1.36\n" in text
        assert re.search(r"^Paths: .*/flagz /healthz .*/livez .*/metrics .*/readyz /statusz /version\n", text, re.M)


async def test_status_as_an_object() -> None:
    async with running_api() as api:
        answer = await api.get("/statusz", accept=accept("Statusz"))
        body = answer.body
        assert (body["kind"], body["apiVersion"]) == ("Statusz", "config.k8s.io/v1beta1")
        assert body["metadata"] == {"name": "kube-apiserver"}
        assert body["uptimeSeconds"] >= 0 and body["emulationVersion"] == "1.36"
        assert {"/healthz", "/livez", "/metrics", "/readyz", "/statusz", "/version"} <= set(body["paths"])
        assert answer.header("warning") == []
        old = await api.get("/statusz", accept=accept("Statusz", "v1alpha1", "application/yaml"))
        assert yaml.safe_load(old.raw)["apiVersion"] == "config.k8s.io/v1alpha1"
        assert old.header("warning") == [
            '299 - "This version of the statusz endpoint is deprecated. Please use a newer version."'
        ]


@pytest.mark.parametrize(
    "wanted",
    [
        "application/json",
        "application/xml",
        "application/json;v=v1beta1;g=config.k8s.io",
        accept("Statusz", "v1"),
        accept("Flagz"),
    ],
)
async def test_what_is_not_served(wanted: str) -> None:
    async with running_api() as api:
        answer = await api.get("/statusz", accept=wanted)
        assert (answer.code, answer.body["reason"]) == (406, "NotAcceptable")


async def test_flags() -> None:
    settings = {"runtime_config": {"api/beta": True}, "authorization_modes": ("RBAC",), "anonymous": False}
    async with running_api(**settings) as api:
        text = (await api.get("/flagz")).raw.decode()
        assert text.startswith(f"\nkube-apiserver flags\n{NOT_FOR_MACHINES}\n")
        for line in ("authorization-mode=[RBAC]", "anonymous-auth=false", "runtime-config=api/beta=true",
                     "request-timeout=1m0s", "max-requests-inflight=400"):  # fmt: skip
            assert f"\n{line}\n" in text
        body = (await api.get("/flagz", accept=accept("Flagz"))).body
        assert body["flags"]["authorization-mode"] == "[RBAC]"
        assert (body["kind"], body["apiVersion"]) == ("Flagz", "config.k8s.io/v1beta1")


async def test_the_gates_switch_the_pages() -> None:
    async with running_api(feature_gates={"ComponentStatusz": False, "ComponentFlagz": False}) as api:
        assert [(await api.get(path)).code for path in ("/statusz", "/flagz")] == [404, 404]


async def test_only_monitoring_may_read_them() -> None:
    async with running_api(authorization_modes=("RBAC",)) as api:
        monitor = Api(api.server, UserInfo("prometheus", groups=("system:monitoring", "system:authenticated")))
        other = Api(api.server, UserInfo("jane", groups=("system:authenticated",)))
        for path in ("/statusz", "/flagz"):
            assert ((await monitor.get(path)).code, (await other.get(path)).code) == (200, 403)


def test_no_secret_is_among_the_flags() -> None:
    config = ApiServerConfig(service_account_signing_key=b"PRIVATE", service_account_keys=(b"KEY",))
    assert not any("PRIVATE" in value or "KEY" in value for value in flags_of(config).values())
