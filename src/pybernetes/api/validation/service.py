"""Services (core/v1): ports, addresses, families and traffic policies."""

from typing import Any

from .. import field
from .addresses import endpoint_ip, family, ip, ip_range, one_per_family
from .internal import SERVICE_PORT, as_internal
from .object_meta import validate_labels
from .values import (
    IMMUTABLE,
    PROTOCOLS,
    Errors,
    Object,
    each,
    label,
    named,
    one_of,
    one_of_if_set,
    port_number,
    port_number_or_name,
    qualified_name,
    subdomain,
)

_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_AFFINITIES = ("ClientIP", "None")
_POLICIES = ("Cluster", "Local")
_FAMILIES = ("IPv4", "IPv6")
_FAMILY_POLICIES = ("PreferDualStack", "RequireDualStack", "SingleStack")
_DISTRIBUTIONS = ("PreferClose", "PreferSameZone", "PreferSameNode")
_AFFINITY_LIMIT_SECONDS = 86400
_RANGES_ANNOTATION = "service.beta.kubernetes.io/load-balancer-source-ranges"
_MODE, _HINTS = "service.kubernetes.io/topology-mode", "service.kubernetes.io/topology-aware-hints"
_ONLY_BALANCED = "may only be used when `type` is 'LoadBalancer'"


def validate_create(service: Object) -> Errors:
    return _service(service, None)


def _service(service: Object, old: Object | None) -> Errors:
    spec, before = service.get("spec") or {}, (old or {}).get("spec") or {}
    kind, ports = spec.get("type") or "", spec.get("ports") or []
    annotations = service["metadata"].get("annotations") or {}
    errors: Errors = []
    if _MODE in annotations and _HINTS in annotations and annotations[_MODE] != annotations[_HINTS]:
        words = f"must match annotations[{_HINTS}] when both are specified"
        errors.append(field.invalid(f"metadata.annotations[{_MODE}]", annotations[_MODE], words))
    if not ports and not is_headless(spec) and kind != "ExternalName":
        errors.append(field.required("spec.ports"))
    errors += _by_type(spec, kind)
    errors += _ports(ports)
    if selector := spec.get("selector"):
        errors += validate_labels(selector, "spec.selector")
    errors += _session_affinity(spec)
    if kind != "ExternalName":
        errors += validate_cluster_addresses(spec, before)
    for index, address in enumerate(spec.get("externalIPs") or ()):
        where = f"spec.externalIPs[{index}]"
        errors += ip(address, where, before.get("externalIPs") or ()) or endpoint_ip(address, where)
    errors += one_of(kind, _TYPES, "spec.type")
    errors += _repeated_ports(ports, kind)
    errors += _source_ranges(spec, annotations, before)
    allocate = spec.get("allocateLoadBalancerNodePorts")
    if allocate is not None and kind != "LoadBalancer":
        errors.append(field.forbidden("spec.allocateLoadBalancerNodePorts", _ONLY_BALANCED))
    if allocate is None and kind == "LoadBalancer":
        errors.append(field.required("allocateLoadBalancerNodePorts"))
    errors += _balancer_class(spec, kind)
    return errors + _traffic(spec, kind)


def is_headless(spec: Object) -> bool:
    return spec.get("clusterIPs") == ["None"] or (not spec.get("clusterIPs") and spec.get("clusterIP") == "None")


def _by_type(spec: Object, kind: str) -> Errors:
    if kind in ("LoadBalancer", "NodePort"):
        if is_headless(spec):
            words = f"may not be set to 'None' for {kind} services"
            return [field.invalid("spec.clusterIPs[0]", "None", words)]
        return []
    if kind != "ExternalName":
        return []
    errors: Errors = []
    for key in ("clusterIPs", "ipFamilies", "ipFamilyPolicy"):
        if spec.get(key) or (key == "clusterIPs" and spec.get("clusterIP")):
            errors.append(field.forbidden(f"spec.{key}", "may not be set for ExternalName services"))
    return errors + named("spec.externalName", (spec.get("externalName") or "").removesuffix("."), subdomain)


def _ports(ports: list[Object]) -> Errors:
    errors: Errors = []
    seen: set[str] = set()
    for index, port in enumerate(ports):
        where, name = f"spec.ports[{index}]", port.get("name") or ""
        if name:
            if messages := label(name):
                errors += each(f"{where}.name", name, messages)
            if name in seen:
                errors.append(field.duplicate(f"{where}.name", name))
            seen.add(name)
        elif len(ports) > 1:
            errors.append(field.required(f"{where}.name"))
        errors += port_number(port.get("port") or 0, f"{where}.port")
        errors += one_of(port.get("protocol"), PROTOCOLS, f"{where}.protocol")
        errors += port_number_or_name(port.get("targetPort"), f"{where}.targetPort")
        if (protocol := port.get("appProtocol")) is not None:
            errors += each(f"{where}.appProtocol", protocol, qualified_name(protocol))
    return errors


def _repeated_ports(ports: list[Object], kind: str) -> Errors:
    errors: Errors = []
    if kind == "ClusterIP":
        for index, port in enumerate(ports):
            if port.get("nodePort"):
                words = "may not be used when `type` is 'ClusterIP'"
                errors.append(field.forbidden(f"spec.ports[{index}].nodePort", words))
    seen: set[tuple[Any, Any]] = set()
    for index, port in enumerate(ports):
        if port.get("nodePort"):
            key = (port.get("protocol"), port["nodePort"])
            if key in seen:
                errors.append(field.duplicate(f"spec.ports[{index}].nodePort", port["nodePort"]))
            seen.add(key)
    seen = set()
    for index, port in enumerate(ports):
        key = (port.get("protocol"), port.get("port"))
        if key in seen:
            shown = as_internal({"protocol": port.get("protocol"), "port": port.get("port")}, SERVICE_PORT)
            errors.append(field.duplicate(f"spec.ports[{index}]", shown))
        seen.add(key)
    return errors


def _session_affinity(spec: Object) -> Errors:
    affinity, config = spec.get("sessionAffinity") or "", spec.get("sessionAffinityConfig")
    where = "spec.sessionAffinityConfig"
    errors = one_of(affinity, _AFFINITIES, "spec.sessionAffinity")
    if affinity == "None" and config is not None:
        errors.append(field.forbidden(where, "must not be set when session affinity is None"))
    if affinity != "ClientIP":
        return errors
    words = "when session affinity type is ClientIP"
    if config is None:
        return [*errors, field.required(where, words)]
    if config.get("clientIP") is None:
        return [*errors, field.required(f"{where}.clientIP", words)]
    seconds = config["clientIP"].get("timeoutSeconds")
    where = f"{where}.clientIP.timeoutSeconds"
    if seconds is None:
        return [*errors, field.required(where, words)]
    if not 0 < seconds <= _AFFINITY_LIMIT_SECONDS:
        words = f"must be greater than 0 and less than {_AFFINITY_LIMIT_SECONDS}"
        errors.append(field.invalid(where, seconds, words))
    return errors


def validate_cluster_addresses(spec: Object, before: Object) -> Errors:
    """`clusterIP`, `clusterIPs`, `ipFamilies` and `ipFamilyPolicy`, each and against one another."""
    single, given = spec.get("clusterIP") or "", spec.get("clusterIPs") or []
    families = spec.get("ipFamilies") or []
    where = "spec.clusterIPs"
    errors: Errors = []
    if single and not given:
        errors.append(field.required(where))
    elif single and given[0] != single:
        errors.append(field.invalid(where, given, "first value must match `clusterIP`"))
    elif given and not single:
        errors.append(field.invalid(where, given, "must be empty when `clusterIP` is not specified"))
    for index, name in enumerate(families):
        if name not in _FAMILIES:
            errors.append(field.not_supported(f"spec.ipFamilies[{index}]", name, _FAMILIES))
        if name in families[:index]:
            errors.append(field.duplicate(f"spec.ipFamilies[{index}]", name))
    errors += one_of_if_set(spec.get("ipFamilyPolicy"), _FAMILY_POLICIES, "spec.ipFamilyPolicy")
    bad: Errors = []
    for index, address in enumerate(given):
        if index == 0 and address == "None":
            if len(given) > 1:
                bad.append(field.invalid(where, given, "'None' must be the first and only value"))
            continue
        bad += ip(address, f"{where}[{index}]", before.get("clusterIPs") or ())
    errors += bad
    if len(given) > 2:
        errors.append(field.invalid(where, given, "may only hold up to 2 values"))
    if bad:
        return errors
    if len(given) > 1 and not one_per_family(given):
        errors.append(field.invalid(where, given, "may specify no more than one IP for each IP family"))
    if not is_headless(spec):
        for index, (address, name) in enumerate(zip(given, families, strict=False)):
            if name in _FAMILIES and family(address) != (4 if name == "IPv4" else 6):
                words = f"expected an {name} value as indicated by `ipFamilies[{index}]`"
                errors.append(field.invalid(f"{where}[{index}]", address, words))
    return errors


def _source_ranges(spec: Object, annotations: dict[str, str], before: Object) -> Errors:
    ranges, kind = spec.get("loadBalancerSourceRanges") or [], spec.get("type")
    where = "spec.LoadBalancerSourceRanges"
    errors: Errors = []
    if ranges:
        if kind != "LoadBalancer":
            errors.append(field.forbidden(where, _ONLY_BALANCED))
        known = [text.strip() for text in before.get("loadBalancerSourceRanges") or ()]
        for index, text in enumerate(ranges):
            errors += ip_range(text.strip(), f"{where}[{index}]", known)
    elif _RANGES_ANNOTATION in annotations:
        where = f"metadata.annotations[{_RANGES_ANNOTATION}]"
        if kind != "LoadBalancer":
            errors.append(field.forbidden(where, _ONLY_BALANCED))
        text = annotations[_RANGES_ANNOTATION].strip()
        for part in text.split(",") if text else ():
            errors += ip_range(part.strip(), where)
    return errors


def _balancer_class(spec: Object, kind: str) -> Errors:
    name = spec.get("loadBalancerClass")
    if name is None:
        return []
    if kind != "LoadBalancer":
        return [field.forbidden("spec.loadBalancerClass", _ONLY_BALANCED)]
    return each("spec.loadBalancerClass", name, qualified_name(name))


def is_externally_accessible(spec: Object) -> bool:
    kind = spec.get("type")
    return kind in ("LoadBalancer", "NodePort") or (kind == "ClusterIP" and bool(spec.get("externalIPs")))


def _needs_health_check(spec: Object) -> bool:
    return spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"


def _traffic(spec: Object, kind: str) -> Errors:
    external, where = spec.get("externalTrafficPolicy") or "", "spec.externalTrafficPolicy"
    errors: Errors = []
    if is_externally_accessible(spec):
        errors += one_of(external, _POLICIES, where)
    elif external:
        errors.append(field.invalid(where, external, "may only be set for externally-accessible services"))
    port = spec.get("healthCheckNodePort") or 0
    if not _needs_health_check(spec):
        if port:
            words = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
            errors.append(field.invalid("spec.healthCheckNodePort", port, words))
    elif port:
        errors += port_number(port, "spec.healthCheckNodePort")
    internal = spec.get("internalTrafficPolicy")
    if internal is None and kind in ("NodePort", "LoadBalancer", "ClusterIP"):
        errors.append(field.required("spec.internalTrafficPolicy"))
    errors += one_of_if_set(internal, _POLICIES, "spec.internalTrafficPolicy")
    return errors + one_of_if_set(spec.get("trafficDistribution"), _DISTRIBUTIONS, "spec.trafficDistribution")


def validate_update(new: Object, old: Object) -> Errors:
    """The primary address and family stay for as long as the service has any."""
    after, before = new.get("spec") or {}, old.get("spec") or {}
    errors: Errors = []
    if "ExternalName" not in (after.get("type"), before.get("type")):
        errors += _kept_addresses(after, before) + _kept_families(after, before)
    if after.get("type") == before.get("type") == "LoadBalancer":
        name = after.get("loadBalancerClass")
        if name != before.get("loadBalancerClass"):
            errors.append(field.invalid("spec.loadBalancerClass", name, "may not change once set"))
    ports = after.get("healthCheckNodePort"), before.get("healthCheckNodePort")
    if _needs_health_check(after) and _needs_health_check(before) and ports[0] != ports[1]:
        errors.append(field.forbidden("spec.healthCheckNodePort", IMMUTABLE))
    return errors + _service(new, old)


def _kept_addresses(after: Object, before: Object) -> Errors:
    if is_headless(after) and is_headless(before):
        return []
    now, was = after.get("clusterIPs") or [], before.get("clusterIPs") or []
    words = "may not change once set"
    if len(now) == len(was):
        pairs = enumerate(zip(now, was, strict=True))
        return [field.invalid(f"spec.clusterIPs[{index}]", now, words) for index, (a, b) in pairs if a != b]
    errors: Errors = []
    if now and was and now[0] != was[0]:
        errors.append(field.invalid("spec.clusterIPs[0]", now, words))
    if len(was) > len(now):
        if not now:
            errors.append(field.invalid("spec.clusterIPs[0]", now, "primary clusterIP can not be unset"))
        elif after.get("ipFamilyPolicy") != "SingleStack":
            words = "must be set to 'SingleStack' when releasing the secondary clusterIP"
            errors.append(field.invalid("spec.ipFamilyPolicy", after.get("ipFamilyPolicy"), words))
    return errors


def _kept_families(after: Object, before: Object) -> Errors:
    if is_headless(after) or is_headless(before):
        return []
    now, was = after.get("ipFamilies") or [], before.get("ipFamilies") or []
    if now and was and now[0] != was[0]:
        return [field.invalid("spec.ipFamilies[0]", now, "may not change once set")]
    if len(was) > len(now) == 1 and after.get("ipFamilyPolicy") != "SingleStack":
        words = "must be set to 'SingleStack' when releasing the secondary ipFamily"
        return [field.invalid("spec.ipFamilyPolicy", after.get("ipFamilyPolicy"), words)]
    return []


def validate_status_update(new: Object, old: Object) -> Errors:
    """What a load balancer reports."""
    rows = ((new.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    where = "status.loadBalancer.ingress"
    if rows and (new.get("spec") or {}).get("type") != "LoadBalancer":
        return [field.forbidden(where, "may only be used when `spec.type` is 'LoadBalancer'")]
    errors: Errors = []
    for index, row in enumerate(rows):
        place, address, mode = f"{where}[{index}]", row.get("ip") or "", row.get("ipMode")
        if address:
            errors += ip(address, f"{place}.ip")
        if mode is None and address:
            errors.append(field.required(f"{place}.ipMode", "must be specified when `ip` is set"))
        elif mode is not None and not address:
            errors.append(field.forbidden(f"{place}.ipMode", "may not be specified when `ip` is not set"))
        else:
            errors += one_of_if_set(mode, ("Proxy", "VIP"), f"{place}.ipMode")
        errors += balancer_hostname(row.get("hostname") or "", f"{place}.hostname")
    return errors


def balancer_hostname(name: str, path: str) -> Errors:
    if not name:
        return []
    errors = each(path, name, subdomain(name))
    if family(name):
        errors.append(field.invalid(path, name, "must be a DNS name, not an IP address"))
    return errors
