"""The address families of a service: what a client left open is worked out from what it said (KEP-563). Pure.

    clusterIP, clusterIPs ──▶ in step ──▶ ipFamilyPolicy ──▶ ipFamilies ──▶ as many addresses as there are families

Policy: SingleStack unless given, and what it was on an update; a headless service without selector has both families,
whatever the cluster has. PreferDualStack takes the families that the cluster has, RequireDualStack fails without two.
A service is upgraded and downgraded by its policy alone: nothing happens to it when the cluster changes.
"""

from collections.abc import Sequence
from ipaddress import IPv6Address
from typing import Any

from ...api import field
from ...api.field import FieldError
from ...api.validation.addresses import family
from ...api.validation.service import validate_cluster_addresses

Spec = dict[str, Any]

NONE = "None"
SINGLE, PREFER, REQUIRE = "SingleStack", "PreferDualStack", "RequireDualStack"
_OTHER = {"IPv4": "IPv6", "IPv6": "IPv4"}
_POLICY = "spec.ipFamilyPolicy"


def has_address(spec: Spec) -> bool:
    """Whether a service of this type has cluster addresses (or is headless)."""
    return bool(spec.get("type", "ClusterIP") != "ExternalName")


def family_of(address: str) -> str:
    """`IPv4` or `IPv6`."""
    return "IPv6" if ":" in address else "IPv4"


def canonical(address: str) -> str:
    """The one form of an address of IPv6, which can be written in many."""
    return str(IPv6Address(address)) if ":" in address else address


def keep_in_step(new: Spec, old: Spec | None) -> None:
    """The singular and the plural field of addresses, of which an older client knows only one. On an update what the
    client left out is what it was; what it changed in one field only holds for both."""
    if old is None:
        if new.get("clusterIP") and not new.get("clusterIPs"):
            new["clusterIPs"] = [new["clusterIP"]]
        return
    if has_address(new) and has_address(old):
        if not new.get("clusterIP") and old.get("clusterIP"):
            new["clusterIP"] = old["clusterIP"]
        if not new.get("clusterIPs") and old.get("clusterIPs") and new.get("clusterIP") == old.get("clusterIP"):
            new["clusterIPs"] = old["clusterIPs"]
    same = (new.get("clusterIPs") or []) == (old.get("clusterIPs") or [])
    if same and (new.get("clusterIP") or "") != (old.get("clusterIP") or ""):
        if new.get("clusterIP"):
            new["clusterIPs"] = [new["clusterIP"]]
        else:
            new.pop("clusterIPs", None)


def complete(new: Spec, old: Spec | None, cluster: Sequence[str]) -> list[FieldError]:
    """Fill in policy and families; with the policy SingleStack take the second address and family away.

    `cluster` are the families that the cluster's service network has, the default one first. What contradicts itself,
    or the cluster, is told and left."""
    if not has_address(new) or _stays_preferred(new, old):
        return []
    is_free = new.get("clusterIP") == NONE and not new.get("selector")
    if not new.get("ipFamilyPolicy"):
        new["ipFamilyPolicy"] = (old or {}).get("ipFamilyPolicy") or (REQUIRE if is_free else SINGLE)
    errors = validate_cluster_addresses(new, old or {})
    if errors:
        return errors
    errors = _downgraded(new, old) if old is not None else []
    errors += _single_of_one(new)
    errors += _inferred(new, cluster)
    if errors:
        return errors
    families = new.get("ipFamilies") or []
    if not is_free:
        errors = _unknown(new["ipFamilyPolicy"], families, cluster)
        if errors:
            return errors
    families = families or [cluster[0]]
    if len(families) == 1 and new["ipFamilyPolicy"] != SINGLE and (is_free or len(cluster) == 2):
        families = [*families, _OTHER[families[0]]]
    new["ipFamilies"] = families
    return []


def _stays_preferred(new: Spec, old: Spec | None) -> bool:
    """Whether an update of a PreferDualStack service leaves everything about addresses as it was."""
    if old is None or new.get("type") != old.get("type") or new.get("ipFamilyPolicy") != PREFER:
        return False
    return all(new.get(key) == old.get(key) for key in ("ipFamilyPolicy", "clusterIPs", "ipFamilies"))


def _downgraded(new: Spec, old: Spec) -> list[FieldError]:
    """A policy of SingleStack alone says that the second address goes; without it nobody may leave it out."""
    if new["ipFamilyPolicy"] == SINGLE:
        for key in ("clusterIPs", "ipFamilies"):
            if len(new.get(key) or ()) > 1 and new[key] == old.get(key):
                new[key] = new[key][:1]
        return []
    errors = []
    for key, words in (("clusterIPs", "cluster IP"), ("ipFamilies", "IP family")):
        if 0 < len(new.get(key) or ()) < len(old.get(key) or ()):
            text = f"must be 'SingleStack' to release the secondary {words}"
            errors.append(field.invalid(_POLICY, new["ipFamilyPolicy"], text))
    return errors


def _single_of_one(spec: Spec) -> list[FieldError]:
    if spec["ipFamilyPolicy"] != SINGLE:
        return []
    words = "must be 'RequireDualStack' or 'PreferDualStack' when multiple {} are specified"
    return [
        field.invalid(_POLICY, SINGLE, words.format(what))
        for key, what in (("clusterIPs", "cluster IPs"), ("ipFamilies", "IP families"))
        if len(spec.get(key) or ()) == 2
    ]


def _inferred(spec: Spec, cluster: Sequence[str]) -> list[FieldError]:
    """Families that a client did not name, of the addresses that it did."""
    errors = []
    addresses, families = spec.get("clusterIPs") or [], list(spec.get("ipFamilies") or ())
    for index, address in enumerate(addresses):
        if address == NONE:
            break
        if index < len(families):
            continue
        found = family_of(address) if family(address) else "unknown"
        if found in cluster:
            families.append(found)
        else:
            words = f"{found} is not configured on this cluster"
            errors.append(field.invalid(f"spec.clusterIPs[{index}]", addresses, words))
    if families:
        spec["ipFamilies"] = families
    return errors


def _unknown(policy: str, families: Sequence[str], cluster: Sequence[str]) -> list[FieldError]:
    errors = []
    if policy == REQUIRE and len(cluster) < 2:
        errors.append(field.invalid(_POLICY, policy, "this cluster is not configured for dual-stack services"))
    for index, found in enumerate(families):
        if found not in cluster:
            errors.append(field.invalid(f"spec.ipFamilies[{index}]", found, "not configured on this cluster"))
    return errors
