"""From words to resources: `po`, `pod`, `pods.v1.`, `deploy.apps`, `deployments.v1.apps`, `all`, and kinds of files.

When a word is unknown and what is known came from the disk, the server is asked once more before giving up.
"""

from __future__ import annotations

from .discovery import Discovery, Resource, cached, refreshed
from .errors import CommandError, StatusFailure, Unreachable, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .client import Client


_CLUSTER_SCOPED = ("Namespace", "ClusterRole", "ClusterRoleBinding", "PriorityClass")
"""Those of the built-in kinds that commands name themselves."""


class NoKind(Exception):
    """No resource has that kind in that version."""

    def __init__(self, api_version: str, kind: str) -> None:
        super().__init__(f"no matches for kind {quoted(kind)} in version {quoted(api_version)}")


class Mapper:
    """Looks resources up."""

    def __init__(self, client: Client, cache_dir: str) -> None:
        self._client = client
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
        """The resource of a built-in kind; one who may not discover may be allowed to use it. NoKind."""
        try:
            return self.kind(api_version, kind)
        except (StatusFailure, Unreachable):
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
        rest = word.lower().partition(".")[2]
        if rest:
            version, _, group = rest.partition(".")
            found = self._named(word, version, group)
            if found is not None:
                return found
            return self._named(word, "", rest)
        return self._named(word, "", None)

    def _named(self, word: str, version: str, group: str | None) -> Resource | None:
        """By plural, singular or short name, in the server's order of groups and each group's order of versions.

        Short names alone tell great letters from small ones.
        """
        ordered = self._candidates(version, group)
        short = word.partition(".")[0]
        for matches, name in ((_by_name, short.lower()), (_by_singular, short.lower()), (_by_short_name, short)):
            for resource in ordered:
                if matches(resource, name):
                    return resource
        return None

    def _candidates(self, version: str, group: str | None) -> list[Resource]:
        rank = {
            (name, served): (number, place)
            for number, (name, versions) in enumerate(self.discovery.groups)
            for place, served in enumerate(versions)
        }
        chosen = [
            resource
            for resource in self.discovery.resources
            if (not version or resource.version == version)
            and (
                group is None
                or resource.group == group
                or (group and resource.group.startswith(group + ".") and not version)
            )
        ]
        last = (len(rank), 0)
        return sorted(chosen, key=lambda resource: rank.get((resource.group, resource.version), last))


def _by_name(resource: Resource, name: str) -> bool:
    return resource.name == name


def _by_singular(resource: Resource, name: str) -> bool:
    return resource.singular == name or resource.kind.lower() == name


def _by_short_name(resource: Resource, name: str) -> bool:
    return name in resource.short_names
