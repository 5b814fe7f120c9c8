"""Ingresses (networking.k8s.io/v1): hosts, paths and backends."""

from .. import field, names
from .addresses import family, ip
from .service import balancer_hostname
from .values import Errors, Object, each, label, named, port_name, port_number, subdomain

_CLASS_ANNOTATION = "kubernetes.io/ingress.class"
_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")
_BAD_PARTS = ("//", "/./", "/../", "%2f", "%2F")
_BAD_ENDS = ("/..", "/.")


def validate_create(ingress: Object) -> Errors:
    errors = _spec(ingress.get("spec") or {})
    chosen = (ingress.get("spec") or {}).get("ingressClassName")
    annotation = (ingress["metadata"].get("annotations") or {}).get(_CLASS_ANNOTATION)
    if annotation is not None and chosen is not None and annotation != chosen:
        words = "must match `ingressClassName` when both are specified"
        errors.append(field.invalid(f"annotations.{_CLASS_ANNOTATION}", annotation, words))
    return errors


def _spec(spec: Object) -> Errors:
    rules, default = spec.get("rules") or [], spec.get("defaultBackend")
    errors: Errors = []
    if not rules and default is None:
        words = "either `defaultBackend` or `rules` must be specified"
        errors.append(field.invalid("spec", rules, words))
    if default is not None:
        errors += _backend(default, "spec.defaultBackend")
    for index, rule in enumerate(rules):
        errors += _rule(rule, f"spec.rules[{index}]")
    for index, tls in enumerate(spec.get("tls") or ()):
        for place, host in enumerate(tls.get("hosts") or ()):
            errors += _host(host, f"spec.tls[{index}].hosts[{place}]")
        if name := tls.get("secretName"):
            errors += each(f"spec.tls[{index}].secretName", name, subdomain(name))
    if (name := spec.get("ingressClassName")) is not None:
        errors += each("spec.ingressClassName", name, subdomain(name))
    return errors


def _host(host: str, path: str) -> Errors:
    return each(path, host, names.wildcard_subdomain(host) if "*" in host else subdomain(host))


def _rule(rule: Object, path: str) -> Errors:
    errors: Errors = []
    if host := rule.get("host"):
        if family(host):
            errors.append(field.invalid(f"{path}.host", host, "must be a DNS name, not an IP address"))
        errors += _host(host, f"{path}.host")
    http = rule.get("http")
    if http is None:
        return errors
    if not http.get("paths"):
        errors.append(field.required(f"{path}.http.paths"))
    for index, row in enumerate(http.get("paths") or ()):
        errors += _path(row, f"{path}.http.paths[{index}]")
    return errors


def _path(row: Object, path: str) -> Errors:
    kind, text = row.get("pathType"), row.get("path") or ""
    if kind is None:
        return [field.required(f"{path}.pathType", "pathType must be specified")]
    errors: Errors = []
    where = f"{path}.path"
    if kind in ("Exact", "Prefix"):
        if not text.startswith("/"):
            errors.append(field.invalid(where, text, "must be an absolute path"))
        errors += [field.invalid(where, text, f"must not contain '{part}'") for part in _BAD_PARTS if part in text]
        errors += [field.invalid(where, text, f"cannot end with '{end}'") for end in _BAD_ENDS if text.endswith(end)]
    elif kind == "ImplementationSpecific":
        if text and not text.startswith("/"):
            errors.append(field.invalid(where, text, "must be an absolute path"))
    else:
        errors.append(field.not_supported(f"{path}.pathType", kind, _PATH_TYPES))
    return errors + _backend(row.get("backend") or {}, f"{path}.backend")


def _backend(backend: Object, path: str) -> Errors:
    resource, service = backend.get("resource"), backend.get("service")
    if resource is not None and service is not None:
        return [field.invalid(path, "", "cannot set both resource and service backends")]
    if resource is not None:
        return _resource(resource, f"{path}.resource")
    if service is None:
        return [field.invalid(path, "", "resource or service backend is required")]
    errors = named(f"{path}.service.name", service.get("name") or "", label)
    port = service.get("port") or {}
    name, number = port.get("name") or "", port.get("number") or 0
    if name and number:
        errors.append(field.invalid(path, "", "cannot set both port name & port number"))
    elif name:
        errors += each(f"{path}.service.port.name", name, port_name(name))
    elif number:
        errors += port_number(number, f"{path}.service.port.number")
    else:
        errors.append(field.required(path, "port name or number is required"))
    return errors


def _resource(reference: Object, path: str) -> Errors:
    errors: Errors = []
    if (group := reference.get("apiGroup")) is not None:
        errors += each(f"{path}.apiGroup", group, subdomain(group))
    errors += named(f"{path}.kind", reference.get("kind") or "", names.path_segment)
    return errors + named(f"{path}.name", reference.get("name") or "", names.path_segment)


def validate_update(new: Object, old: Object) -> Errors:
    return _spec(new.get("spec") or {})


def validate_status_update(new: Object, old: Object) -> Errors:
    errors: Errors = []
    rows = ((new.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    for index, row in enumerate(rows):
        where = f"status.loadBalancer.ingress[{index}]"
        if address := row.get("ip"):
            errors += ip(address, f"{where}.ip")
        errors += balancer_hostname(row.get("hostname") or "", f"{where}.hostname")
    return errors
