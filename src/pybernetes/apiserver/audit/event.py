"""One audit event (audit.k8s.io/v1 Event) in wire form, as far as it is known at a stage."""

from datetime import datetime
from typing import Any

import orjson

from ...api.instants import format_micro_time
from ...api.user import UserInfo
from ...base.http.message import Request
from ..request_info import RequestInfo
from .policy import LEVELS

Object = dict[str, Any]


class Event:
    """Grows with the request; `encoded` is what a backend writes for a stage."""

    __slots__ = ("_body", "annotations", "level", "stage_bodies")

    def __init__(self, request: Request, info: RequestInfo, user: UserInfo, level: int, received: datetime) -> None:
        self.level = level
        self.annotations: dict[str, str] = {}
        target = f"{request.path}?{request.query}" if request.query else request.path
        body: Object = {
            "kind": "Event",
            "apiVersion": "audit.k8s.io/v1",
            "level": LEVELS[level],
            "auditID": request.context.get("audit_id", ""),
            "stage": "",
            "requestURI": target,
            "verb": info.verb,
        }
        body.update(_client(request, user))
        if info.is_resource:
            body["objectRef"] = _reference(info)
        body["requestReceivedTimestamp"] = format_micro_time(received)
        self._body = body

    def impersonated(self, user: UserInfo, constraint: str) -> None:
        """Whom the request acts as, and by which constrained permission, if by one."""
        self._body["impersonatedUser"] = user_of(user)
        if constraint:
            self._body["authenticationMetadata"] = {"impersonationConstraint": constraint}

    def requested(self, obj: Any) -> None:
        """The object that was sent."""
        self._body["requestObject"] = obj

    def responded(self, status: Object, obj: Any = None) -> None:
        """How it went."""
        self._body["responseStatus"] = status
        if obj is not None:
            self._body["responseObject"] = obj

    def named(self, name: str, uid: str, version: str) -> None:
        """What an object that was created turned out to be called."""
        reference = self._body.get("objectRef")
        if reference is not None:
            for key, value in (("name", name), ("uid", uid), ("resourceVersion", version)):
                if value and key not in reference:
                    reference[key] = value

    def encoded(self, stage: str, now: datetime) -> bytes:
        """JSON of the event at a stage."""
        self._body["stage"] = stage
        self._body["stageTimestamp"] = format_micro_time(now)
        if self.annotations:
            self._body["annotations"] = self.annotations
        return orjson.dumps(self._body)


def _client(request: Request, user: UserInfo) -> Object:
    """Who asks, from where and with what; found and encoded once for requests of a connection with equal headers."""
    known: tuple[UserInfo, Object] | None = request.facts.get("audit")
    if known is not None and known[0] is user:
        return known[1]
    found: Object = {
        "user": orjson.Fragment(orjson.dumps(user_of(user))),
        "sourceIPs": orjson.Fragment(orjson.dumps(_sources(request))),
    }
    agent = request.header("user-agent")
    if agent:
        found["userAgent"] = agent
    request.facts["audit"] = (user, found)
    return found


def user_of(user: UserInfo) -> Object:
    """UserInfo in wire form."""
    found: Object = {"username": user.name}
    if user.uid:
        found["uid"] = user.uid
    if user.groups:
        found["groups"] = user.groups
    if user.extra:
        found["extra"] = user.extra
    return found


def _sources(request: Request) -> list[str]:
    """The way of the request: what proxies say, then the peer."""
    found = [text.strip() for value in request.header_all("x-forwarded-for") for text in value.split(",")]
    if not found and request.header("x-real-ip"):
        found = [str(request.header("x-real-ip"))]
    if request.remote_address and (not found or found[-1] != request.remote_address):
        found.append(request.remote_address)
    return found


def _reference(info: RequestInfo) -> Object:
    found = {
        "resource": info.resource,
        "namespace": info.namespace,
        "name": info.name,
        "apiGroup": info.group,
        "apiVersion": info.version,
        "subresource": info.subresource,
    }
    return {key: value for key, value in found.items() if value}
