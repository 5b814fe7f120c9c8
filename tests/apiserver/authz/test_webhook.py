"""Authorization by another server, by mode and by a structured configuration."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.support.api import CONFIG_MAPS, PODS, Api, running_api

from pybernetes.api.user import UserInfo
from pybernetes.apiserver.authz.configuration import read
from pybernetes.base.http.message import Request, Response
from pybernetes.base.http.server import HttpServer
from pybernetes.base.tasks import running

ALICE = UserInfo("alice", groups=("system:authenticated",))
Object = dict[str, Any]


class Judge:
    """Answers SubjectAccessReviews by resource."""

    def __init__(self) -> None:
        self.asked: list[Object] = []
        self.status: dict[str, Object] = {"configmaps": {"allowed": True}, "pods": {"denied": True, "reason": "never"}}
        self.http = HttpServer(self._answer, host="127.0.0.1", port=0)

    async def _answer(self, request: Request) -> Response:
        review = orjson.loads(await request.body.read(1 << 20))
        self.asked.append(review["spec"])
        resource = (review["spec"].get("resourceAttributes") or {}).get("resource", "")
        body = {**review, "status": self.status.get(resource, {"allowed": False})}
        return Response(200, [("content-type", "application/json")], orjson.dumps(body))


def kubeconfig(directory: Path, port: int) -> str:
    config = {
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}/authorize"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": ""}}],
        "current-context": "x",
    }
    (directory / "webhook.yaml").write_bytes(orjson.dumps(config))
    return str(directory / "webhook.yaml")


@asynccontextmanager
async def judged(directory: Path, *authorizers: Object) -> AsyncIterator[tuple[Api, Judge]]:
    judge = Judge()
    async with running("judge", judge.http.serve):
        settings: Object = {
            "authorization_modes": ("Webhook",),
            "authorization_webhook_config_file": kubeconfig(directory, judge.http.port),
        }
        if authorizers:
            file = directory / "authorization.yaml"
            file.write_bytes(orjson.dumps({"kind": "AuthorizationConfiguration", "authorizers": list(authorizers)}))
            settings = {"authorization_config_file": str(file)}
        async with running_api(**settings) as admin:
            yield Api(admin.server, ALICE), judge


async def test_the_other_server_decides(tmp_path: Path) -> None:
    async with judged(tmp_path) as (api, judge):
        assert (await api.get(CONFIG_MAPS)).code == 200
        refused = await api.get(PODS)
        assert refused.code == 403 and refused.message.endswith('in the namespace "default": never')
        assert (await api.get("/apis/apps/v1/deployments")).code == 403
        spec = judge.asked[0]
        assert spec["user"] == "alice" and spec["groups"] == ["system:authenticated"]
        assert spec["resourceAttributes"] == {
            "namespace": "default",
            "verb": "list",
            "version": "v1",
            "resource": "configmaps",
        }


async def test_answers_are_remembered(tmp_path: Path) -> None:
    async with judged(tmp_path) as (api, judge):
        for _ in range(3):
            await api.get(CONFIG_MAPS)
        assert len(judge.asked) == 1


def webhook(name: str = "judge", **changes: Any) -> Object:
    connection = {"type": "KubeConfigFile", "kubeConfigFile": "webhook.yaml"}
    settings = {"timeout": "30s", "failurePolicy": "NoOpinion", "connectionInfo": connection, **changes}
    return {"type": "Webhook", "name": name, "webhook": settings}


async def test_conditions_choose_what_is_asked(tmp_path: Path) -> None:
    condition = {"expression": "has(request.resourceAttributes) && request.resourceAttributes.resource == 'pods'"}
    rest = {"type": "AlwaysAllow", "name": "rest"}
    async with judged(tmp_path, webhook(matchConditions=[condition]), rest) as (api, judge):
        assert (await api.get(CONFIG_MAPS)).code == 200
        assert (await api.get(PODS)).code == 403
        assert [spec["resourceAttributes"]["resource"] for spec in judge.asked] == ["pods"]


async def test_a_condition_that_fails_follows_the_policy(tmp_path: Path) -> None:
    condition = {"expression": "request.none.at.all"}
    rest = {"type": "AlwaysAllow", "name": "rest"}
    async with judged(tmp_path, webhook(matchConditions=[{"expression": "request.none == 'x'"}]), rest) as (api, _):
        assert (await api.get(PODS)).code == 200
    closed = webhook(matchConditions=[{"expression": condition["expression"] + " == 'x'"}], failurePolicy="Deny")
    async with judged(tmp_path, closed, rest) as (api, _):
        assert (await api.get(PODS)).code == 403


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"kind": "Other"}, "expected an AuthorizationConfiguration"),
        ({"kind": "AuthorizationConfiguration"}, "at least one authorization mode"),
        (
            {"kind": "AuthorizationConfiguration", "authorizers": [{"type": "RBAC", "name": "a"}] * 2},
            "names must be unique",
        ),
    ],
)
def test_wrong_files_are_refused(tmp_path: Path, document: Object, words: str) -> None:
    file = tmp_path / "authorization.yaml"
    file.write_bytes(orjson.dumps(document))
    with pytest.raises(ValueError, match=words):
        read(str(file))
