"""AdmissionReview: the question a webhook gets and the answer it gives, without any I/O.

What comes back is judged strictly, in upstream's words (`VerifyAdmissionResponse`): a webhook that answers nonsense has
failed, and its failure policy decides.
"""

import base64
import binascii
from typing import Any

import msgspec
import orjson

from ....api.resource import ResourceInfo
from ....api.status import StatusError
from ....api.user import UserInfo

Object = dict[str, Any]

_GROUP = "admission.k8s.io"
_KIND = "AdmissionReview"
_OPTIONS = {"CREATE": "CreateOptions", "UPDATE": "UpdateOptions", "DELETE": "DeleteOptions"}


class BadAnswer(Exception):
    """The webhook's answer cannot be used; the text says why."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One request in the version the webhook wants (`info`, `kind`) and in the one the client spoke (`requested`)."""

    uid: str
    operation: str
    info: ResourceInfo
    requested: ResourceInfo
    subresource: str
    kind: tuple[str, str]
    requested_kind: tuple[str, str]
    namespace: str
    name: str
    user: UserInfo
    object: Object | None
    old_object: Object | None
    options: Object
    dry_run: bool


class Answer(msgspec.Struct, frozen=True):
    """What the webhook said. `patch` is a list of JSON patch operations, empty for none."""

    allowed: bool
    status: Object | None = None
    patch: list[Object] = []
    annotations: dict[str, str] = {}
    warnings: list[str] = []


def group_version_kind(api_version: str, kind: str) -> Object:
    """In wire form."""
    group, _, version = api_version.rpartition("/")
    return {"group": group, "version": version, "kind": kind}


def group_version_resource(info: ResourceInfo) -> Object:
    """In wire form."""
    return {"group": info.group, "version": info.version, "resource": info.plural}


def request_body(question: Question) -> Object:
    """The `request` of an AdmissionReview, and the `request` variable of match conditions."""
    user = question.user
    who: Object = {"username": user.name, "uid": user.uid, "groups": list(user.groups), "extra": user.extra}
    kind = _OPTIONS.get(question.operation)
    options = {"kind": kind, "apiVersion": "meta.k8s.io/v1", **question.options} if kind else None
    found: Object = {
        "uid": question.uid,
        "kind": group_version_kind(*question.kind),
        "resource": group_version_resource(question.info),
        "subResource": question.subresource,
        "requestKind": group_version_kind(*question.requested_kind),
        "requestResource": group_version_resource(question.requested),
        "requestSubResource": question.subresource,
        "name": question.name,
        "namespace": question.namespace,
        "operation": question.operation,
        "userInfo": {key: value for key, value in who.items() if value},
        "object": question.object,
        "oldObject": question.old_object,
        "dryRun": question.dry_run,
        "options": options,
    }
    return {key: value for key, value in found.items() if value != ""}


def encode(question: Question, version: str) -> bytes:
    """The AdmissionReview to send; `version` is v1 or v1beta1."""
    body = {"kind": _KIND, "apiVersion": f"{_GROUP}/{version}", "request": request_body(question)}
    return orjson.dumps(body)


def decode(data: bytes, question: Question, version: str, *, mutating: bool) -> Answer:
    """The webhook's answer. BadAnswer when it is none."""
    try:
        review = orjson.loads(data)
    except ValueError as error:
        raise BadAnswer(f"failed to call webhook: {error}") from None
    response = review.get("response") if isinstance(review, dict) else None
    if not isinstance(response, dict):
        raise BadAnswer("received invalid webhook response: webhook response was absent")
    if version == "v1":
        _check_v1(review, response, question.uid, mutating=mutating)
    return Answer(
        allowed=response.get("allowed") is True,
        status=response.get("status"),
        patch=_patch(response) if mutating else [],
        annotations=response.get("auditAnnotations") or {},
        warnings=[str(text) for text in response.get("warnings") or ()],
    )


def _check_v1(review: Object, response: Object, uid: str, *, mutating: bool) -> None:
    head = "received invalid webhook response: "
    if response.get("uid") != uid:
        found = response.get("uid") or ""
        raise BadAnswer(f'{head}expected response.uid="{uid}", got "{found}"')
    api_version, kind = review.get("apiVersion") or "", review.get("kind") or ""
    if (api_version, kind) != (f"{_GROUP}/v1", _KIND):
        raise BadAnswer(f"{head}expected webhook response of {_GROUP}/v1, Kind={_KIND}, got {api_version}, Kind={kind}")
    patch, patch_type = response.get("patch"), response.get("patchType")
    if not mutating:
        if patch:
            raise BadAnswer(f"{head}validating webhook may not return response.patch")
        if patch_type is not None:
            raise BadAnswer(f"{head}validating webhook may not return response.patchType")
    elif patch and patch_type is None:
        raise BadAnswer(f"{head}webhook returned response.patch but not response.patchType")
    elif patch_type is not None and not patch:
        raise BadAnswer(f"{head}webhook returned response.patchType but not response.patch")
    elif patch_type not in (None, "JSONPatch"):
        raise BadAnswer(f'{head}webhook returned invalid response.patchType of "{patch_type}"')


def _patch(response: Object) -> list[Object]:
    if not response.get("patch"):
        return []
    try:
        found = orjson.loads(base64.b64decode(str(response["patch"]), validate=True))
    except (ValueError, binascii.Error) as error:
        raise BadAnswer(f"received invalid webhook response: {error}") from None
    if not isinstance(found, list) or not all(isinstance(step, dict) for step in found):
        raise BadAnswer("received invalid webhook response: json: cannot unmarshal object into Go value of type Patch")
    return found


def denial(name: str, status: Object | None) -> StatusError:
    """The refusal a client sees, from what the webhook said about it."""
    found = dict(status or {})
    head = f'admission webhook "{name}" denied the request'
    why = found.get("message") or found.get("reason")
    code = int(found.get("code") or 0)
    message = f"{head}: {why}" if why else f"{head} without explanation"
    return StatusError(max(code, 400), str(found.get("reason") or ""), message, found.get("details"))
