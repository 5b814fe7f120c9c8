"""One request on its way through a verb: the request, what it asks for, and the endpoint that serves it."""

from functools import lru_cache
from typing import Any

import orjson

from ..api import status
from ..api.resource import ResourceInfo
from ..api.user import ANONYMOUS, UserInfo
from ..base.http.message import Headers, Request, Response
from .authz.authorizer import Attributes
from .authz.forbidden import forbidden
from .formats import single_only, to_protobuf
from .negotiation import (
    FORMS,
    JSON,
    PLAIN,
    PROTOBUF,
    TABLE,
    YAML,
    Representation,
    indented,
    render_yaml,
    representation,
)
from .registry import Endpoint, Registry
from .request_info import RequestInfo
from .resources.generic import GenericResource
from .table import Included, ResourceRows, partial_metadata, to_table
from .watch_cache import WatchCache

_REPEATED = 128


@lru_cache(128)
def _parsed(query: str) -> dict[str, str]:
    """The parameters of a query that may come again, as those of an applier do: 2 us less for each."""
    return Request("GET", "/", query).params()


class Call:
    """`namespace` is "" for cluster-scoped resources, whatever the path says."""

    __slots__ = ("_params", "cache", "endpoint", "info", "name", "namespace", "registry", "request", "subresource")

    def __init__(
        self, request: Request, info: RequestInfo, endpoint: Endpoint, registry: Registry, cache: WatchCache
    ) -> None:
        self.request = request
        self.info = info
        self.endpoint = endpoint
        self.registry = registry
        self.cache = cache
        self.namespace = info.namespace if endpoint.info.namespaced else ""
        self.name = info.name
        self.subresource = info.subresource
        self._params: dict[str, str] | None = None

    @property
    def params(self) -> dict[str, str]:
        """Query parameters, first value of each; shared, so never changed."""
        if self._params is None:
            query = self.request.query
            self._params = _parsed(query) if len(query) <= _REPEATED else self.request.params()
        return self._params

    @property
    def served(self) -> ResourceInfo:
        return self.endpoint.info

    @property
    def resource(self) -> GenericResource:
        """The stored resource. StatusError 405 for kinds that are never stored."""
        found = self.endpoint.resource
        if found is None:
            raise not_allowed()
        return found

    @property
    def user(self) -> UserInfo:
        user: UserInfo = self.request.context.get("user", ANONYMOUS)
        return user

    @property
    def warnings(self) -> list[str]:
        """Texts for Warning headers; the filters add them to the response."""
        found: list[str] = self.request.context.setdefault("warnings", [])
        return found

    def representation(self, forms: tuple[str, ...] = FORMS) -> Representation:
        """What the client wants. StatusError 406."""
        return representation(self.request, forms=forms, protobuf=self.endpoint.protobuf)

    async def may_create(self) -> None:
        """StatusError 403 unless the user may create what this request names."""
        authorizer = self.registry.authorizer
        if authorizer is None:
            return
        info = self.info
        wanted = Attributes(
            self.user, "create", info.group, info.version, info.resource, "", info.namespace, self.name, info.path
        )
        decision = await authorizer.authorize(wanted)
        if not decision.allowed:
            raise forbidden(wanted, decision.reason)

    def not_found(self) -> status.StatusError:
        return status.not_found(self.served.group, self.served.plural, self.name)

    def respond(self, data: bytes, code: int = 200, *, want: Representation | None = None) -> Response:
        """An object's JSON, in the storage version, in the form the client wants."""
        if want is None:
            want = self.representation()
        form = self.endpoint.formats
        if want is PLAIN:
            return Response(code, [("content-type", JSON)], form.plain.encode(data))
        single_only(want, self.served)
        if want.media == PROTOBUF:
            return Response(code, [("content-type", PROTOBUF)], form.of(want).encode(data))
        include = self.params.get("includeObject", "") if want.form == TABLE else ""
        return self.respond_raw(form.of(want, include).encode(data), code, want=want)

    def respond_raw(self, data: bytes, code: int = 200, *, want: Representation | None = None) -> Response:
        """JSON that is already in its final form; as YAML or protobuf when the client wants that."""
        if want is None:
            want = self.representation()
        headers: Headers = [("content-type", want.media)]
        if want.media == YAML:
            return Response(code, headers, render_yaml(data))
        if want.media == PROTOBUF:
            return Response(code, headers, to_protobuf(data))
        return Response(code, headers, indented(data) if want.pretty else data)

    def respond_other(self, obj: dict[str, Any], code: int = 200) -> Response:
        """An object of another kind than the endpoint's (a Scale), as a table or cut to its metadata when the client
        wants that."""
        want = self.representation()
        single_only(want, self.served)
        if want.form == TABLE:
            rows = ResourceRows(self.served, Included(api_version=want.meta), obj["kind"])
            metadata = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
            obj = to_table(rows, [obj], metadata, want.meta)
        elif want.form:
            obj = partial_metadata(obj, want.meta)
        return self.respond_raw(orjson.dumps(obj), code, want=want)


def not_allowed() -> status.StatusError:
    """405 for a method that this path does not serve."""
    words = "the server does not allow this method on the requested resource"
    return status.StatusError(405, "MethodNotAllowed", words, {})


def no_such_path() -> status.StatusError:
    """404 for a path that is not served (the resource, not the object, is unknown)."""
    return status.page_not_found()
