"""ServiceCIDRs (networking.k8s.io/v1): one range, or one of each family. A second family may be added later."""

from .. import field
from .addresses import family, ip_range
from .values import Errors, Object, immutable

_PATH = "spec.cidrs"


def validate_create(service_cidr: Object) -> Errors:
    spec = service_cidr.get("spec") or {}
    cidrs = spec.get("cidrs") or []
    if not cidrs:
        return [field.required(_PATH, "at least one CIDR required")]
    if len(cidrs) > 2:
        return [field.invalid(_PATH, spec, "may only hold up to 2 values")]
    if len(cidrs) == 2 and {family(cidr.partition("/")[0]) for cidr in cidrs} != {4, 6}:
        words = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64"
        return [field.invalid(_PATH, spec, words)]
    return [error for at, cidr in enumerate(cidrs) for error in ip_range(cidr, f"{_PATH}[{at}]")]


def validate_update(new: Object, old: Object) -> Errors:
    after = (new.get("spec") or {}).get("cidrs") or []
    before = (old.get("spec") or {}).get("cidrs") or []
    if len(before) == 1 and len(after) == 2:
        return immutable(after[0], before[0], f"{_PATH}[0]") + validate_create(new)
    return immutable(after, before, _PATH)
