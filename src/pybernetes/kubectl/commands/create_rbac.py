"""`kubectl create role|clusterrole|rolebinding|clusterrolebinding`."""

from __future__ import annotations

from ..errors import CommandError, quoted
from ..objects.generated import GENERATOR, finish, metadata, name_of, require

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

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
    verbs, urls = list(dict.fromkeys(flags.many("verb"))), flags.many("non-resource-url")
    meta = metadata(session, name, namespaced=not cluster)
    obj: dict[str, Any] = {"kind": "ClusterRole" if cluster else "Role", "apiVersion": f"{_GROUP}/v1", "metadata": meta}
    aggregation = flags.text("aggregation-rule")
    if aggregation:
        if urls or flags.many("resource") or flags.many("resource-name"):
            raise CommandError("aggregation rule must be specified without nonResourceURLs, resources or resourceNames")
        labels = dict(part.split("=", 1) for part in aggregation.split(","))
        obj["aggregationRule"] = {"clusterRoleSelectors": [{"matchLabels": labels}]}
        obj["rules"] = None
        finish(session, obj)
        return
    if not verbs:
        raise CommandError("at least one verb must be specified")
    if "*" in verbs:
        verbs = ["*"]
    names = flags.many("resource-name")
    if urls:
        if flags.many("resource"):
            raise CommandError("cannot specify both resources and nonResourceURLs")
        obj["rules"] = [{"verbs": verbs, "nonResourceURLs": urls}]
        finish(session, obj)
        return
    if not flags.many("resource"):
        raise CommandError(
            "at least one resource must be specified"
            if not cluster
            else "one of resource or nonResourceURL must be specified"
        )
    for verb in verbs:
        if verb not in _VERBS:
            session.tell(f"Warning: '{verb}' is not a standard resource verb")
    obj["rules"] = _rules(session, verbs, flags.many("resource"), names)
    finish(session, obj)


def _rules(session: Session, verbs: list[str], words: list[str], names: list[str]) -> list[dict[str, Any]]:
    """One rule per API group, its resources in the order given."""
    by_group: dict[str, list[str]] = {}
    for word in dict.fromkeys(words):
        resource, _, subresource = word.partition("/")
        if not resource:
            raise CommandError("resource must be specified if apiGroup/subresource specified")
        if resource == "*":
            by_group.setdefault("", []).append(word)
            continue
        try:
            known = session.mapper.resource(resource)
        except CommandError:
            if "." not in resource:
                raise CommandError(f"the server doesn't have a resource type {quoted(resource)}", prefix="") from None
            session.tell(f"Warning: Unable to find resource type {quoted(resource)}")
            raise
        plural = f"{known.name}/{subresource}" if subresource else known.name
        by_group.setdefault(known.group, []).append(plural)
    rules = []
    for group in sorted(by_group):
        rule: dict[str, Any] = {"verbs": verbs, "apiGroups": [group], "resources": list(dict.fromkeys(by_group[group]))}
        if names:
            rule["resourceNames"] = names
        rules.append(rule)
    return rules


def _binding(session: Session, name: str, *, cluster: bool) -> None:
    flags = session.flags
    role, cluster_role = flags.text("role"), flags.text("clusterrole")
    if cluster:
        if not cluster_role:
            raise CommandError('required flag(s) "clusterrole" not set')
    elif bool(role) == bool(cluster_role):
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
        "kind": "ClusterRole" if cluster_role else "Role",
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
