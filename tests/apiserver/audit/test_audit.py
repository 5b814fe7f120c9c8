"""The audit log of a whole server: levels, stages, annotations, files and webhooks."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.support.api import CONFIG_MAPS, PODS, Api, running_api

from pybernetes.api.user import UserInfo
from pybernetes.apiserver.audit.backends import LogFile
from pybernetes.apiserver.audit.policy import Policy, PolicyError
from pybernetes.apiserver.request_info import request_info
from pybernetes.base.clock import SYSTEM_CLOCK
from pybernetes.base.http.message import Request, Response
from pybernetes.base.http.server import HttpServer
from pybernetes.base.tasks import running

Object = dict[str, Any]


class Log:
    """The audit file of a server."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def events(self, api: Api) -> list[Object]:
        for backend in api.server._audit_backends:
            assert isinstance(backend, LogFile)
            backend._flush()
        lines = self.path.read_bytes().splitlines() if self.path.exists() else []
        return [event for event in map(orjson.loads, lines) if event["user"]["username"] != "system:apiserver"]


@asynccontextmanager
async def audited(directory: Path, *rules: Object, **policy: Any) -> AsyncIterator[tuple[Api, Log]]:
    file = directory / "policy.yaml"
    file.write_bytes(orjson.dumps({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": list(rules), **policy}))
    log = directory / "audit.log"
    async with running_api(audit_policy_file=str(file), audit_log_path=str(log)) as api:
        yield api, Log(log)


async def test_metadata_of_a_write(tmp_path: Path) -> None:
    async with audited(tmp_path, {"level": "Metadata"}) as (api, log):
        await api.config_map("m")
        received, complete = log.events(api)
        assert (received["stage"], complete["stage"]) == ("RequestReceived", "ResponseComplete")
        assert complete["auditID"] == received["auditID"] and complete["level"] == "Metadata"
        assert (complete["verb"], complete["requestURI"]) == ("create", CONFIG_MAPS)
        assert complete["user"]["username"] == "kubernetes-admin"
        reference = complete["objectRef"]
        assert reference["resource"] == "configmaps" and reference["namespace"] == "default"
        assert reference["name"] == "m" and reference["uid"]
        assert complete["responseStatus"] == {"metadata": {}, "code": 201}
        assert complete["annotations"]["authorization.k8s.io/decision"] == "allow"
        assert "requestObject" not in complete and "responseObject" not in complete


async def test_levels_decide_what_is_kept(tmp_path: Path) -> None:
    rules = [
        {"level": "None", "resources": [{"group": "", "resources": ["secrets"]}]},
        {
            "level": "RequestResponse",
            "resources": [{"group": "", "resources": ["configmaps"]}],
            "omitManagedFields": True,
        },
        {"level": "Request"},
    ]
    async with audited(tmp_path, *rules, omitStages=["RequestReceived"]) as (api, log):
        await api.post("/api/v1/namespaces/default/secrets", {"metadata": {"name": "s"}})
        await api.config_map("m")
        await api.pod("p")
        await api.get(f"{CONFIG_MAPS}/m")
        made, pod, got = log.events(api)
        assert made["requestObject"]["data"] == {"a": "1"}
        assert made["responseObject"]["metadata"]["uid"]
        assert "managedFields" not in made["responseObject"]["metadata"]
        assert pod["requestObject"]["metadata"]["name"] == "p" and "responseObject" not in pod
        assert got["responseObject"]["kind"] == "ConfigMap" and "requestObject" not in got


async def test_what_goes_to_a_client_as_protobuf_is_recorded_as_json_would_be(tmp_path: Path) -> None:
    rules = [
        {"level": "Metadata", "resources": [{"group": "", "resources": ["configmaps"]}]},
        {"level": "RequestResponse"},
    ]
    async with audited(tmp_path, *rules, omitStages=["RequestReceived"]) as (api, log):
        accept = [("accept", "application/vnd.kubernetes.protobuf")]
        for path, name in ((CONFIG_MAPS, "m"), ("/api/v1/namespaces", "shop")):
            answer = await api.send("POST", path, orjson.dumps({"metadata": {"name": name}}), headers=list(accept))
            assert isinstance(answer.body, bytes) and answer.body.startswith(b"k8s")
        made, named = log.events(api)
        assert made["objectRef"]["name"] == "m" and made["objectRef"]["uid"] and "responseObject" not in made
        reference = named["objectRef"]
        found = named["responseObject"]["metadata"]
        assert (reference["name"], reference["uid"]) == (found["name"], found["uid"]) == ("shop", found["uid"])


async def test_failures_carry_their_status(tmp_path: Path) -> None:
    async with audited(tmp_path, {"level": "Metadata", "omitStages": ["RequestReceived"]}) as (api, log):
        await api.get(f"{CONFIG_MAPS}/none")
        await api.config_map("m")
        assert (await api.post(CONFIG_MAPS, {"metadata": {"name": "m"}})).code == 409
        event, _, again = log.events(api)
        assert (again["objectRef"]["name"], again["responseStatus"]["reason"]) == ("m", "AlreadyExists")
        status = event["responseStatus"]
        assert (status["code"], status["reason"]) == (404, "NotFound")
        assert status["details"]["name"] == "none"


async def test_a_watch_starts_and_completes(tmp_path: Path) -> None:
    async with audited(tmp_path, {"level": "Metadata"}) as (api, log):
        watching = await api.watch(CONFIG_MAPS)
        assert [event["stage"] for event in log.events(api)] == ["RequestReceived", "ResponseStarted"]
        watching.body.stop()
        assert log.events(api)[-1]["stage"] == "ResponseComplete"


async def test_a_crash_is_a_panic(tmp_path: Path) -> None:
    async with audited(tmp_path, {"level": "Metadata"}) as (api, log):

        async def broken(request: Request) -> Response:
            raise RuntimeError("oh")

        api.server.pages.served["/broken"] = broken
        assert (await api.get("/broken")).code == 500
        event = log.events(api)[-1]
        assert (event["stage"], event["responseStatus"]["code"]) == ("Panic", 500)


async def test_who_acts_as_whom(tmp_path: Path) -> None:
    async with audited(tmp_path, {"level": "Metadata", "omitStages": ["RequestReceived"]}) as (api, log):
        await api.send("GET", PODS, headers=[("impersonate-user", "jane"), ("impersonate-group", "staff")])
        (event,) = log.events(api)
        assert event["user"]["username"] == "kubernetes-admin"
        assert event["impersonatedUser"] == {"username": "jane", "groups": ["staff", "system:authenticated"]}


async def test_refused_credentials_are_recorded(tmp_path: Path) -> None:
    async with audited(tmp_path, {"level": "Metadata"}) as (api, log):
        request = Request("GET", PODS, "", [("authorization", "Bearer nonsense")])
        assert (await api.server.app(request)).status == 401
        (event,) = log.events(api)
        assert event["responseStatus"]["code"] == 401
        assert "nonsense" not in str(event)


async def test_files_rotate_and_old_ones_go(tmp_path: Path) -> None:
    class Clock:
        number = 0

        def now(self) -> datetime:
            self.number += 1
            return datetime(2026, 1, 1, 0, 0, self.number, tzinfo=UTC)

        def monotonic(self) -> float:
            return 0.0

        async def sleep(self, seconds: float) -> None:
            return

    log = LogFile(str(tmp_path / "audit.log"), Clock(), max_bytes=100, max_backups=2)
    async with running("log", log.serve):
        for number in range(10):
            log.write(b'{"number":%d,"filler":"%s"}' % (number, b"x" * 40))
            log._flush()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names[-1] == "audit.log" and len(names) == 3
    assert names[0].startswith("audit-2026-01-01T00-00-") and names[0].endswith(".000.log")
    assert b'"number":9' in (tmp_path / "audit.log").read_bytes()
    assert (tmp_path / "audit.log").stat().st_mode & 0o777 == 0o600


async def test_a_line_that_was_cut_off_does_not_spoil_the_next(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_bytes(b'{"number":0}\n{"num')
    log = LogFile(str(path), SYSTEM_CLOCK, max_bytes=0)

    class Full:
        """A disk with room for so many bytes."""

        def __init__(self, file: Any, room: int) -> None:
            self.file, self.room = file, room

        def write(self, data: bytes) -> int:
            if not self.room:
                raise OSError(28, "No space left on device")
            written = self.file.write(data[: self.room])
            self.room -= written
            return int(written)

        def close(self) -> None:
            self.file.close()

    async with running("log", log.serve):
        log.write(b'{"number":1}')
        log._flush()
        file = log._file
        log._file = Full(file, 5)  # type: ignore[assignment]
        for number in (2, 3):
            log.write(b'{"number":%d}' % number)
            log._flush()
        log._file = file
        log.write(b'{"number":4}')
    assert path.read_bytes().splitlines() == [b'{"number":0}', b'{"num', b'{"number":1}', b'{"num', b'{"number":4}']


async def test_events_go_to_a_webhook_in_batches(tmp_path: Path) -> None:
    received: list[Object] = []

    async def take(request: Request) -> Response:
        received.append(orjson.loads(await request.body.read(1 << 20)))
        return Response(200)

    server = HttpServer(take, host="127.0.0.1", port=0)
    async with running("sink", server.serve):
        config = {
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.port}/audit"}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": ""}}],
            "current-context": "x",
        }
        (tmp_path / "webhook.yaml").write_bytes(orjson.dumps(config))
        policy = {"kind": "Policy", "rules": [{"level": "Metadata", "users": ["kubernetes-admin"]}]}
        (tmp_path / "policy.yaml").write_bytes(orjson.dumps(policy))
        files = {
            "audit_policy_file": str(tmp_path / "policy.yaml"),
            "audit_webhook_config_file": str(tmp_path / "webhook.yaml"),
        }
        async with running_api(**files) as api:
            await api.config_map("m")
        (batch,) = received
        assert batch["kind"] == "EventList"
        assert [event["stage"] for event in batch["items"]] == ["RequestReceived", "ResponseComplete"]


ALICE = UserInfo("alice", groups=("staff",))
LEVEL = {"level": "Metadata"}


@pytest.mark.parametrize(
    ("rule", "request_", "expected"),
    [
        ({"users": ["alice"]}, ("GET", PODS), True),
        ({"users": ["bob"]}, ("GET", PODS), False),
        ({"userGroups": ["staff"]}, ("GET", PODS), True),
        ({"verbs": ["list"]}, ("GET", PODS), True),
        ({"verbs": ["get"]}, ("GET", PODS), False),
        ({"resources": [{"group": ""}]}, ("GET", PODS), True),
        ({"resources": [{"group": "apps"}]}, ("GET", PODS), False),
        ({"resources": [{"resources": ["pods/log"]}]}, ("GET", f"{PODS}/p/log"), True),
        ({"resources": [{"resources": ["pods"]}]}, ("GET", f"{PODS}/p/log"), False),
        ({"resources": [{"resources": ["pods/*"]}]}, ("GET", f"{PODS}/p/log"), True),
        ({"resources": [{"resources": ["*/status"]}]}, ("PUT", f"{PODS}/p/status"), True),
        ({"resources": [{"resources": ["pods"], "resourceNames": ["p"]}]}, ("GET", f"{PODS}/p"), True),
        ({"resources": [{"resources": ["pods"], "resourceNames": ["p"]}]}, ("GET", f"{PODS}/q"), False),
        ({"namespaces": ["default"]}, ("GET", PODS), True),
        ({"namespaces": [""]}, ("GET", "/api/v1/nodes"), True),
        ({"namespaces": ["default"]}, ("GET", "/healthz"), False),
        ({"nonResourceURLs": ["/healthz*"]}, ("GET", "/healthz/ping"), True),
        ({"nonResourceURLs": ["/healthz*"]}, ("GET", PODS), False),
    ],
)
def test_rules(rule: Object, request_: tuple[str, str], expected: bool) -> None:
    policy = Policy({"kind": "Policy", "rules": [{**LEVEL, **rule}]})
    assert bool(policy.decide(ALICE, request_info(Request(*request_))).level) is expected


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"kind": "Policy"}, "0 rules"),
        ({"kind": "Policy", "rules": [{"level": "Much"}]}, 'rules\\[0\\].level: Unsupported value: "Much"'),
        ({"kind": "Policy", "rules": [{**LEVEL, "omitStages": ["Later"]}]}, "allowed stages are"),
        ({"kind": "Policy", "rules": [{**LEVEL, "nonResourceURLs": ["x"]}]}, "must begin with"),
    ],
)
def test_wrong_policies_are_refused(document: Object, words: str) -> None:
    with pytest.raises(PolicyError, match=words):
        Policy(document)
