"""Environment variables of containers, and the pod's own fields as values (core/v1 EnvVar, EnvFromSource)."""

import re
from collections.abc import Sequence

from .. import field, names
from ..quantity import canonical
from .paths import no_backsteps
from .values import Errors, Object, Passed, Remembered, config_key, each, label, named, qualified_name, subdomain

_name = Remembered(names.relaxed_environment_name)
_SUBSCRIPT = re.compile(r"(.+)\['(.*)'\]").fullmatch

_ENVIRONMENT_FIELDS = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)
VOLUME_FIELDS = ("metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid")
_CONVERTIBLE = frozenset(
    (
        *_ENVIRONMENT_FIELDS,
        *VOLUME_FIELDS,
        "spec.restartPolicy",
        "spec.schedulerName",
        "status.phase",
        "spec.host",
    )
)
_RESOURCES = (
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
)
_HUGE_PAGES = ("requests.hugepages-", "limits.hugepages-")
_BYTES = ("1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei")
_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")


def _variables(env: list[Object], path: str) -> Errors:
    """The `env` of a container."""
    errors: Errors = []
    for index, variable in enumerate(env):
        name = variable.get("name") or ""
        if not name:
            errors.append(field.required(f"{path}[{index}].name"))
        elif messages := _name(name):
            errors += each(f"{path}[{index}].name", name, messages)
        source = variable.get("valueFrom")
        if source is not None:
            errors += _source(source, variable, f"{path}[{index}].valueFrom")
    return errors


variables = Passed(_variables)


def _source(source: Object, variable: Object, path: str) -> Errors:
    errors: Errors = []
    if (reference := source.get("fieldRef")) is not None:
        errors += field_selector(reference, _ENVIRONMENT_FIELDS, f"{path}.fieldRef")
    if (reference := source.get("resourceFieldRef")) is not None:
        errors += resource_selector(reference, f"{path}.resourceFieldRef", volume=False)
    for key in ("configMapKeyRef", "secretKeyRef"):
        if (reference := source.get(key)) is not None:
            errors += _key_selector(reference, f"{path}.{key}")
    if (reference := source.get("fileKeyRef")) is not None:
        errors += _file_selector(reference, f"{path}.fileKeyRef")
    count = sum(source.get(key) is not None for key in _SOURCES)
    if not count:
        words = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
        errors.append(field.invalid(path, "", words))
    elif variable.get("value"):
        errors.append(field.invalid(path, "", "may not be specified when `value` is not empty"))
    elif count > 1:
        errors.append(field.invalid(path, "", "may not have more than one field specified at a time"))
    return errors


def _key_selector(reference: Object, path: str) -> Errors:
    name, key = reference.get("name") or "", reference.get("key") or ""
    errors = each(f"{path}.name", name, subdomain(name))
    return errors + named(f"{path}.key", key, config_key)


def _file_selector(reference: Object, path: str) -> Errors:
    errors = named(f"{path}.key", reference.get("key") or "", names.relaxed_environment_name)
    errors += named(f"{path}.volumeName", reference.get("volumeName") or "", label)
    file = reference.get("path") or ""
    if not file:
        return [*errors, field.required(f"{path}.path")]
    return errors + no_backsteps(file, f"{path}.path")


def field_selector(reference: Object, allowed: Sequence[str], path: str) -> Errors:
    """A field of the pod: one of `allowed`, or one label or annotation."""
    version, wanted = reference.get("apiVersion") or "", reference.get("fieldPath") or ""
    if not version:
        return [field.required(f"{path}.apiVersion")]
    if not wanted:
        return [field.required(f"{path}.fieldPath")]
    subscripted = _SUBSCRIPT(wanted)
    if version != "v1":
        words = f"error converting fieldPath: unsupported pod version: {version}"
        return [field.invalid(f"{path}.fieldPath", wanted, words)]
    if subscripted is not None:
        start, key = subscripted[1], subscripted[2]
        if start == "metadata.annotations":
            return each(path, key.lower(), qualified_name(key.lower()))
        if start == "metadata.labels":
            return each(path, key, qualified_name(key))
        words = f"error converting fieldPath: field label does not support subscript: {wanted}"
        return [field.invalid(f"{path}.fieldPath", wanted, words)]
    if wanted not in _CONVERTIBLE:
        words = f"error converting fieldPath: field label not supported: {wanted}"
        return [field.invalid(f"{path}.fieldPath", wanted, words)]
    wanted = "spec.nodeName" if wanted == "spec.host" else wanted
    if wanted not in allowed:
        return [field.not_supported(f"{path}.fieldPath", wanted, allowed)]
    return []


def resource_selector(reference: Object, path: str, *, volume: bool) -> Errors:
    """A request or limit of a container; volumes must say of which."""
    errors: Errors = []
    resource = reference.get("resource") or ""
    if volume and not reference.get("containerName"):
        errors.append(field.required(f"{path}.containerName"))
    elif not resource:
        errors.append(field.required(f"{path}.resource"))
    elif resource not in _RESOURCES and not resource.startswith(_HUGE_PAGES):
        errors.append(field.not_supported(f"{path}.resource", resource, _RESOURCES))
    return errors + _divisor(resource, str(reference.get("divisor") or "0"), path)


def _divisor(resource: str, divisor: str, path: str) -> Errors:
    if divisor == "0" or canonical(divisor) == "0":
        return []
    kind = resource.partition(".")[2]
    good: Sequence[str]
    if kind == "cpu":
        good, words = ("1m", "1"), "1m and 1 are supported with the cpu resource"
    else:
        named_as = {"memory": "memory", "ephemeral-storage": "local ephemeral storage"}.get(kind)
        if named_as is None and not resource.startswith(_HUGE_PAGES):
            return []
        good, words = _BYTES, f"{', '.join(_BYTES)} are supported with the {named_as or 'hugepages'} resource"
    if canonical(divisor) in good:
        return []
    return [field.invalid(f"{path}.divisor", resource, f"only divisor's values {words}")]


def bulk_sources(sources: list[Object], path: str) -> Errors:
    """The `envFrom` of a container."""
    errors: Errors = []
    for index, source in enumerate(sources):
        where = f"{path}[{index}]"
        if prefix := source.get("prefix"):
            errors += each(f"{where}.prefix", prefix, _name(prefix))
        count = 0
        for key in ("configMapRef", "secretRef"):
            reference = source.get(key)
            if reference is not None:
                count += 1
                errors += named(f"{where}.{key}.name", reference.get("name") or "", subdomain)
        if not count:
            errors.append(field.invalid(path, "", "must specify one of: `configMapRef` or `secretRef`"))
        elif count > 1:
            errors.append(field.invalid(path, "", "may not have more than one field specified at a time"))
    return errors
