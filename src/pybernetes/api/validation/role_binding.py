"""RoleBindings and ClusterRoleBindings (rbac.authorization.k8s.io/v1): who gets which role, for good."""

from .. import field, names
from .internal import ROLE_REF, as_internal
from .values import Errors, Object, each, named, same, subdomain

_GROUP = "rbac.authorization.k8s.io"


def validate_create(binding: Object) -> Errors:
    namespaced = binding.get("kind") == "RoleBinding"
    role = binding.get("roleRef") or {}
    errors: Errors = []
    if role.get("apiGroup") != _GROUP:
        errors.append(field.not_supported("roleRef.apiGroup", role.get("apiGroup") or "", (_GROUP,)))
    kinds = ("Role", "ClusterRole") if namespaced else ("ClusterRole",)
    if role.get("kind") not in kinds:
        errors.append(field.not_supported("roleRef.kind", role.get("kind") or "", kinds))
    errors += named("roleRef.name", role.get("name") or "", names.path_segment)
    for index, subject in enumerate(binding.get("subjects") or ()):
        errors += _subject(subject, f"subjects[{index}]", namespaced=namespaced)
    return errors


def _subject(subject: Object, path: str, *, namespaced: bool) -> Errors:
    name, group, kind = subject.get("name") or "", subject.get("apiGroup") or "", subject.get("kind") or ""
    errors: Errors = [] if name else [field.required(f"{path}.name")]
    if kind == "ServiceAccount":
        if name:
            errors += each(f"{path}.name", name, subdomain(name))
        if group:
            errors.append(field.not_supported(f"{path}.apiGroup", group, ("",)))
        if not namespaced and not subject.get("namespace"):
            errors.append(field.required(f"{path}.namespace"))
    elif kind in ("User", "Group"):
        if not name:
            errors.append(field.invalid(f"{path}.name", name, f"{kind.lower()} name cannot be empty"))
        if group != _GROUP:
            errors.append(field.not_supported(f"{path}.apiGroup", group, (_GROUP,)))
    else:
        errors.append(field.not_supported(f"{path}.kind", kind, ("ServiceAccount", "User", "Group")))
    return errors


def validate_update(new: Object, old: Object) -> Errors:
    errors = validate_create(new)
    if not same(new.get("roleRef"), old.get("roleRef")):
        errors.append(
            field.invalid("roleRef", as_internal(new.get("roleRef") or {}, ROLE_REF), "cannot change roleRef")
        )
    return errors
