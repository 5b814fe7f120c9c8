"""The parameters of writes: dryRun, fieldManager, fieldValidation, checked as upstream checks them."""

from ...api import field, status
from ..call import Call
from ..field_tracking import manager_of
from ..resources.strategy import Write

_VALIDATIONS = ("", "Ignore", "Strict", "Warn")
_FIELD_MANAGER_LIMIT = 128


def write_options(call: Call, kind: str, *, apply: bool = False) -> Write:
    """The `Write` of a request; `kind` is CreateOptions, UpdateOptions or PatchOptions (`apply`: of an apply patch).
    StatusError 422."""
    user_agent = call.request.header("user-agent") or ""
    if not call.request.query and not apply:
        manager = manager_of("", user_agent)
        return Write(
            user=call.user,
            field_manager=manager,
            subresource=call.subresource,
            is_patch=kind == "PatchOptions",
            warnings=call.warnings,
            served=call.served,
            kind=call.endpoint.kind,
        )
    params = call.params
    errors = []
    dry_run = call.request.param_all("dryRun") if "dryRun" in params else []
    if dry_run and any(value != "All" for value in dry_run):
        errors.append(field.not_supported("dryRun", dry_run, ("All",)))
    manager = params.get("fieldManager", "")
    if apply and not manager:
        errors.append(field.required("fieldManager", "is required for apply patch"))
    if kind == "PatchOptions" and not apply and "force" in params:
        errors.append(field.forbidden("force", "may not be specified for non-apply patch"))
    if len(manager) > _FIELD_MANAGER_LIMIT:
        errors.append(field.too_long("fieldManager", _FIELD_MANAGER_LIMIT))
    if not manager.isprintable():
        errors.append(field.invalid("fieldManager", manager, "should only contain printable characters"))
    validation = params.get("fieldValidation") or "Warn"
    if validation not in _VALIDATIONS:
        errors.append(field.not_supported("fieldValidation", validation, _VALIDATIONS))
    if errors:
        raise status.invalid("meta.k8s.io", kind, "", errors)
    options = {key: params[key] for key in ("fieldManager", "fieldValidation") if params.get(key)}
    return Write(
        user=call.user,
        dry_run=bool(dry_run),
        field_manager=manager_of(manager, user_agent),
        field_validation=validation,
        subresource=call.subresource,
        options={**options, "dryRun": ["All"]} if dry_run else options,
        is_patch=kind == "PatchOptions",
        warnings=call.warnings,
        served=call.served,
        kind=call.endpoint.kind,
    )
