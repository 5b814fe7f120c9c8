"""The filters around every request, and how failures leave the server."""

import asyncio
from contextlib import suppress

import pytest
from tests.support.api import CONFIG_MAPS, Api, running_api

from pybernetes.api.status import StatusError, conflict
from pybernetes.api.user import AUTHENTICATED, UserInfo
from pybernetes.apiserver.errors import error_response, to_status_error
from pybernetes.apiserver.filters import CHAIN, chain
from pybernetes.apiserver.filters.errors import failures, warning_header
from pybernetes.apiserver.filters.limits import Timeout
from pybernetes.base.http.message import App, BodyTooLarge, Request, Response
from pybernetes.store.store import Compacted, TooLarge, Unavailable

JANE = UserInfo("jane", groups=(AUTHENTICATED,))


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (conflict("", "pods", "p"), 409, "Conflict"),
        (Unavailable("disk full"), 503, "ServiceUnavailable"),
        (TooLarge("big"), 413, "RequestEntityTooLarge"),
        (BodyTooLarge(), 413, "RequestEntityTooLarge"),
        (Compacted(3), 410, "Expired"),
        (ExceptionGroup("x", [ValueError("a"), conflict("", "pods", "p")]), 409, "Conflict"),
        (ValueError("a"), 500, "InternalError"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_failure_becomes_a_status(error: Exception, code: int, reason: str) -> None:
    found = to_status_error(error)
    assert (found.code, found.reason) == (code, reason)


def test_retry_after_is_a_header_too() -> None:
    response = error_response(StatusError(429, "TooManyRequests", "later", retry_after_seconds=3))
    assert response.header("retry-after") == "3"


async def test_a_crash_of_a_handler_is_answered_as_a_status() -> None:
    async def crash(request: Request) -> Response:
        raise RuntimeError("boom")

    response = await failures(crash)(Request("GET", "/"))
    assert response.status == 500
    assert b"Internal error occurred: RuntimeError: boom" in response.body  # type: ignore[operator]


async def test_cancellation_passes_through() -> None:
    async def cancelled(request: Request) -> Response:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await failures(cancelled)(Request("GET", "/"))


def test_warnings_are_quoted_and_fit_a_header() -> None:
    assert warning_header('unknown field "a\\b"\n') == '299 - "unknown field \\"a\\\\b\\" "'


def test_the_chain_has_one_order() -> None:
    seen: list[str] = []

    def named(name: str):  # type: ignore[no-untyped-def]
        def wrap(next: App) -> App:
            async def run(request: Request) -> Response:
                seen.append(name)
                return await next(request)

            return run

        return wrap

    async def app(request: Request) -> Response:
        return Response()

    filters = {name: named(name) for name in sorted(CHAIN)}
    asyncio.run(chain(filters, app)(Request("GET", "/")))  # type: ignore[arg-type]
    assert seen == list(CHAIN)
    with pytest.raises(KeyError, match="later"):
        chain({"later": failures}, app)


async def test_a_slow_request_times_out() -> None:
    from pybernetes.apiserver.request_info import request_info

    async def slow(request: Request) -> Response:
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    request = Request("GET", "/api/v1/pods")
    request.context["info"] = request_info(request)
    with pytest.raises(StatusError, match="request did not complete within the allotted timeout") as caught:
        await Timeout(0.001)(slow)(request)
    assert (caught.value.code, caught.value.reason) == (504, "Timeout")


@pytest.mark.parametrize(
    ("text", "code"),
    [("1ms", 504), ("3m", 201), ("0s", 201), ("-1s", 201), ("", 201), ("invalid", 400), ("5", 400)],
)
async def test_a_request_may_name_its_own_time(text: str, code: int) -> None:
    """ "Server request timeout": times that are none are refused, those beyond the server's do not count."""
    from pybernetes.apiserver.request_info import request_info

    async def slow(request: Request) -> Response:
        if code == 504:
            await asyncio.get_running_loop().create_future()
        return Response(201)

    request = Request("GET", "/version", "timeout=" + text)
    request.context["info"] = request_info(request)
    try:
        found, message = (await Timeout(60)(slow)(request)).status, ""
    except StatusError as error:
        found, message = error.code, error.message
    assert found == code
    if code == 400:
        assert message.startswith("invalid timeout specified in the request URL - time: ")
    task = asyncio.current_task()
    assert task is not None and not task.cancelling()


async def test_one_timer_ends_each_request_in_its_turn_and_no_other() -> None:
    from pybernetes.apiserver.request_info import request_info

    bounded = Timeout(0.02)
    release = asyncio.Event()

    async def app(request: Request) -> Response:
        if request.path.endswith("quick"):
            return Response()
        if request.path.endswith("deaf"):
            with suppress(asyncio.CancelledError):
                await asyncio.get_running_loop().create_future()
            return Response(201)
        await release.wait()
        return Response()

    async def ask(name: str) -> int:
        request = Request("GET", f"/api/v1/nodes/{name}")
        request.context["info"] = request_info(request)
        try:
            status = (await bounded(app)(request)).status
        except StatusError as error:
            status = error.code
        task = asyncio.current_task()
        assert task is not None
        assert not task.cancelling()
        return status

    first = [asyncio.create_task(ask(name)) for name in ("slow", "quick", "deaf", "slower")]
    assert await asyncio.gather(*first) == [504, 200, 201, 504]
    again = asyncio.create_task(ask("slow"))
    await asyncio.sleep(0)
    release.set()
    assert await again == 200
    cancelled = asyncio.create_task(ask("deaf"))
    release.clear()
    other = asyncio.create_task(ask("slow"))
    await asyncio.sleep(0)
    other.cancel()
    with pytest.raises(asyncio.CancelledError):
        await other
    assert await cancelled == 201


async def test_too_many_requests_at_once_are_refused_but_for_masters() -> None:
    limits = {"max_requests_in_flight": 0, "max_mutating_requests_in_flight": 1, "priority_and_fairness": False}
    async with running_api(**limits) as api:
        answer = await Api(api.server, JANE).get(CONFIG_MAPS)
        assert (answer.code, answer.message) == (429, "Too many requests, please try again later.")
        assert answer.header("retry-after") == ["1"]
        assert (await api.get(CONFIG_MAPS)).code == 200
        assert (await Api(api.server, JANE).post(CONFIG_MAPS, {"metadata": {"name": "a"}})).code == 201


async def test_every_answer_carries_an_audit_id() -> None:
    async with running_api() as api:
        assert len((await api.get(CONFIG_MAPS)).header("audit-id")[0]) == 36
        response = await api.send("GET", CONFIG_MAPS, headers=[("audit-id", "mine")])
        assert response.header("audit-id") == "mine"
        assert len((await api.get(CONFIG_MAPS + "/nobody")).header("audit-id")[0]) == 36


async def test_nothing_is_kept_on_the_way_but_what_says_so() -> None:
    async with running_api() as api:
        await api.config_map("a")
        for path, kept in (
            (f"{CONFIG_MAPS}/a", ["no-cache, private"]),
            (CONFIG_MAPS, ["no-cache, private"]),
            (f"{CONFIG_MAPS}/none", ["no-cache, private"]),
            ("/version", ["no-cache, private"]),
            ("/openapi/v3/api/v1", ["no-cache, private"]),
        ):
            assert (await api.get(path)).header("cache-control") == kept, path
        hashed = await api.get("/openapi/v3/api/v1", "hash=x")
        assert hashed.header("cache-control") == ["public, immutable"]


async def test_rights_are_asked_before_anything_else_is_read() -> None:
    async with running_api(authorization_modes=("RBAC",)) as api:
        jane = Api(api.server, JANE)
        answer = await jane.post(CONFIG_MAPS, b"{")
        assert answer.code == 403
        assert answer.message == (
            'configmaps is forbidden: User "jane" cannot create resource "configmaps" in API group "" '
            'in the namespace "default"'
        )
        assert (await jane.get("/nothing")).code == 403
        assert (await jane.get("/readyz")).code == 200
        assert (await jane.get("/version")).code == 200


async def test_a_role_takes_effect_with_its_answer() -> None:
    async with running_api(authorization_modes=("RBAC",)) as api:
        jane = Api(api.server, JANE)
        rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/default"
        rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]}]
        await api.post(rbac + "/roles", {"metadata": {"name": "r"}, "rules": rules})
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"}
        subjects = [{"kind": "User", "name": "jane", "apiGroup": "rbac.authorization.k8s.io"}]
        assert (await jane.get(CONFIG_MAPS)).code == 403
        binding = {"metadata": {"name": "b"}, "roleRef": reference, "subjects": subjects}
        assert (await api.post(rbac + "/rolebindings", binding)).code == 201
        assert (await jane.get(CONFIG_MAPS)).code == 200
