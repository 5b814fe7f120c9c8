"""The rules of a PodSpec wherever it stands: in a pod, or in the template of a workload."""

from typing import Any

from .. import field
from . import scheduling, security_context
from .addresses import ip
from .containers import PodContext, ephemeral, init, regular
from .features import enabled
from .object_meta import validate_labels
from .resources import amounts, container_resource_name, pod_resource_name, quantity_of, requirements
from .values import Errors, Object, each, in_range, label, one_of, one_of_if_set, qualified_name, subdomain
from .volume_sources import SOURCES, one_source

_DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_RESTART_POLICIES = ("Always", "OnFailure", "Never")
_PREEMPTION_POLICIES = ("PreemptLowerPriority", "Never")
_NAMESERVERS, _SEARCH_PATHS, _SEARCH_CHARACTERS = 3, 32, 2048
_HOSTNAME_LIMIT = 64
KINDS_OF_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")


def pod_spec(spec: Object, path: str, *, pod: Object | None = None) -> Errors:
    """Every broken rule. `pod` is the pod's metadata, None in a template."""
    get = spec.get
    errors: Errors = []
    grace_period = get("terminationGracePeriodSeconds")
    if grace_period is None:
        errors.append(field.required(f"{path}.terminationGracePeriodSeconds"))
    volumes, volume_errors = _volumes(get("volumes") or [], pod, f"{path}.volumes")
    errors += volume_errors
    claims = get("resourceClaims") or []
    if claims:
        errors += _resource_claims(claims, pod, f"{path}.resourceClaims")
    context = PodContext(
        volumes=volumes,
        claim_names={claim.get("name") for claim in claims if claim.get("name")},
        grace_period=grace_period,
        restart_policy=get("restartPolicy") or "",
        host_users=get("hostUsers") is not False,
        os_name=(get("os") or {}).get("name") or "",
    )
    errors += regular(get("containers") or [], context, f"{path}.containers")
    if containers := get("initContainers"):
        errors += init(containers, get("containers") or [], context, f"{path}.initContainers")
    if containers := get("ephemeralContainers"):
        errors += ephemeral(containers, spec, context, f"{path}.ephemeralContainers")
    if resources := get("resources"):
        errors += _pod_resources(resources, spec, context, f"{path}.resources")
    if get("hostNetwork"):
        errors += _host_network(spec, path, strict=pod is not None)
    errors += one_of(get("restartPolicy"), _RESTART_POLICIES, f"{path}.restartPolicy")
    errors += one_of(get("dnsPolicy"), _DNS_POLICIES, f"{path}.dnsPolicy")
    if selector := get("nodeSelector"):
        errors += validate_labels(selector, f"{path}.nodeSelector")
    errors += security_context.of_pod(get("securityContext") or {}, spec, f"{path}.securityContext")
    if affinity := get("affinity"):
        errors += scheduling.affinity(affinity, f"{path}.affinity")
    errors += _dns_config(get("dnsConfig"), get("dnsPolicy"), f"{path}.dnsConfig")
    for index, gate in enumerate(get("readinessGates") or ()):
        kind = gate.get("conditionType") or ""
        errors += each(f"{path}.readinessGates[{index}].conditionType", kind, qualified_name(kind))
    if gates := get("schedulingGates"):
        errors += scheduling.gates(gates, f"{path}.schedulingGates")
    if constraints := get("topologySpreadConstraints"):
        errors += scheduling.spread_constraints(constraints, f"{path}.topologySpreadConstraints")
    if get("hostUsers") is False:
        errors += _without_host_users(spec, path)
    if get("hostnameOverride") is not None:
        errors += _hostname_override(spec, path)
    return errors + _rest(spec, path)


def _rest(spec: Object, path: str) -> Errors:
    """The simple fields, in upstream's order."""
    get = spec.get
    errors: Errors = []
    for key in ("serviceAccountName", "nodeName"):
        if name := get(key):
            errors += each(f"{path}.{key}", name, subdomain(name))
    errors += in_range(get("activeDeadlineSeconds"), 1, 2**31 - 1, f"{path}.activeDeadlineSeconds")
    for key in ("hostname", "subdomain"):
        if name := get(key):
            errors += each(f"{path}.{key}", name, label(name))
    if tolerations := get("tolerations"):
        errors += scheduling.tolerations(tolerations, f"{path}.tolerations")
    for index, alias in enumerate(get("hostAliases") or ()):
        errors += ip(alias.get("ip") or "", f"{path}.hostAliases[{index}].ip")
        for place, name in enumerate(alias.get("hostnames") or ()):
            errors += each(f"{path}.hostAliases[{index}].hostnames[{place}]", name, subdomain(name))
    if name := get("priorityClassName"):
        errors += each(f"{path}.priorityClassName", name, subdomain(name))
    if (name := get("runtimeClassName")) is not None:
        errors += each(f"{path}.runtimeClassName", name, subdomain(name))
    if (policy := get("preemptionPolicy")) is not None:
        errors += one_of(policy, _PREEMPTION_POLICIES, f"{path}.preemptionPolicy")
    if overhead := get("overhead"):
        errors += amounts(overhead, f"{path}.overhead.limits", container_resource_name)
    if (os := get("os")) is not None:
        if not os.get("name"):
            errors.append(field.required(f"{path}.os.name"))
        elif os["name"] not in ("linux", "windows"):
            errors.append(field.not_supported(f"{path}.os", os["name"], ("linux", "windows")))
        else:
            errors += security_context.for_os(os["name"], spec, path)
    return errors + _file_key_volumes(spec, path)


def _volumes(volumes: list[Object], pod: Object | None, path: str) -> tuple[dict[str, Object], Errors]:
    """The good volumes by name, and what is wrong with the others."""
    found: dict[str, Object] = {}
    errors: Errors = []
    pod_name = (pod or {}).get("name") or ""
    created = {f"{pod_name}-{v.get('name')}" for v in volumes if pod_name and v.get("ephemeral") is not None}
    for index, volume in enumerate(volumes):
        where, name = f"{path}[{index}]", volume.get("name") or ""
        wrong = one_source(volume, where, SOURCES)
        if pod is not None and volume.get("image") is not None and not volume["image"].get("reference"):
            wrong.append(field.required(f"{where}.image.reference"))
        if pod_name and name and volume.get("ephemeral") is not None:
            claim = f"{pod_name}-{name}"
            wrong += [field.invalid(f"{where}.name", name, f'PVC name "{claim}": {m}') for m in subdomain(claim)]
        if not name:
            wrong.append(field.required(f"{where}.name"))
        elif messages := label(name):
            wrong += each(f"{where}.name", name, messages)
        if name in found:
            wrong.append(field.duplicate(f"{where}.name", name))
        if wrong:
            errors += wrong
        else:
            found[name] = volume
        used = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        if used in created:
            words = "must not reference a PVC that gets created for an ephemeral volume"
            errors.append(field.invalid(f"{where}.persistentVolumeClaim.claimName", used, words))
    return found, errors


def _resource_claims(claims: list[Object], pod: Object | None, path: str) -> Errors:
    errors: Errors = []
    seen: set[str] = set()
    for index, claim in enumerate(claims):
        where, name = f"{path}[{index}]", claim.get("name") or ""
        if not name:
            errors.append(field.required(f"{where}.name"))
        elif name in seen:
            errors.append(field.duplicate(f"{where}.name", name))
        else:
            errors += each(f"{where}.name", name, label(name))
            seen.add(name)
        given = [key for key in ("resourceClaimName", "resourceClaimTemplateName") if claim.get(key) is not None]
        if len(given) > 1:
            words = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"
            errors.append(field.invalid(where, claim, words))
        if not given:
            words = "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"
            errors.append(field.invalid(where, claim, words))
        for key in given:
            errors += each(f"{where}.{key}", claim[key], subdomain(claim[key]))
    return errors


def _pod_resources(resources: Object, spec: Object, context: PodContext, path: str) -> Errors:
    """Amounts for the whole pod: not less than its containers ask for together, or one of them at most."""
    if context.os_name == "windows":
        return [field.forbidden(path, "may not be set for a windows pod")]
    errors: Errors = []
    if resources.get("claims"):
        errors.append(field.forbidden(f"{path}.claims", "claims may not be set for Resources at pod-level"))
    errors += requirements(resources, path, check_name=pod_resource_name, claim_names=context.claim_names)
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    for name, text in requests.items():
        total = quantity_of("0")
        for container in spec.get("containers") or ():
            total += quantity_of(((container.get("resources") or {}).get("requests") or {}).get(name) or "0")
        if total > quantity_of(text):
            words = f"must be greater than or equal to aggregate container requests of {total}"
            errors.append(field.invalid(f"{path}.requests[{name}]", str(quantity_of(text)), words))
    for index, container in enumerate(spec.get("containers") or ()):
        for name, text in ((container.get("resources") or {}).get("limits") or {}).items():
            if name in limits and quantity_of(text) > quantity_of(limits[name]):
                words = f"must be less than or equal to pod limits of {quantity_of(limits[name])}"
                where = f"{path}.containers[{index}][{name}].limits"
                errors.append(field.invalid(where, str(quantity_of(text)), words))
    return errors


def _host_network(spec: Object, path: str, *, strict: bool) -> Errors:
    errors: Errors = []
    for index, container in enumerate(spec.get("containers") or ()):
        for place, port in enumerate(container.get("ports") or ()):
            host = port.get("hostPort") or 0
            if (strict or host) and host != (port.get("containerPort") or 0):
                where = f"{path}.containers[{index}].ports[{place}].hostPort"
                words = "must match `containerPort` when `hostNetwork` is true"
                errors.append(field.invalid(where, host, words))
    return errors


def _dns_config(config: Object | None, policy: Any, path: str) -> Errors:
    servers = (config or {}).get("nameservers") or []
    if policy == "None":
        if config is None:
            return [field.required(path, "must provide `dnsConfig` when `dnsPolicy` is None")]
        if not servers:
            words = "must provide at least one DNS nameserver when `dnsPolicy` is None"
            return [field.required(f"{path}.nameservers", words)]
    if config is None:
        return []
    errors: Errors = []
    if len(servers) > _NAMESERVERS:
        words = f"must not have more than {_NAMESERVERS} nameservers"
        errors.append(field.invalid(f"{path}.nameservers", servers, words))
    for index, server in enumerate(servers):
        errors += ip(server, f"{path}.nameservers[{index}]")
    searches = config.get("searches") or []
    if len(searches) > _SEARCH_PATHS:
        words = f"must not have more than {_SEARCH_PATHS} search paths"
        errors.append(field.invalid(f"{path}.searches", searches, words))
    if len(" ".join(searches)) > _SEARCH_CHARACTERS:
        words = f"must not have more than {_SEARCH_CHARACTERS} characters (including spaces) in the search list"
        errors.append(field.invalid(f"{path}.searches", searches, words))
    for index, search in enumerate(searches):
        if search != ".":
            # Search domains may have underscores, which names of objects may not (KEP-4427).
            trimmed = search.removesuffix(".")
            errors += each(f"{path}.searches[{index}]", trimmed, subdomain(trimmed.replace("_", "a")))
    for index, option in enumerate(config.get("options") or ()):
        if not option.get("name"):
            errors.append(field.required(f"{path}.options[{index}]", "must not be empty"))
    return errors


def _without_host_users(spec: Object, path: str) -> Errors:
    errors: Errors = []
    for key, shown in (("hostNetwork", "hostNetwork"), ("hostPID", "HostPID"), ("hostIPC", "HostIPC")):
        if spec.get(key) and not (key == "hostNetwork" and enabled("UserNamespacesHostNetworkSupport")):
            errors.append(field.forbidden(f"{path}.{shown}", "when `hostUsers` is false"))
    for kind in KINDS_OF_CONTAINERS:
        for index, container in enumerate(spec.get(kind) or ()):
            if container.get("volumeDevices"):
                where = f"{path}.{kind}[{index}].volumeDevices"
                errors.append(field.forbidden(where, "when `hostUsers` is false"))
    return errors


def _hostname_override(spec: Object, path: str) -> Errors:
    where, name = f"{path}.hostnameOverride", spec["hostnameOverride"]
    errors: Errors = []
    if spec.get("setHostnameAsFQDN"):
        errors.append(field.forbidden(where, "may not be specified when setHostnameAsFQDN is true"))
    if spec.get("hostNetwork"):
        errors.append(field.forbidden(where, "may not be specified when hostNetwork is true"))
    if len(name) > _HOSTNAME_LIMIT:
        errors.append(field.too_long(where, _HOSTNAME_LIMIT))
    return errors + each(where, name, subdomain(name))


def _file_key_volumes(spec: Object, path: str) -> Errors:
    """Variables read from files need a volume that the pod's own containers fill."""
    errors: Errors = []
    for kind in KINDS_OF_CONTAINERS:
        for index, container in enumerate(spec.get(kind) or ()):
            for place, variable in enumerate(container.get("env") or ()):
                source = variable.get("valueFrom")
                reference = source.get("fileKeyRef") if source else None
                if reference is None:
                    continue
                name = reference.get("volumeName") or ""
                where = f"{path}.{kind}[{index}].env[{place}].valueFrom.fileKeyRef.volumeName"
                volume = next((v for v in spec.get("volumes") or () if v.get("name") == name), None)
                if volume is None:
                    errors.append(field.not_found(where, name))
                elif volume.get("emptyDir") is None:
                    errors.append(field.invalid(where, name, "referenced volume must be of type emptyDir"))
    return errors


def preemption_policy(policy: str | None, path: str) -> Errors:
    return one_of_if_set(policy, _PREEMPTION_POLICIES, path)
