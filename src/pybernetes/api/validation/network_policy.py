"""NetworkPolicies (networking.k8s.io/v1)."""

from ...base import cidr
from .. import field
from .addresses import ip_range
from .selectors import label_selector
from .values import Errors, Object, each, port_name, port_number

_PROTOCOLS = ("TCP", "UDP", "SCTP")
_TYPES = ("Ingress", "Egress")


def validate_create(policy: Object) -> Errors:
    spec = policy.get("spec") or {}
    errors = label_selector(spec.get("podSelector"), "spec.podSelector")
    for direction, peers in (("ingress", "from"), ("egress", "to")):
        for index, rule in enumerate(spec.get(direction) or ()):
            path = f"spec.{direction}[{index}]"
            for place, port in enumerate(rule.get("ports") or ()):
                errors += _port(port, f"{path}.ports[{place}]")
            for place, peer in enumerate(rule.get(peers) or ()):
                errors += _peer(peer, f"{path}.{peers}[{place}]")
    types = spec.get("policyTypes") or []
    if len(types) > len(_TYPES):
        words = "may not specify more than two policyTypes"
        return [*errors, field.invalid("spec.policyTypes", types, words)]
    return errors + [
        field.not_supported(f"spec.policyTypes[{index}]", kind, _TYPES)
        for index, kind in enumerate(types)
        if kind not in _TYPES
    ]


def _port(row: Object, path: str) -> Errors:
    protocol, port, end = row.get("protocol"), row.get("port"), row.get("endPort")
    errors: Errors = []
    if protocol is not None and protocol not in _PROTOCOLS:
        errors.append(field.not_supported(f"{path}.protocol", protocol, _PROTOCOLS))
    if port is None:
        if end is not None:
            words = "may not be specified when `port` is not specified"
            errors.append(field.invalid(f"{path}.endPort", end, words))
    elif isinstance(port, int):
        errors += port_number(port, f"{path}.port")
        if end is not None:
            if end < port:
                words = "must be greater than or equal to `port`"
                errors.append(field.invalid(f"{path}.endPort", end, words))
            errors += port_number(end, f"{path}.endPort")
    else:
        if end is not None:
            words = "may not be specified when `port` is non-numeric"
            errors.append(field.invalid(f"{path}.endPort", end, words))
        errors += each(f"{path}.port", port, port_name(port))
    return errors


def _peer(peer: Object, path: str) -> Errors:
    block = peer.get("ipBlock")
    count = 0
    errors: Errors = []
    for key in ("podSelector", "namespaceSelector"):
        if peer.get(key) is not None:
            count += 1
            errors += label_selector(peer[key], f"{path}.{key}")
    if block is not None:
        errors += _block(block, f"{path}.ipBlock")
        if count:
            errors.append(field.forbidden(path, "may not specify both ipBlock and another peer"))
    elif not count:
        errors.append(field.required(path, "must specify a peer"))
    return errors


def _block(block: Object, path: str) -> Errors:
    text = block.get("cidr") or ""
    if not text:
        return [field.required(f"{path}.cidr")]
    errors = ip_range(text, f"{path}.cidr")
    try:
        whole = cidr.parse(text)
    except cidr.InvalidCIDR:
        return errors
    for index, part in enumerate(block.get("except") or ()):
        where = f"{path}.except[{index}]"
        errors += ip_range(part, where)
        try:
            inner = cidr.parse(part)
        except cidr.InvalidCIDR:
            continue
        if not whole.covers(inner) or whole.prefix >= inner.prefix:
            errors.append(field.invalid(where, part, "must be a strict subset of `cidr`"))
    return errors


def validate_update(new: Object, old: Object) -> Errors:
    return validate_create(new)
