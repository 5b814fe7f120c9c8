"""Reviews: questions asked as objects."""

from typing import Any

import pytest
from tests.apiserver.authz.memory_reader import FixedClock, MemoryReader, binding, obj, role, rule
from tests.support.api import running_api

from pybernetes.api.status import StatusError
from pybernetes.api.user import UserInfo
from pybernetes.apiserver.authz.modes import build_authorizer
from pybernetes.apiserver.filters.authentication import AuthenticationConfig, build_tokens
from pybernetes.apiserver.request_info import request_info
from pybernetes.apiserver.reviews import build_reviews
from pybernetes.apiserver.service_account_keys import DEFAULT_ISSUER, ServiceAccountKeys, generate_signing_key
from pybernetes.apiserver.token_request import TokenRequests
from pybernetes.base.http.message import Request

AUTHORIZATION = "authorization.k8s.io"
KEYS = ServiceAccountKeys(generate_signing_key())


def reader() -> MemoryReader:
    return MemoryReader(
        role("pods", rule("get", "pods")),
        binding("pods", "ClusterRole/pods", "User/u", namespace="default"),
        obj("v1", "ServiceAccount", "web", "default"),
    )


async def review(name: str, spec: dict[str, Any], *, path: str = "/", user: str = "u") -> dict[str, Any]:
    source = reader()
    tokens = build_tokens(AuthenticationConfig(token_file="t,tom,1"), source, KEYS, clock=FixedClock())
    handlers = build_reviews(build_authorizer(["Node", "RBAC"], source), tokens)
    request = Request("POST", path, context={"user": UserInfo(user, groups=("g",), extra={"k": ["v"]})})
    request.context["info"] = request_info(request)
    answer = await handlers[name]({"kind": "Review", "spec": spec}, request)
    status: dict[str, Any] = answer["status"]
    return status


def resource(**more: str) -> dict[str, Any]:
    return {"resourceAttributes": {"verb": "get", "resource": "pods", "namespace": "default", **more}}


IN = {"key": "a", "operator": "In", "values": ["b"]}


def selecting(**selectors: Any) -> dict[str, Any]:
    return {"resourceAttributes": {"verb": "list", "resource": "pods", "namespace": "default", **selectors}}


async def test_a_selector_with_an_operator_of_the_future_is_let_through() -> None:
    spec = selecting(labelSelector={"requirements": [{"key": "a", "operator": "Later"}]})
    assert (await review(f"selfsubjectaccessreviews.{AUTHORIZATION}", spec)) == {"allowed": False}


async def test_a_review_has_no_name() -> None:
    async with running_api() as api:
        path = f"/apis/{AUTHORIZATION}/v1/"
        body = {"metadata": {"name": "x"}, "spec": {"user": "u", **resource()}}
        for name, words in (
            ("subjectaccessreviews", "must be empty"),
            ("namespaces/default/localsubjectaccessreviews", "must be empty except for namespace"),
        ):
            answer = await api.post(path + name, body)
            assert answer.code == 422
            assert 'metadata: Invalid value: {"name":"x"' in answer.message
            assert answer.message.endswith(words)
        elsewhere = {"spec": {"user": "u", "nonResourceAttributes": {"path": "/", "verb": "get"}}}
        answer = await api.post(path + "namespaces/default/localsubjectaccessreviews", elsewhere)
        assert 'Invalid value: {"Path":"/","Verb":"get"}: disallowed on this kind of request' in answer.message


async def test_self_subject_access() -> None:
    status = await review(f"selfsubjectaccessreviews.{AUTHORIZATION}", resource())
    assert status == {
        "allowed": True,
        "reason": 'RBAC: allowed by RoleBinding "pods/default" of ClusterRole "pods" to User "u"',
    }
    assert await review(f"selfsubjectaccessreviews.{AUTHORIZATION}", resource(verb="delete")) == {"allowed": False}


async def test_subject_access_for_a_path() -> None:
    spec = {"user": "x", "groups": ["system:masters"], "nonResourceAttributes": {"verb": "get", "path": "/x"}}
    assert (await review(f"subjectaccessreviews.{AUTHORIZATION}", spec))["allowed"]


async def test_local_subject_access_stays_in_its_namespace() -> None:
    name = f"localsubjectaccessreviews.{AUTHORIZATION}"
    path = "/apis/authorization.k8s.io/v1/namespaces/default/localsubjectaccessreviews"
    assert (await review(name, {"user": "u", **resource()}, path=path))["allowed"]
    with pytest.raises(StatusError, match="must match namespace: default"):
        await review(name, {"user": "u", **resource(namespace="other")}, path=path)


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({"user": "u"}, "exactly one of nonResourceAttributes or resourceAttributes must be specified"),
        ({"user": "u", **resource(), "nonResourceAttributes": {}}, "cannot be specified in combination"),
        (resource(), 'spec.user: Invalid value: "": at least one of user or group must be specified'),
        (
            {},
            '[spec.resourceAttributes: Invalid value: "null": exactly one of nonResourceAttributes or '
            "resourceAttributes must be specified, "
            'spec.user: Invalid value: "": at least one of user or group must be specified]',
        ),
        (
            {"user": "u", **selecting(fieldSelector={})},
            "spec.resourceAttributes.fieldSelector.requirements: Required value: when "
            "spec.resourceAttributes.fieldSelector is specified, requirements or rawSelector is required",
        ),
        (
            {"user": "u", **selecting(labelSelector={"rawSelector": "a", "requirements": [IN]})},
            'spec.resourceAttributes.labelSelector.rawSelector: Invalid value: "a": may not specified at the same '
            "time as requirements",
        ),
        (
            {"user": "u", **selecting(fieldSelector={"requirements": [{"operator": "In"}]})},
            "[spec.resourceAttributes.fieldSelector.requirements[0].key: Required value: must be specified, "
            "spec.resourceAttributes.fieldSelector.requirements[0].values: Required value: must be specified when "
            "`operator` is 'In' or 'NotIn']",
        ),
    ],
)
async def test_bad_subject_access(spec: dict[str, Any], text: str) -> None:
    with pytest.raises(StatusError) as caught:
        await review(f"subjectaccessreviews.{AUTHORIZATION}", spec)
    assert caught.value.code == 422
    assert text in caught.value.message


async def test_self_subject_rules() -> None:
    status = await review(f"selfsubjectrulesreviews.{AUTHORIZATION}", {"namespace": "default"})
    assert status == {
        "resourceRules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}],
        "nonResourceRules": [],
        "incomplete": False,
    }


async def test_who_am_i() -> None:
    status = await review("selfsubjectreviews.authentication.k8s.io", {})
    assert status == {"userInfo": {"username": "u", "groups": ["g"], "extra": {"k": ["v"]}}}


async def test_token_review_of_a_static_token() -> None:
    status = await review("tokenreviews.authentication.k8s.io", {"token": "t"})
    assert status == {
        "authenticated": True,
        "user": {"username": "tom", "uid": "1", "groups": ["system:authenticated"]},
        "audiences": [DEFAULT_ISSUER],
    }


async def test_token_review_for_another_audience() -> None:
    handler = TokenRequests(reader(), KEYS, clock=FixedClock())
    request = Request("POST", "/api/v1/namespaces/default/serviceaccounts/web/token")
    request.context["info"] = request_info(request)
    token = (await handler({"spec": {"audiences": ["vault"]}}, request))["status"]["token"]
    name = "tokenreviews.authentication.k8s.io"
    status = await review(name, {"token": token, "audiences": ["vault", "x"]})
    assert status["audiences"] == ["vault"]
    status = await review(name, {"token": token})
    assert status["user"] == {}
    assert status["error"].startswith("[invalid bearer token, token audiences")


async def test_token_review_of_nothing() -> None:
    assert (await review("tokenreviews.authentication.k8s.io", {"token": "x"}))["error"] == "invalid bearer token"
    with pytest.raises(StatusError, match="token is required"):
        await review("tokenreviews.authentication.k8s.io", {})
