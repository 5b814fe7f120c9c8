"""ListOptions: the parameters of lists, watches and deletecollection, checked as `ValidateListOptions` does."""

import base64

import msgspec

from ...api import field, status
from ...api.field import FieldError
from ...api.resource import ResourceInfo
from ...api.schema.syntax import syntax_error
from ..call import Call
from ..parameters import flag
from ..watch_cache import Selection
from ..watch_cache.entry import Probe
from ..watch_cache.selection import select
from .numbers import signed, unsigned

_MATCHES = ("Exact", "NotOlderThan")


class ListOptions(msgspec.Struct):
    """`version` is the resourceVersion as sent; `send_initial_events` is None when the parameter is missing."""

    version: str
    match: str
    limit: int
    continue_token: str
    send_initial_events: bool | None
    bookmarks: bool
    timeout_seconds: int


def list_options(call: Call, *, watch: bool = False) -> ListOptions:
    """Read and check the parameters. StatusError 400 and 422."""
    params = call.params
    if not params:
        return ListOptions("", "", 0, "", None, False, 0)
    options = ListOptions(
        version=params.get("resourceVersion", ""),
        match=params.get("resourceVersionMatch", ""),
        limit=max(_integer(params, "limit"), 0),
        continue_token=params.get("continue", ""),
        send_initial_events=flag(params, "sendInitialEvents") if "sendInitialEvents" in params else None,
        bookmarks=flag(params, "allowWatchBookmarks"),
        timeout_seconds=_integer(params, "timeoutSeconds"),
    )
    errors = _watch_errors(options, call.registry.gates["WatchList"]) if watch else _list_errors(options)
    if errors:
        raise status.invalid("meta.k8s.io", "ListOptions", "", errors)
    return options


def selection(call: Call) -> Selection:
    """What the request selects. StatusError 400 for selectors that cannot be."""
    params = call.params
    return select(
        call.resource.cache.probe if call.endpoint.to_served is None else _served_probe(call),
        call.namespace,
        # `/api/v1/watch/namespaces/default/pods/web` names its object in the path.
        call.name if call.info.verb == "watch" else "",
        label_selector=params.get("labelSelector", ""),
        field_selector=params.get("fieldSelector", ""),
    )


def _served_probe(call: Call) -> Probe:
    return call.resource.cache.probe.aliased(call.served.field_labels)


def _integer(params: dict[str, str], name: str) -> int:
    text = params.get(name, "")
    return signed(text) if text else 0


def _list_errors(options: ListOptions) -> list[FieldError]:
    errors = []
    path = "resourceVersionMatch"
    if options.send_initial_events is not None:
        errors.append(field.forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    match = options.match
    if match:
        if not options.version:
            errors.append(field.forbidden(path, "resourceVersionMatch is forbidden unless resourceVersion is provided"))
        if options.continue_token:
            errors.append(field.forbidden(path, "resourceVersionMatch is forbidden when continue is provided"))
        if match not in _MATCHES:
            errors.append(field.not_supported(path, match, ("", *_MATCHES)))
        if match == "Exact" and options.version == "0":
            words = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
            errors.append(field.forbidden(path, words))
    return errors


def _watch_errors(options: ListOptions, watch_list: bool) -> list[FieldError]:
    """`watch_list`: whether the feature gate WatchList is on."""
    errors = []
    path = "resourceVersionMatch"
    if options.send_initial_events is not None and not watch_list:
        words = "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"
        errors.append(field.forbidden("sendInitialEvents", words))
    if options.send_initial_events is None:
        if options.match:
            words = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
            errors.append(field.forbidden(path, words))
    elif options.match != "NotOlderThan":
        words = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        errors.append(field.forbidden(path, words))
    if options.continue_token:
        errors.append(field.forbidden("continue", "continue is forbidden for watch"))
    return errors


def revision_of(info: ResourceInfo, version: str) -> int:
    """A resourceVersion as a number. StatusError 422."""
    try:
        return unsigned(version)
    except ValueError as error:
        raise status.invalid(
            info.group, info.plural, "", [field.invalid("resourceVersion", version, str(error))]
        ) from None


class ContinueToken(msgspec.Struct, frozen=True, rename={"version": "v", "revision": "rv", "start": "start"}):
    """Where a paged list goes on: after key `start` at `revision` (-1: at whatever is current)."""

    version: str
    revision: int
    start: str


_TOKEN_VERSION = "meta.k8s.io/v1"
_token = msgspec.json.Decoder(ContinueToken)


def encode_token(revision: int, start: str) -> str:
    """`start` is the last key sent, below the resource's prefix."""
    data = msgspec.json.encode(ContinueToken(_TOKEN_VERSION, revision, start + "\0"))
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode_token(token: str) -> ContinueToken:
    """StatusError 400 for anything this server did not make."""
    text = b""
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        found = _token.decode(text)
    except (ValueError, msgspec.MsgspecError) as error:
        raise status.bad_request(f"continue key is not valid: {(text and syntax_error(text)) or error}") from None
    if found.version != _TOKEN_VERSION or not found.start.endswith("\0") or found.revision == 0:
        raise status.bad_request("continue key is not valid: incorrect encoded start resourceVersion")
    if found.start.startswith("/") or ".." in found.start.split("/"):
        raise status.bad_request(f"continue key is not valid: {found.start[:-1]}")
    return ContinueToken(found.version, found.revision, found.start[:-1])
