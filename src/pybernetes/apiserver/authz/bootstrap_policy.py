"""The default roles and bindings, and the start-up hook that keeps them.

Names and rules are upstream's, read from `api/data/wellknown.json`; kubeadm's bindings for joining are added here.
On start `ensure_rbac` compares them with what is there: what is missing is created, rules and subjects that were taken
away from a default object come back, additions stay, and an object annotated
`rbac.authorization.kubernetes.io/autoupdate: "false"` is left alone. On a running cluster this reads memory and writes
nothing.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from ...api.resource import load_data, resource_for_kind
from ...api.status import StatusError
from ...api.user import SYSTEM_MASTERS, UserInfo
from ...base.http.message import App, Request
from ...base.log import logger
from ..reader import Object, ObjectReader
from .rbac import GROUP
from .rules import missing_rules

log = logger(__name__)

AUTOUPDATE = "rbac.authorization.kubernetes.io/autoupdate"
_API_VERSION = f"{GROUP}/v1"
_HOOK_USER = UserInfo("system:apiserver", groups=(SYSTEM_MASTERS,))
_CONCURRENCY = 32
_NODE_CLIENT = "system:certificates.k8s.io:certificatesigningrequests:nodeclient"
_SELF_NODE_CLIENT = "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient"
_BOOTSTRAPPERS = "g:system:bootstrappers"
_SUBJECT_KINDS = {"u": "User", "g": "Group", "sa": "ServiceAccount"}

_JOIN_CLUSTER_ROLES: dict[str, Any] = {
    "kubeadm:get-nodes": {"rules": [{"g": [""], "r": ["nodes"], "v": ["get"]}]},
}
_JOIN_CLUSTER_ROLE_BINDINGS: dict[str, Any] = {
    "kubeadm:cluster-admins": {"role": "ClusterRole/cluster-admin", "subjects": ["g:kubeadm:cluster-admins"]},
    "kubeadm:get-nodes": {"role": "ClusterRole/kubeadm:get-nodes", "subjects": [_BOOTSTRAPPERS]},
    "kubeadm:kubelet-bootstrap": {"role": "ClusterRole/system:node-bootstrapper", "subjects": [_BOOTSTRAPPERS]},
    "kubeadm:node-autoapprove-bootstrap": {"role": f"ClusterRole/{_NODE_CLIENT}", "subjects": [_BOOTSTRAPPERS]},
    "kubeadm:node-autoapprove-certificate-rotation": {
        "role": f"ClusterRole/{_SELF_NODE_CLIENT}",
        "subjects": ["g:system:nodes"],
    },
}
_CLUSTER_INFO = "kube-public/kubeadm:bootstrap-signer-clusterinfo"
_JOIN_ROLES: dict[str, Any] = {
    _CLUSTER_INFO: {"rules": [{"g": [""], "r": ["configmaps"], "n": ["cluster-info"], "v": ["get"]}]},
}
_JOIN_ROLE_BINDINGS: dict[str, Any] = {
    _CLUSTER_INFO: {"role": "Role/kubeadm:bootstrap-signer-clusterinfo", "subjects": ["u:system:anonymous"]},
}

_GATED_CONTROLLERS: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "StorageVersionMigrator": (
        "storage-version-migrator-controller",
        [
            # An apply to what is gone would create it: allowed, so that it fails with a conflict over the uid.
            {"g": ["*"], "r": ["*"], "v": ["list", "create", "patch"]},
            {"g": ["storagemigration.k8s.io"], "r": ["storageversionmigrations"], "v": ["get", "list", "watch"]},
            {"g": ["storagemigration.k8s.io"], "r": ["storageversionmigrations/status"], "v": ["update"]},
            {"g": ["apiextensions.k8s.io"], "r": ["customresourcedefinitions"], "v": ["get"]},
            {"g": ["apiextensions.k8s.io"], "r": ["customresourcedefinitions/status"], "v": ["patch", "update"]},
        ],
    ),
    "StorageVersionAPI": (
        "storageversion-garbage-collector-controller",
        [
            {"g": ["coordination.k8s.io"], "r": ["leases"], "v": ["get", "list", "watch"]},
            {"g": ["internal.apiserver.k8s.io"], "r": ["storageversions"], "v": ["get", "list", "watch", "delete"]},
            {"g": ["internal.apiserver.k8s.io"], "r": ["storageversions/status"], "v": ["get", "update", "patch"]},
        ],
    ),
    "GenericWorkload": (
        "podgroup-protection-controller",
        [
            {"g": ["scheduling.k8s.io"], "r": ["podgroups"], "v": ["get", "list", "watch", "update"]},
            {"g": [""], "r": ["pods"], "v": ["get", "list", "watch"]},
        ],
    ),
}
"""Feature gate -> the controller that runs with it, and what that may do."""


def default_objects(gates: Mapping[str, bool] | None = None) -> list[Object]:
    """Every default ClusterRole, Role and binding in wire form, roles before the bindings that name them.

    An aggregated role (admin, edit, view) comes with the rules the aggregation controller would collect.
    """
    table = load_data("wellknown")["rbac"]
    cluster_roles = {**table["clusterRoles"], **table["controllerRoles"], **_JOIN_CLUSTER_ROLES}
    roles = {**table["roles"], **_JOIN_ROLES}
    cluster_bindings = {
        **table["clusterRoleBindings"],
        **table["controllerRoleBindings"],
        **_JOIN_CLUSTER_ROLE_BINDINGS,
    }
    bindings = {**table["roleBindings"], **_JOIN_ROLE_BINDINGS}
    for gate, (name, rules) in _GATED_CONTROLLERS.items():
        if gates is not None and gates.get(gate):
            controller = f"system:controller:{name}"
            cluster_roles[controller] = {"rules": rules}
            subjects = [f"sa:kube-system/{name}"]
            cluster_bindings[controller] = {"role": f"ClusterRole/{controller}", "subjects": subjects}
    objects = [_role("ClusterRole", key, row) for key, row in cluster_roles.items()]
    _aggregate(objects)
    objects += [_role("Role", key, row) for key, row in roles.items()]
    objects += [_binding("ClusterRoleBinding", key, row) for key, row in cluster_bindings.items()]
    objects += [_binding("RoleBinding", key, row) for key, row in bindings.items()]
    return objects


def reconciled(default: Object, current: Object | None) -> Object | None:
    """What to write so that `current` holds at least what `default` says; None when nothing is to be done.

    A binding whose roleRef differs cannot be updated: the answer is then the default itself, to be written anew.
    """
    if current is None:
        return default
    metadata = current["metadata"]
    annotations, labels = metadata.get("annotations") or {}, metadata.get("labels") or {}
    if annotations.get(AUTOUPDATE) == "false":
        return None
    changed: Object = {**current}
    wanted_labels = {**default["metadata"]["labels"], **labels}
    wanted_annotations = {**default["metadata"]["annotations"], **annotations}
    if wanted_labels != labels or wanted_annotations != annotations:
        changed["metadata"] = {**metadata, "labels": wanted_labels, "annotations": wanted_annotations}
    if "roleRef" in default:
        if default["roleRef"] != current.get("roleRef"):
            return default
        present = {_subject_key(subject) for subject in current.get("subjects") or ()}
        lost = [subject for subject in default.get("subjects", ()) if _subject_key(subject) not in present]
        if lost:
            changed["subjects"] = [*(current.get("subjects") or ()), *lost]
    elif "aggregationRule" in default:
        if current.get("aggregationRule") != default["aggregationRule"]:
            changed["aggregationRule"] = default["aggregationRule"]
    else:
        missing = missing_rules(current.get("rules") or (), default["rules"])
        if missing:
            changed["rules"] = [*(current.get("rules") or ()), *missing]
    return changed if changed != current else None


async def ensure_rbac(reader: ObjectReader, app: App, gates: Mapping[str, bool] | None = None) -> int:
    """Write what is missing through `app` (the whole API, as system:masters). Returns the number of writes.

    StatusError when a write fails for another reason than somebody else doing the same at the same time.
    """
    limit = asyncio.Semaphore(_CONCURRENCY)
    writes = 0
    objects = default_objects(gates)

    async def ensure(default: Object) -> None:
        nonlocal writes
        info = resource_for_kind(_API_VERSION, default["kind"])
        metadata = default["metadata"]
        current = reader.get(info, metadata.get("namespace", ""), metadata["name"])
        wanted = reconciled(default, current)
        if wanted is None:
            return
        writes += 1
        collection = info.path(metadata.get("namespace"))
        item = info.path(metadata.get("namespace"), metadata["name"])
        async with limit:
            if current is not None and wanted is default:
                await _write(app, "DELETE", item, b"")
                current = None
            body = msgspec.json.encode(wanted)
            await _write(app, "POST" if current is None else "PUT", collection if current is None else item, body)

    for is_binding in (False, True):
        chosen = [item for item in objects if ("roleRef" in item) is is_binding]
        await asyncio.gather(*(ensure(item) for item in chosen))
    if writes:
        log.info("Default roles and bindings written", count=writes)
    return writes


async def _write(app: App, method: str, path: str, body: bytes) -> None:
    headers = [("content-type", "application/json"), ("accept", "application/json"), ("user-agent", "kube-apiserver")]
    request = Request(method, path, headers=headers, body=body, context={"user": _HOOK_USER})
    try:
        response = await app(request)
        if response.status < 400:
            return
        text = response.body if isinstance(response.body, bytes) else b""
        raise StatusError.from_status(msgspec.json.decode(text) if text[:1] == b"{" else {}, response.status)
    except StatusError as error:
        if error.code not in (404, 409):
            raise


def _metadata(key: str, kind: str, row: dict[str, Any]) -> dict[str, Any]:
    namespace, _, name = key.rpartition("/") if kind in ("Role", "RoleBinding") else ("", "", key)
    metadata: dict[str, Any] = {
        "name": name,
        "labels": {"kubernetes.io/bootstrapping": "rbac-defaults", **row.get("labels", {})},
        "annotations": {AUTOUPDATE: "true"},
    }
    return {**metadata, "namespace": namespace} if namespace else metadata


_RULE_KEYS = {"g": "apiGroups", "r": "resources", "n": "resourceNames", "u": "nonResourceURLs", "v": "verbs"}


def _role(kind: str, key: str, row: dict[str, Any]) -> Object:
    role: Object = {"apiVersion": _API_VERSION, "kind": kind, "metadata": _metadata(key, kind, row)}
    role["rules"] = [{_RULE_KEYS[k]: value for k, value in rule.items()} for rule in row.get("rules", ())]
    if "aggregate" in row:
        role["aggregationRule"] = {"clusterRoleSelectors": [{"matchLabels": labels} for labels in row["aggregate"]]}
    return role


def _binding(kind: str, key: str, row: dict[str, Any]) -> Object:
    role_kind, _, role_name = row["role"].partition("/")
    binding: Object = {"apiVersion": _API_VERSION, "kind": kind, "metadata": _metadata(key, kind, row)}
    binding["roleRef"] = {"apiGroup": GROUP, "kind": role_kind, "name": role_name}
    subjects = [_subject(text) for text in row.get("subjects", ())]
    return {**binding, "subjects": subjects} if subjects else binding


def _subject(text: str) -> dict[str, str]:
    """`u:NAME`, `g:NAME` or `sa:NAMESPACE/NAME`."""
    prefix, _, name = text.partition(":")
    kind = _SUBJECT_KINDS[prefix]
    if kind == "ServiceAccount":
        namespace, _, account = name.partition("/")
        return {"kind": kind, "name": account, "namespace": namespace}
    return {"apiGroup": GROUP, "kind": kind, "name": name}


def _subject_key(subject: dict[str, str]) -> tuple[str, str, str]:
    return subject.get("kind", ""), subject.get("namespace", ""), subject.get("name", "")


def _aggregate(roles: list[Object]) -> None:
    """Fill the rules of aggregated roles, inner ones first (admin aggregates edit, which aggregates view)."""
    by_name = {role["metadata"]["name"]: role for role in roles}
    done: set[str] = set()

    def fill(role: Object) -> None:
        if role["metadata"]["name"] in done or "aggregationRule" not in role:
            return
        done.add(role["metadata"]["name"])
        rules: list[dict[str, Any]] = []
        for selector in role["aggregationRule"]["clusterRoleSelectors"]:
            for name in sorted(by_name):
                other = by_name[name]
                if other is not role and _matches(other["metadata"]["labels"], selector["matchLabels"].items()):
                    fill(other)
                    rules += [rule for rule in other["rules"] if rule not in rules]
        role["rules"] = rules

    for role in roles:
        fill(role)


def _matches(labels: dict[str, str], wanted: Iterable[tuple[str, str]]) -> bool:
    return all(labels.get(key) == value for key, value in wanted)
