"""The environment of a container, from every source it can come from. Pure.

    references(container)      ──▶ which config maps and secrets the caller has to read
    environment(pod, ...)      ──▶ name -> value, in the order the container sees them
    service_variables(...)     ──▶ {NAME}_SERVICE_HOST and friends (page "Accessing the Service")
    expand(text, variables)    ──▶ $(NAME) replaced, $$(NAME) unescaped (page "Define Dependent Environment Variables")

A name given in `env` wins over `envFrom`, later over earlier, and both over the variables of services.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from ..api.core import ConfigMap, Container, EnvVar, EphemeralContainer, FileKeySelector, Pod, Secret, Service
from . import env_file


class ConfigError(Exception):
    """A container cannot be configured: the message of its waiting reason CreateContainerConfigError."""


class References(msgspec.Struct, frozen=True):
    """Names of the config maps and secrets a container's environment is made from."""

    config_maps: frozenset[str]
    secrets: frozenset[str]


class EnvironmentSources(msgspec.Struct, kw_only=True):
    """What environment variables are made from; an object that does not exist is missing from its dict."""

    config_maps: Mapping[str, ConfigMap] = {}
    secrets: Mapping[str, Secret] = {}
    services: Mapping[str, str] = {}
    field: Callable[[str], str]
    """fieldRef's path -> text. Raises ConfigError."""
    resource: Callable[[str, str, str], str]
    """resourceFieldRef's container name, resource and divisor -> text. Raises ConfigError."""
    file: Callable[[str, str], str | None] = lambda _volume, _path: None
    """fileKeyRef's volume and path -> the file's text, None when there is none. Raises ConfigError."""


def references(container: Container | EphemeralContainer) -> References:
    """What has to be read before `environment` can be called."""
    config_maps, secrets = set(), set()
    for source in container.env_from or ():
        if source.config_map_ref is not None:
            config_maps.add(source.config_map_ref.name or "")
        if source.secret_ref is not None:
            secrets.add(source.secret_ref.name or "")
    for variable in container.env or ():
        origin = variable.value_from
        if origin is not None and origin.config_map_key_ref is not None:
            config_maps.add(origin.config_map_key_ref.name or "")
        if origin is not None and origin.secret_key_ref is not None:
            secrets.add(origin.secret_key_ref.name or "")
    return References(frozenset(config_maps), frozenset(secrets))


def environment(
    pod: Pod, container: Container | EphemeralContainer, sources: EnvironmentSources
) -> tuple[dict[str, str], dict[str, list[str]]]:
    """The variables, and the keys of `envFrom` that cannot be names: source -> keys, for the event. ConfigError."""
    variables: dict[str, str] = {}
    skipped: dict[str, list[str]] = {}
    for prefix, label, data in _sources_of(pod, container, sources):
        for key in sorted(data):
            name = prefix + key
            if is_variable_name(name):
                variables[name] = data[key]
            else:
                skipped.setdefault(label, []).append(name)
    for variable in container.env or ():
        value = _value(pod, container, variable, {**sources.services, **variables}, sources)
        if value is not None:
            variables.pop(variable.name, None)
            variables[variable.name] = value
    for name, text in sources.services.items():
        variables.setdefault(name, text)
    return variables, skipped


def is_variable_name(name: str) -> bool:
    """Printable ASCII without `=` (relaxed environment variable validation, KEP-4369)."""
    return bool(name) and all(" " <= c <= "~" for c in name) and "=" not in name


def _sources_of(
    pod: Pod, container: Container | EphemeralContainer, sources: EnvironmentSources
) -> Iterable[tuple[str, str, dict[str, str]]]:
    namespace = pod.metadata.namespace
    for source in container.env_from or ():
        if source.config_map_ref is not None:
            name = source.config_map_ref.name or ""
            config_map = sources.config_maps.get(name)
            if config_map is not None:
                yield source.prefix or "", f"configMap {namespace}/{name}", config_map.data or {}
            elif not source.config_map_ref.optional:
                raise ConfigError(f'configmap "{name}" not found')
        elif source.secret_ref is not None:
            name = source.secret_ref.name or ""
            secret = sources.secrets.get(name)
            if secret is not None:
                yield source.prefix or "", f"secret {namespace}/{name}", decoded(secret)
            elif not source.secret_ref.optional:
                raise ConfigError(f'secret "{name}" not found')


def decoded(secret: Secret) -> dict[str, str]:
    """A secret's data as text."""
    return {key: value.decode(errors="replace") for key, value in (secret.data or {}).items()}


def _value(
    pod: Pod,
    container: Container | EphemeralContainer,
    variable: EnvVar,
    known: Mapping[str, str],
    sources: EnvironmentSources,
) -> str | None:
    """The value of one entry of `env`; None for an optional reference to nothing."""
    origin = variable.value_from
    if variable.value or origin is None:
        return expand(variable.value or "", known)
    if origin.field_ref is not None:
        return sources.field(origin.field_ref.field_path)
    if origin.resource_field_ref is not None:
        asked = origin.resource_field_ref
        return sources.resource(asked.container_name or container.name, asked.resource, asked.divisor or "")
    namespace = pod.metadata.namespace
    if origin.config_map_key_ref is not None:
        ref = origin.config_map_key_ref
        config_map = sources.config_maps.get(ref.name or "")
        if config_map is None:
            return _missing(ref.optional, f'configmap "{ref.name}" not found')
        if ref.key not in (config_map.data or {}):
            return _missing(ref.optional, f"couldn't find key {ref.key} in ConfigMap {namespace}/{ref.name}")
        return (config_map.data or {})[ref.key]
    if origin.secret_key_ref is not None:
        key = origin.secret_key_ref
        secret = sources.secrets.get(key.name or "")
        if secret is None:
            return _missing(key.optional, f'secret "{key.name}" not found')
        data = decoded(secret)
        if key.key not in data:
            return _missing(key.optional, f"couldn't find key {key.key} in Secret {namespace}/{key.name}")
        return data[key.key]
    if origin.file_key_ref is not None:
        return _from_file(origin.file_key_ref, sources)
    raise ConfigError(f"unsupported source of environment variable {variable.name}")


def _from_file(ref: FileKeySelector, sources: EnvironmentSources) -> str | None:
    text = sources.file(ref.volume_name, ref.path)
    if text is None:
        return _missing(ref.optional, f'environment variable file "{ref.path}" not found in volume "{ref.volume_name}"')
    try:
        found = env_file.variables(text)
    except env_file.EnvFileError as error:
        raise ConfigError(f'couldn\'t parse env file "{ref.path}": {error}') from None
    if ref.key not in found:
        return _missing(ref.optional, f'environment variable key "{ref.key}" not found in file "{ref.path}"')
    return found[ref.key]


def _missing(optional: bool | None, message: str) -> str | None:
    if not optional:
        raise ConfigError(message)
    return None


def names_in(text: str) -> set[str]:
    """The names that `expand` looks up."""
    asked: set[str] = set()

    def note(name: str) -> str:
        asked.add(name)
        return ""

    _expand(text, note)
    return asked


def expand(text: str, variables: Mapping[str, str]) -> str:
    """`$(NAME)` replaced by its value; an unknown one is left as it is, and `$$` stands for `$`."""
    return _expand(text, lambda name: variables.get(name, f"$({name})"))


def _expand(text: str, value_of: Callable[[str], str]) -> str:
    if "$" not in text:
        return text
    pieces = []
    at = 0
    while at < len(text):
        if text[at] == "$" and at + 1 < len(text):
            if text[at + 1] == "$":
                pieces.append("$")
                at += 2
                continue
            end = text.find(")", at) if text[at + 1] == "(" else -1
            if end > 0:
                name = text[at + 2 : end]
                pieces.append(value_of(name))
                at = end + 1
                continue
        pieces.append(text[at])
        at += 1
    return "".join(pieces)


def service_variables(services: Iterable[Service], namespace: str, enable_service_links: bool) -> dict[str, str]:
    """The variables of the namespace's services and of `default/kubernetes`, which is always there.

    A service of the pod's own namespace wins over `default/kubernetes` of the same name."""
    chosen: dict[str, Service] = {}
    for service in services:
        name = service.metadata.name or ""
        if not service.spec.cluster_ip or service.spec.cluster_ip == "None":
            continue
        if service.metadata.namespace == namespace and enable_service_links:
            chosen[name] = service
        elif service.metadata.namespace == "default" and name == "kubernetes":
            chosen.setdefault(name, service)
    variables: dict[str, str] = {}
    for name in sorted(chosen):
        variables |= _of_service(name, chosen[name])
    return variables


def _of_service(name: str, service: Service) -> dict[str, str]:
    prefix = name.upper().replace("-", "_")
    ports = service.spec.ports or []
    address = service.spec.cluster_ip or ""
    host = f"[{address}]" if ":" in address else address
    if not ports:
        return {}
    variables = {f"{prefix}_SERVICE_HOST": address, f"{prefix}_SERVICE_PORT": str(ports[0].port)}
    for port in ports:
        if port.name:
            variables[f"{prefix}_SERVICE_PORT_{port.name.upper().replace('-', '_')}"] = str(port.port)
    for index, port in enumerate(ports):
        protocol = (port.protocol or "TCP").lower()
        url = f"{protocol}://{host}:{port.port}"
        if index == 0:
            variables[f"{prefix}_PORT"] = url
        stem = f"{prefix}_PORT_{port.port}_{protocol.upper()}"
        variables |= {stem: url, f"{stem}_PROTO": protocol, f"{stem}_PORT": str(port.port), f"{stem}_ADDR": address}
    return variables


def expand_all(texts: Sequence[str] | None, variables: Mapping[str, str]) -> list[str]:
    """A command or its arguments, expanded."""
    return [expand(text, variables) for text in texts or ()]
