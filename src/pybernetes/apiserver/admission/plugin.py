"""The contract of an admission plugin.

Admission runs after authorization and decoding, before the object is validated and stored. First every plugin's `admit`
may change `request.object` in the order of `ORDER`; then the object is validated; then every plugin's `validate` may
refuse. The object is the request's own copy, but what lies in a spec or status that an update leaves alone is that of
`old_object`: members of such may be set, what is in them must be replaced and not changed. A plugin refuses by
raising `StatusError` (usually `status.forbidden`), warns by appending to `request.warnings`. Nothing is written but
through the API, and not at all when `dry_run` is set.
"""

from typing import Any, Protocol

import msgspec

from ...api.resource import ResourceInfo
from ...api.user import UserInfo


class AdmissionRequest(msgspec.Struct, kw_only=True):
    """One write on its way in. `operation` is CREATE, UPDATE, DELETE or CONNECT.

    `object` is the new object in wire form (None on DELETE), `old_object` the stored one (None on CREATE);
    for a subresource such as `pods/binding` or `pods/eviction` `object` is that subresource's own kind.
    `resource` is the stored version, in which the objects are; `served` the one the client spoke (None: the same).

    Changes made late may matter to plugins that ran early: a plugin that changed the object and wants the others to
    look again sets `reinvoke`, and all run a second time with `round` 1. `notes` is where a plugin keeps what it has to
    remember between the rounds, under its own name.
    """

    operation: str
    resource: ResourceInfo
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    object: dict[str, Any] | None = None
    old_object: dict[str, Any] | None = None
    options: dict[str, Any] = {}
    user: UserInfo
    dry_run: bool = False
    warnings: list[str] = []
    served: ResourceInfo | None = None
    round: int = 0
    reinvoke: bool = False
    notes: dict[str, Any] = {}


class AdmissionPlugin(Protocol):
    """See the module docstring. A plugin implements one or both steps; the other returns at once."""

    name: str

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        """Whether requests of this shape concern the plugin; asked once per shape and remembered."""

    async def admit(self, request: AdmissionRequest) -> None:
        """May change request.object in place."""

    async def validate(self, request: AdmissionRequest) -> None:
        """May refuse; changes nothing."""
