"""The parameters of a binding (`paramKind`, `paramRef`)."""

from typing import Any

from ....api.selectors import from_label_selector
from ...reader import ObjectReader
from ..webhook.versions import Versions
from .source import Binding, Policy

Object = dict[str, Any]


class Misconfigured(Exception):
    """A policy or binding that cannot be used; the policy's failurePolicy decides."""


class Params:
    """Finds parameters."""

    def __init__(self, reader: ObjectReader, versions: Versions) -> None:
        self._reader = reader
        self._versions = versions

    async def of(self, policy: Policy, binding: Binding, namespace: str) -> list[Object | None]:
        """One evaluation each; None for a policy without parameters. Misconfigured."""
        kind, reference = policy.param_kind, binding.param_ref
        if kind is None or reference is None:
            return [None]
        api_version, name = kind.get("apiVersion") or "", kind.get("kind") or ""
        info = self._versions.of_kind(api_version, name)
        if info is None:
            raise Misconfigured(f"paramKind kind `{api_version}, Kind={name}` not known")
        place = ""
        if info.namespaced:
            place = reference.get("namespace") or namespace
            if not place:
                raise Misconfigured(
                    "cannot use namespaced paramRef in policy binding that matches cluster-scoped resources"
                )
        elif reference.get("namespace"):
            raise Misconfigured("paramRef.namespace must not be provided for a cluster-scoped `paramKind`")
        found: list[Object] = []
        selector = reference.get("selector")
        if reference.get("name"):
            if selector is not None:
                raise Misconfigured("paramRef.name and paramRef.selector are mutually exclusive")
            one = self._reader.get(info, place, reference["name"])
            found = [one] if one is not None else []
        elif selector is not None:
            labels = from_label_selector(selector)
            listed = self._reader.list(info, place)
            found = [obj for obj in listed if labels.matches(obj["metadata"].get("labels") or {})]
        else:
            raise Misconfigured("one of name or selector must be provided")
        if not found and reference.get("parameterNotFoundAction") == "Deny":
            raise Misconfigured("no params found for policy binding with `Deny` parameterNotFoundAction")
        return [await self._versions.shown(obj, info) for obj in found]
