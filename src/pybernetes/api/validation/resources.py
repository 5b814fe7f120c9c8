"""Resource names and amounts: requests and limits, overhead, capacities (core/v1 ResourceRequirements)."""

from collections.abc import Callable, Collection

from .. import field
from ..quantity import Quantity, QuantityError, parse
from .values import NEGATIVE, NOT_AN_INTEGER, Errors, Object, each, label, qualified_name

HUGE_PAGES = "hugepages-"
_QUOTA_HUGE_PAGES = "requests.hugepages-"
_COMPUTE = frozenset({"cpu", "memory", "ephemeral-storage"})
_COUNTED = frozenset(
    {
        "pods",
        "resourcequotas",
        "services",
        "replicationcontrollers",
        "secrets",
        "configmaps",
        "persistentvolumeclaims",
        "services.nodeports",
        "services.loadbalancers",
    }
)
_QUOTA = (
    _COMPUTE
    | _COUNTED
    | {f"{prefix}.{name}" for prefix in ("requests", "limits") for name in _COMPUTE}
    | {"requests.storage"}
)
_STANDARD = _QUOTA | {"storage"}
_POD_LEVEL = ("cpu", "memory")

NameCheck = Callable[[str, str], Errors]


def is_native(name: str) -> bool:
    return "/" not in name or "kubernetes.io/" in name


def is_extended(name: str) -> bool:
    """A resource of somebody's device plugin: `example.com/gpu`."""
    if is_native(name) or name.startswith("requests."):
        return False
    return not qualified_name(f"requests.{name}")


def is_huge_pages(name: str) -> bool:
    return name.startswith(HUGE_PAGES)


def is_quota_name(name: str) -> bool:
    return name in _QUOTA or name.startswith((HUGE_PAGES, _QUOTA_HUGE_PAGES))


def may_overcommit(name: str) -> bool:
    return is_native(name) and not is_huge_pages(name)


def resource_name(name: str, path: str) -> Errors:
    """Any resource: a standard one or a qualified name."""
    if name in _STANDARD:
        return []
    errors = each(path, name, qualified_name(name))
    if not errors and "/" not in name and not name.startswith((HUGE_PAGES, _QUOTA_HUGE_PAGES)):
        errors.append(field.invalid(path, name, "must be a standard resource type or fully qualified"))
    return errors


def container_resource_name(name: str, path: str) -> Errors:
    """A resource that a container can ask for."""
    if name in _COMPUTE:
        return []
    errors = resource_name(name, path)
    if "/" not in name:
        if not is_huge_pages(name):
            errors.append(field.invalid(path, name, "must be a standard resource for containers"))
    elif not is_native(name) and not is_extended(name):
        errors.append(field.invalid(path, name, "doesn't follow extended resource name standard"))
    return errors


def pod_resource_name(name: str, path: str) -> Errors:
    """A resource that can be given for the pod as a whole."""
    errors = resource_name(name, path)
    if not errors and name not in _POD_LEVEL and not is_huge_pages(name):
        errors.append(field.not_supported(path, name, _POD_LEVEL))
    return errors


def quota_resource_name(name: str, path: str) -> Errors:
    """A resource that a quota can limit."""
    errors = resource_name(name, path)
    if "/" not in name and not is_quota_name(name):
        errors.append(field.invalid(path, name, "must be a standard resource for quota"))
    return errors


def amount(name: str, text: str, path: str) -> Errors:
    """Not negative, and whole where things are counted."""
    quantity = quantity_of(text)
    errors: Errors = []
    if quantity.nanos < 0:
        errors.append(field.invalid(path, str(quantity), NEGATIVE))
    if (name in _COUNTED or (name not in _COMPUTE and is_extended(name))) and quantity.milli() % 1000:
        errors.append(field.invalid(path, str(quantity), NOT_AN_INTEGER))
    return errors


def positive_amount(text: str, path: str) -> Errors:
    quantity = quantity_of(text)
    return [field.invalid(path, str(quantity), "must be greater than zero")] if quantity.nanos <= 0 else []


def quantity_of(text: str | int) -> Quantity:
    """The amount; nothing at all when the text is none (which decoding refuses)."""
    try:
        return parse(str(text))
    except QuantityError:
        return Quantity(0)


def amounts(values: Object | None, path: str, check_name: NameCheck) -> Errors:
    """Every entry of a resource list: `path[name]`."""
    errors: Errors = []
    for name, text in (values or {}).items():
        where = f"{path}[{name}]"
        errors += check_name(name, where)
        errors += amount(name, text, where)
    return errors


def requirements(
    given: Object | None,
    path: str,
    *,
    check_name: NameCheck = container_resource_name,
    claim_names: Collection[str] = (),
) -> Errors:
    """Requests and limits: known names, good amounts, no request above its limit."""
    if not given:
        return []
    limits: dict[str, str] = given.get("limits") or {}
    requests: dict[str, str] = given.get("requests") or {}
    errors: Errors = []
    for name, text in limits.items():
        if name in _COMPUTE and quantity_of(text).nanos >= 0:
            continue
        where = f"{path}.limits[{name}]"
        errors += check_name(name, where)
        errors += amount(name, text, where)
        errors += _huge_pages(name, text, where)
    for name, text in requests.items():
        if name not in _COMPUTE or quantity_of(text).nanos < 0:
            where = f"{path}.requests[{name}]"
            errors += check_name(name, where)
            errors += amount(name, text, where)
            errors += _huge_pages(name, text, where)
        errors += _within_limit(name, text, limits.get(name), path)
    if limits or requests:
        named = limits.keys() | requests.keys()
        if any(map(is_huge_pages, named)) and not named & {"cpu", "memory"}:
            errors.append(field.forbidden(path, "HugePages require cpu or memory"))
    errors += _claims(given.get("claims") or [], claim_names, f"{path}.claims")
    return errors


def _within_limit(name: str, text: str, limit: str | None, path: str) -> Errors:
    if limit is None:
        if not may_overcommit(name):
            return [field.required(f"{path}.limits", "Limit must be set for non overcommitable resources")]
        return []
    if text == limit:
        return []
    asked, allowed = quantity_of(text), quantity_of(limit)
    if asked != allowed and not may_overcommit(name):
        words = f"must be equal to {name} limit of {allowed}"
    elif asked > allowed:
        words = f"must be less than or equal to {name} limit of {allowed}"
    else:
        return []
    return [field.invalid(f"{path}.requests", str(asked), words)]


def _huge_pages(name: str, text: str, path: str) -> Errors:
    if not is_huge_pages(name):
        return []
    size, quantity = quantity_of(name.removeprefix(HUGE_PAGES)), quantity_of(text)
    if size.nanos > 0 and quantity.nanos >= 0 and not quantity.nanos % size.nanos:
        return []
    return [field.invalid(path, str(quantity), f"{quantity} is not positive integer multiple of {name}")]


def _claims(claims: list[Object], known: Collection[str], path: str) -> Errors:
    errors: Errors = []
    seen: set[str] = set()
    for index, claim in enumerate(claims):
        where, name, request = f"{path}[{index}]", claim.get("name") or "", claim.get("request") or ""
        if not name:
            errors.append(field.required(where))
            continue
        if name in seen:
            errors.append(field.duplicate(where, name))
        else:
            key = f"{name}/{request}" if request else name
            if request:
                errors += each(f"{where}.request", request, label(request))
            if key in seen:
                errors.append(field.duplicate(where, key))
            elif not request:
                errors += [field.duplicate(where, name) for other in seen if other.startswith(f"{name}/")]
            seen.add(key)
        if name not in known:
            words = "must be one of the names in pod.spec.resourceClaims"
            words += ": " + ", ".join(sorted(known)) if known else " which is empty"
            errors.append(field.not_found(where, name, words))
    return errors
