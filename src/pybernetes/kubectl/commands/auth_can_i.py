"""`kubectl auth can-i`: may I do this; what may I do."""

from __future__ import annotations

from ..errors import CommandError, StatusFailure
from ..output.go_json import compact
from ..output.table import Columns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ..session import Session

_VERBS = (
    "get list watch create update patch delete deletecollection use bind impersonate * approve sign escalate attest"
).split()
_URL_VERBS = ("get", "put", "post", "head", "options", "delete", "patch", "*")
FLAGS = "-A,all-namespaces=false list=false no-headers=false -q,quiet=false subresource=''"


def run(session: Session) -> int:
    flags = session.flags
    if flags.on("list"):
        if session.args:
            raise CommandError("list option must be specified with no arguments")
        namespace = session.namespace
        if flags.on("quiet") or flags.on("all-namespaces") or flags.text("subresource"):
            raise CommandError(
                "list option can't be specified with neither quiet, all-namespaces nor subresource options"
            )
        return _list(session, namespace)
    if len(session.args) != 2:
        raise CommandError(
            "you must specify two arguments: verb resource or verb resource/resourceName.\n"
            "See 'kubectl auth can-i -h' for help and examples."
        )
    verb, what = session.args[0], session.args[1]
    namespace = "" if flags.on("all-namespaces") else session.namespace
    if what.startswith("/"):
        if flags.text("subresource"):
            raise CommandError("--subresource can not be used with NonResourceURL")
        _tell_unknown(session, verb, _URL_VERBS)
        spec: dict[str, Any] = {"nonResourceAttributes": {"verb": verb, "path": what}}
    else:
        spec = {"resourceAttributes": _resource(session, verb, what, namespace)}
    if flags.on("no-headers"):
        raise CommandError("--no-headers cannot be set without --list specified")
    body = {"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "spec": spec}
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    status = session.client.object("POST", path, body=compact(body).encode()).get("status") or {}
    allowed = bool(status.get("allowed"))
    if not flags.on("quiet"):
        text = "yes" if allowed else "no"
        if not allowed and status.get("reason"):
            text += f" - {status['reason']}"
        if not allowed and status.get("evaluationError"):
            text += f" - {status['evaluationError']}"
        session.print(text)
    return 0 if allowed else 1


def _resource(session: Session, verb: str, what: str, namespace: str) -> dict[str, str]:
    word, _, name = what.partition("/")
    group, resource = "", word
    if word != "*":
        try:
            known = session.mapper.resource(word)
        except (CommandError, StatusFailure):
            bare, _, group = word.partition(".")
            resource = bare
            if group:
                session.tell(f"Warning: the server doesn't have a resource type '{bare}' in group '{group}'", "")
            else:
                session.tell(f"Warning: the server doesn't have a resource type '{bare}'", "")
        else:
            group, resource = known.group, known.name
            if not known.namespaced and namespace:
                session.tell(
                    f"Warning: resource '{known.name}' is not namespace scoped"
                    + (f" in group '{known.group}'" if known.group else ""),
                    "",
                )
    else:
        group = "*"
    if namespace:
        _tell_unknown(session, verb, _VERBS)
    found = {"namespace": namespace, "verb": verb, "group": group, "resource": resource}
    if session.flags.text("subresource"):
        found["subresource"] = session.flags.text("subresource")
    if name:
        found["name"] = name
    return {key: value for key, value in found.items() if value}


def _tell_unknown(session: Session, verb: str, known: Sequence[str]) -> None:
    if verb not in known:
        session.tell(f"Warning: verb '{verb}' is not a known verb", "")


def _list(session: Session, namespace: str) -> int:
    body = {
        "kind": "SelfSubjectRulesReview",
        "apiVersion": "authorization.k8s.io/v1",
        "spec": {"namespace": namespace},
    }
    path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    status = session.client.object("POST", path, body=compact(body).encode()).get("status") or {}
    columns = Columns(session.out.write)
    if not session.flags.on("no-headers"):
        columns.add(["Resources", "Non-Resource URLs", "Resource Names", "Verbs"])
    for row in rows(status):
        columns.add(row)
    columns.flush()
    if status.get("incomplete"):
        session.tell(f"Warning: the list may be incomplete: {status.get('evaluationError', '')}")
    return 0


def rows(status: dict[str, Any]) -> list[list[str]]:
    """Resource, URL, names and verbs of all rules, in the order of their texts: verbs first, then group and resource.

    Resources of the same group and name are one row, with the verbs of all rules; URLs are a row for each verb.
    """
    verbs: dict[tuple[str, str, str], list[str]] = {}
    for rule in status.get("resourceRules") or ():
        for group in rule.get("apiGroups") or ("",):
            for resource in rule.get("resources") or ():
                for name in rule.get("resourceNames") or ("",):
                    known = verbs.setdefault((str(group), str(resource), str(name)), [])
                    known += [verb for verb in rule.get("verbs") or () if verb not in known]
    found = [
        ((f"[{' '.join(all_)}]", f"[{group}]", f"[{resource}]", f"[{name}]", ""), f"{resource}.{group}".rstrip("."))
        for (group, resource, name), all_ in verbs.items()
    ]
    for rule in status.get("nonResourceRules") or ():
        for url in rule.get("nonResourceURLs") or ():
            found += [((f"[{verb}]", "[]", "[]", "[]", f"[{url}]"), "") for verb in rule.get("verbs") or ()]
    return [[shown, key[4] or "[]", key[3], key[0]] for key, shown in sorted(found, key=lambda one: one[0])]
