"""From words to resources: `po`, `pod`, `pods.v1.`, `deploy.apps`, `deployments.v1.apps`, `all`, and kinds of files.

When a word is unknown and what is known came from the disk, the server is asked once more before giving up.
"""

from __future__ import annotations

from .discovery import Discovery, Resource, cached, refreshed
from .errors import CommandError, StatusFailure, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .client import Client


_CLUSTER_SCOPED = ("Namespace", "ClusterRole", "ClusterRoleBinding", "PriorityClass")
"""Those of the built-in kinds that commands name themselves."""


class NoKind(Exception):
    """No resource has that kind in that version."""

    def __init__(self, api_version: str, kind: str) -> None:
        super().__init__(f"no matches for kind {quoted(kind)} in version {quoted(api_version)}")


class Mapper:
    """Looks resources up."""

    def __init__(self, client: Client, cache_dir: str, warn: Callable[[str], None] = lambda text: None) -> None:
        self._client = client
        self._warn = warn
        self._cache_dir = cache_dir
        self._found: Discovery | None = None
        self._refreshed = False

    @property
    def discovery(self) -> Discovery:
        if self._found is None:
            self._found = cached(self._client, self._cache_dir)
        return self._found

    def refresh(self) -> Discovery:
        """Ask the server again."""
        self._found = refreshed(self._client, self._cache_dir)
        self._refreshed = True
        return self._found

    def _again(self) -> bool:
        """Is another look worth it? Then take it."""
        if self.discovery.fresh or self._refreshed:
            return False
        self.refresh()
        return True

    def resource(self, word: str) -> Resource:
        """The resource that a word names. CommandError."""
        found = self._match(word)
        if found is None and self._again():
            found = self._match(word)
        if found is None:
            raise CommandError(f"the server doesn't have a resource type {quoted(word.partition('.')[0])}")
        return found

    def known(self, word: str) -> Resource | None:
        """The same without asking the server again and without an error."""
        return self._match(word)

    def category(self, word: str) -> list[Resource]:
        """The resources of a category such as `all`, in the server's order; empty when it is none."""
        found: dict[tuple[str, str], Resource] = {}
        for group, versions in self.discovery.groups:
            for resource in self.discovery.resources:
                if resource.group == group and resource.version in versions and word in resource.categories:
                    found.setdefault((group, resource.name), resource)
        return list(found.values())

    def builtin(self, api_version: str, kind: str) -> Resource:
        """The resource of a built-in kind; one who may not discover may be allowed to use it, and a server without it
        says so itself.
        """
        try:
            return self.kind(api_version, kind)
        except (CommandError, StatusFailure, NoKind):
            group, _, version = api_version.rpartition("/")
            word = kind.lower()
            name = word + ("es" if word.endswith("s") else "s")
            return Resource(group, version, name, kind, kind not in _CLUSTER_SCOPED)

    def kind(self, api_version: str, kind: str) -> Resource:
        """The resource of an object. NoKind."""
        found = self._by_kind(api_version, kind)
        if found is None and self._again():
            found = self._by_kind(api_version, kind)
        if found is None:
            raise NoKind(api_version, kind)
        return found

    def _by_kind(self, api_version: str, kind: str) -> Resource | None:
        group, slash, version = api_version.partition("/")
        if not slash:
            group, version = "", group
        for resource in self.discovery.resources:
            if resource.kind == kind and resource.version == version and resource.group == group:
                return resource
        return None

    def _match(self, word: str) -> Resource | None:
        name, _, rest = word.partition(".")
        version, dot, group = rest.partition(".")
        found = self._named(name, group.lower(), version.lower()) if dot else None
        return found or self._named(name, rest.lower())

    def _named(self, name: str, group: str, version: str = "") -> Resource | None:
        """By plural or singular, else by short name, in the server's order of groups and each group's of versions.

        A group is preferred that is named whole to one that only begins so; no group means any. Short names alone tell
        great letters from small ones and do not care for versions.
        """
        ordered = self._ordered()
        inside = [resource for resource in ordered if not group or resource.group == group]
        near = [resource for resource in ordered if group and resource.group.startswith(group)]
        found = _by_name(inside, name.lower(), version) or self._by_short_name(inside, name)
        if found is None and near:
            found = self._by_short_name(near, name) or (None if version else _by_name(near, name.lower(), ""))
        return found

    def _by_short_name(self, resources: list[Resource], name: str) -> Resource | None:
        """The first; that others have it too is told."""
        matching = [resource for resource in resources if name in resource.short_names]
        others = dict.fromkeys(resource.full_name for resource in matching)
        for other in list(others)[1:]:
            self._warn(f"short name {quoted(name)} could also match lower priority resource {other}")
        return matching[0] if matching else None

    def _ordered(self) -> list[Resource]:
        rank = {
            (name, served): (number, place)
            for number, (name, versions) in enumerate(self.discovery.groups)
            for place, served in enumerate(versions)
        }
        last = (len(rank), 0)
        return sorted(self.discovery.resources, key=lambda resource: rank.get((resource.group, resource.version), last))


def _by_name(resources: list[Resource], name: str, version: str) -> Resource | None:
    served = [resource for resource in resources if not version or resource.version == version]
    found = next((resource for resource in served if resource.name == name), None)
    return found or next((r for r in served if name in (r.singular, r.kind.lower())), None)
