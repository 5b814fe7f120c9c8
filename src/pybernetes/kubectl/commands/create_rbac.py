"""`kubectl create role|clusterrole|rolebinding|clusterrolebinding`."""

from __future__ import annotations

from ..errors import CommandError, Unreachable, quoted
from ..objects.generated import GENERATOR, finish, metadata, name_of, require

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..flags import Values
    from ..session import Session

_RULES = f"resource=[] resource-name=[+] verb=[] {GENERATOR}"
_SUBJECTS = f"clusterrole='' group=[+] serviceaccount=[+] user=[+] {GENERATOR}"
FLAGS = {
    "create role": _RULES,
    "create clusterrole": f"aggregation-rule='' non-resource-url=[] {_RULES}",
    "create rolebinding": f"role='' {_SUBJECTS}",
    "create clusterrolebinding": _SUBJECTS,
}
_GROUP = "rbac.authorization.k8s.io"
_VERBS = (
    "get delete list create update patch watch proxy deletecollection use bind escalate impersonate approve sign "
    "attest *"
).split()


_URL_VERBS = ("*", "get", "post", "put", "delete", "patch", "head", "options")
_ROLES = ((_GROUP, "roles"), (_GROUP, "clusterroles"))
_SPECIAL = {
    "use": (("policy", "podsecuritypolicies"), ("extensions", "podsecuritypolicies")),
    "bind": _ROLES,
    "escalate": _ROLES,
    "impersonate": (("", "users"), ("", "serviceaccounts"), ("", "groups"), ("authentication.k8s.io", "userextras")),
}
"""Verbs that mean something for these resources alone, whether or not the server knows them."""


def run(session: Session) -> int:
    kind = session.command.rpartition(" ")[2]
    if session.command == "create clusterrolebinding":
        require(session, "clusterrole")
    name = name_of(session)
    if kind in ("role", "clusterrole"):
        _role(session, name, cluster=kind == "clusterrole")
    else:
        _binding(session, name, cluster=kind == "clusterrolebinding")
    return 0


def _role(session: Session, name: str, *, cluster: bool) -> None:
    flags = session.flags
    verbs, urls = list(dict.fromkeys(flags.many("verb"))), list(dict.fromkeys(flags.many("non-resource-url")))
    words, names = flags.many("resource"), list(dict.fromkeys(flags.many("resource-name")))
    meta = metadata(session, name, namespaced=not cluster)
    obj: dict[str, Any] = {"kind": "ClusterRole" if cluster else "Role", "apiVersion": f"{_GROUP}/v1", "metadata": meta}
    if "*" in verbs:
        verbs = ["*"]
    if labels := _aggregation(flags):
        if urls or verbs or words or names:
            raise CommandError(
                "aggregation rule must be specified without nonResourceURLs, verbs, resources or resourceNames"
            )
        finish(session, {**obj, "rules": None, "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": labels}]}})
        return
    if not verbs:
        raise CommandError("at least one verb must be specified")
    if not words and not urls:
        what = "one of resource or nonResourceURL" if cluster else "at least one resource"
        raise CommandError(f"{what} must be specified")
    for verb in verbs if words else ():
        if verb not in _VERBS:
            session.tell(f"Warning: '{verb}' is not a standard resource verb")
    obj["rules"] = _rules(session, verbs, words, names)
    if urls:
        _check_urls(verbs, urls)
        obj["rules"].append({"verbs": verbs, "nonResourceURLs": urls})
    finish(session, obj)


def _aggregation(flags: Values) -> dict[str, str]:
    """The labels of `--aggregation-rule`, read before all else. CommandError."""
    found = {}
    for pair in flags.text("aggregation-rule").split(",") if flags.text("aggregation-rule") else ():
        key, equals, value = pair.partition("=")
        if not equals:
            shown = quoted(flags.text("aggregation-rule"))
            raise CommandError(
                f'invalid argument {shown} for "--aggregation-rule" flag: malformed pair, expect string=string\n'
                "See 'kubectl create clusterrole --help' for usage."
            )
        found[key.strip()] = value.strip()
    return found


def _check_urls(verbs: list[str], urls: list[str]) -> None:
    for verb in verbs:
        if verb not in _URL_VERBS:
            raise CommandError(f"invalid verb: '{verb}' for nonResourceURL")
    for url in urls:
        if url != "*" and url[:1] != "/":
            raise CommandError("nonResourceURL should start with /")
        if "*" in url[:-1]:
            raise CommandError("nonResourceURL only supports wildcard matches when '*' is at the end")


def _rules(session: Session, verbs: list[str], words: list[str], names: list[str]) -> list[dict[str, Any]]:
    """One rule per API group, its resources in the order given."""
    by_group: dict[str, list[str]] = {}
    for word in ["*"] if "*" in words else words:
        wanted, _, subresource = word.partition("/")
        resource, _, group = wanted.partition(".")
        if not resource:
            raise CommandError("resource must be specified if apiGroup/subresource specified")
        if resource != "*":
            group, resource = _known(session, verbs, resource, group)
        plural = f"{resource}/{subresource}" if subresource else resource
        if plural not in by_group.setdefault(group, []):
            by_group[group].append(plural)
    rules = []
    for group in sorted(by_group):
        rule: dict[str, Any] = {"verbs": verbs, "apiGroups": [group], "resources": by_group[group]}
        if names:
            rule["resourceNames"] = names
        rules.append(rule)
    return rules


def _known(session: Session, verbs: list[str], resource: str, group: str) -> tuple[str, str]:
    """Group and name as the server has them. CommandError for what it has not, or what a verb does not apply to."""
    missing = None
    try:
        found = session.mapper.resource(f"{resource}.{group}" if group else resource)
        if not found.group.startswith(group):
            raise CommandError("a version is no part of a group")
        group, resource = found.group, found.name
    except Unreachable:
        raise
    except CommandError:
        where = f" in group {quoted(group)}" if group else ""
        missing = CommandError(f"the server doesn't have a resource type {quoted(resource)}{where}", prefix="")
    for verb in verbs:
        if verb in _SPECIAL:
            if (group, resource) not in _SPECIAL[verb]:
                raise CommandError(f"can not perform '{verb}' on '{resource}' in group '{group}'")
            missing = None
    if missing:
        raise missing
    return group, resource


def _binding(session: Session, name: str, *, cluster: bool) -> None:
    flags = session.flags
    role, cluster_role = flags.text("role"), flags.text("clusterrole")
    if not cluster and bool(role) == bool(cluster_role):
        raise CommandError("exactly one of clusterrole or role must be specified")
    subjects: list[dict[str, str]] = []
    subjects += [{"kind": "User", "apiGroup": _GROUP, "name": user} for user in dict.fromkeys(flags.many("user"))]
    subjects += [{"kind": "Group", "apiGroup": _GROUP, "name": group} for group in dict.fromkeys(flags.many("group"))]
    for text in dict.fromkeys(flags.many("serviceaccount")):
        namespace, colon, account = text.partition(":")
        if not colon or not namespace or not account or ":" in account:
            raise CommandError("serviceaccount must be <namespace>:<name>")
        subjects.append({"kind": "ServiceAccount", "name": account, "namespace": namespace})
    reference = {
        "apiGroup": _GROUP,
        "kind": "ClusterRole" if cluster or cluster_role else "Role",
        "name": cluster_role or role,
    }
    obj: dict[str, Any] = {
        "kind": "ClusterRoleBinding" if cluster else "RoleBinding",
        "apiVersion": f"{_GROUP}/v1",
        "metadata": metadata(session, name, namespaced=not cluster),
    }
    if subjects:
        obj["subjects"] = subjects
    obj["roleRef"] = reference
    finish(session, obj)
