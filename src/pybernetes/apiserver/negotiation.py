"""Which form a client sends and wants: the media types of bodies, and what Accept asks for.

Accept         application/json (default), application/yaml, Kubernetes protobuf (built-in kinds, and the metadata of
               any); `;as=Table`, `;as=PartialObjectMetadata[List]` of `g=meta.k8s.io` and `v=v1` or `v1beta1`
Content-Type   application/json (default), application/yaml, Kubernetes protobuf; patches name their own

`formats.py` writes objects in the form that was agreed on.
"""

from functools import lru_cache
from typing import Any

import msgspec
import orjson

from ..api import status
from ..api.schema.loading import read
from ..base.http.accept import clauses
from ..base.http.message import BodyTooLarge, Request

JSON = "application/json"
YAML = "application/yaml"
ACCEPTED = (JSON, YAML)
PROTOBUF = "application/vnd.kubernetes.protobuf"
PROTOBUF_WATCH = PROTOBUF + ";stream=watch"
ACCEPTED_BODIES = (JSON, YAML, PROTOBUF)
BODY_LIMIT = 3 * 1024 * 1024

TABLE = "Table"
PARTIAL = "PartialObjectMetadata"
PARTIAL_LIST = "PartialObjectMetadataList"
FORMS = (TABLE, PARTIAL, PARTIAL_LIST)
"""What stored objects can be answered as; reviews know none of them."""
_IN_PROTOBUF = (PARTIAL, PARTIAL_LIST)
NO_FORMS: tuple[str, ...] = ()
_PEOPLE = ("curl", "Wget", "Mozilla/5.0")
_TRUE = ("1", "t", "T", "true", "TRUE", "True")
_META_GROUP = "meta.k8s.io"
_META_VERSIONS = ("v1", "v1beta1")


class Representation(msgspec.Struct, frozen=True):
    """What to answer: the media type, one of FORMS or "", that form's version in meta.k8s.io, and whether JSON is
    indented."""

    media: str = JSON
    form: str = ""
    form_version: str = "v1"
    pretty: bool = False

    @property
    def meta(self) -> str:
        """The apiVersion of the form."""
        return f"{_META_GROUP}/{self.form_version}"


PLAIN = Representation()
"""What most requests want; `negotiate` returns this very object for it."""


@lru_cache(256)
def negotiate(accept: str, *, forms: tuple[str, ...] = FORMS, protobuf: bool = False) -> Representation:
    """The first acceptable representation in an Accept header. StatusError 406 when there is none.

    A clause whose parameters cannot be had is passed over; parameters that nobody knows are ignored.
    """
    if not accept:
        return PLAIN
    for media, options in clauses(accept):
        if options.get("stream", "") not in ("", "watch") or options.get("sv", "") not in ("", "v1"):
            continue
        if options.keys().isdisjoint(("as", "g", "v")):
            form, version = "", "v1"
        else:
            form, version = options.get("as", ""), options.get("v", "")
            if form not in forms or version not in _META_VERSIONS or options.get("g") != _META_GROUP:
                continue
        if media in ("*/*", "application/*", JSON):
            found = Representation(JSON, form, version, options.get("pretty") == "1")
            return PLAIN if found == PLAIN else found
        if media == YAML:
            return Representation(YAML, form, version)
        if media == PROTOBUF and (form in _IN_PROTOBUF or (protobuf and not form)):
            return Representation(PROTOBUF, form, version)
    raise status.not_acceptable((*ACCEPTED, PROTOBUF) if protobuf else ACCEPTED)


def representation(request: Request, *, forms: tuple[str, ...] = FORMS, protobuf: bool = False) -> Representation:
    """What the request wants."""
    accept = request.header("accept")
    if not accept or accept == JSON:
        want = PLAIN
    else:
        want = negotiate(accept, forms=forms, protobuf=protobuf)
    if want.media == JSON and is_for_people(request):
        return msgspec.structs.replace(want, pretty=True)
    return want


def is_for_people(request: Request) -> bool:
    """Whether JSON is to be indented: when `?pretty=true` says so, or says nothing and a person seems to look."""
    if request.query and "pretty=" in request.query:
        value = request.params().get("pretty", "")
        if value:
            return value in _TRUE
    agent = request.header("user-agent")
    return agent is not None and agent.startswith(_PEOPLE)


def indented(data: bytes) -> bytes:
    """JSON for people."""
    return orjson.dumps(orjson.loads(data), option=orjson.OPT_INDENT_2) + b"\n"


async def read_body(request: Request, limit: int = BODY_LIMIT) -> bytes:
    """The whole body. StatusError 413 when it is too large."""
    try:
        return await request.body.read(limit)
    except BodyTooLarge:
        raise status.too_large(f"Request entity too large: limit is {limit}") from None


def media_type(request: Request) -> str:
    """The body's media type without parameters; JSON when the header is missing."""
    value = request.header("content-type")
    return value.partition(";")[0].strip().lower() if value else JSON


def parse(data: bytes, media: str, accepted: tuple[str, ...] = ACCEPTED_BODIES) -> Any:
    """Decode a body. StatusError 415 for other media types; ValueError with the parser's words for bad syntax."""
    if media == JSON:
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError:
            return _parse_slowly(data)
    if media == YAML and media in accepted:
        return parse_yaml(data)
    if media == PROTOBUF and media in accepted:
        from ..api.protobuf import decode

        return decode(data)
    raise status.unsupported_media_type(accepted)


def _parse_slowly(data: bytes) -> Any:
    try:
        return read(data)
    except RecursionError:
        raise ValueError("exceeded max depth") from None
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None


def parse_yaml(data: bytes) -> Any:
    """One YAML document as JSON values: dates stay text, aliases are refused (they can grow without bound)."""
    from .yaml_body import load

    return load(data)


def render_yaml(data: bytes) -> bytes:
    """JSON bytes as a YAML document."""
    from .yaml_body import dump

    return dump(orjson.loads(data))
