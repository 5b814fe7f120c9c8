"""What `port-forward` is to forward: its words as pairs of ports, the names in them looked up, and where to listen.

Pure. A service's port stands for the pod's port behind it; a name for the port of a container that has it.
"""

from __future__ import annotations

from ..errors import CommandError, quoted
from ..objects.pods import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def numbered(words: list[str], obj: dict[str, Any], pod: dict[str, Any]) -> list[str]:
    """`LOCAL:REMOTE` or `REMOTE` for each word, remote ports those of the pod. CommandError."""
    if obj.get("kind") == "Service":
        _refuse_udp(words, _ports_of_service(obj), lambda name: _service_port(obj, name))
        return [_through_service(word, obj, pod) for word in words]
    _refuse_udp(words, _ports_of_pod(pod), lambda name: _container_port(pod, name))
    return [_of_pod(word, pod) for word in words]


def _split(word: str) -> tuple[str, str]:
    parts = word.split(":")
    return (parts[0], parts[1]) if len(parts) == 2 else (parts[0], parts[0])


def _number(text: str) -> int | None:
    digits = text[1:] if text[:1] in ("+", "-") else text
    return int(text) if digits.isdigit() and digits.isascii() else None


def _ports_of_service(service: dict[str, Any]) -> list[tuple[int, str]]:
    return [(int(p["port"]), str(p.get("protocol") or "TCP")) for p in (service.get("spec") or {}).get("ports") or ()]


def _ports_of_pod(pod: dict[str, Any]) -> list[tuple[int, str]]:
    main = (pod.get("spec") or {}).get("containers") or ()
    return [(int(p["containerPort"]), str(p.get("protocol") or "TCP")) for c in main for p in c.get("ports") or ()]


def _refuse_udp(words: list[str], known: list[tuple[int, str]], find: Any) -> None:
    udp = {port for port, protocol in known if protocol == "UDP"}
    udp -= {port for port, protocol in known if protocol == "TCP"}
    for word in words:
        remote = _split(word)[1]
        number = _number(remote)
        if (find(remote) if number is None else number) in udp:
            raise CommandError(f"UDP protocol is not supported for {remote}")


def _service_port(service: dict[str, Any], name: str) -> int:
    for port in (service.get("spec") or {}).get("ports") or ():
        if port.get("name") == name:
            return int(port["port"])
    raise CommandError(f"Service '{service['metadata']['name']}' does not have a named port '{name}'")


def _container_port(pod: dict[str, Any], name: str) -> int:
    for container in containers(pod):
        for port in container.get("ports") or ():
            if port.get("name") == name:
                return int(port["containerPort"])
    raise CommandError(f"Pod '{pod['metadata']['name']}' does not have a named port '{name}'")


def _through_service(word: str, service: dict[str, Any], pod: dict[str, Any]) -> str:
    local, remote = _split(word)
    number = _number(remote)
    if number is None:
        number = _service_port(service, remote)
        if local == remote:
            local = str(number)
    target = str(_behind(service, number, pod))
    return target if local == target else f"{local}:{target}"


def _behind(service: dict[str, Any], number: int, pod: dict[str, Any]) -> int:
    """The pod's port behind a port of the service."""
    spec = service.get("spec") or {}
    for port in spec.get("ports") or ():
        if port["port"] != number:
            continue
        target = port.get("targetPort") or number
        if spec.get("clusterIP") == "None":
            return number
        return target if isinstance(target, int) else _container_port(pod, str(target))
    raise CommandError(f"Service {service['metadata']['name']} does not have a service port {number}")


def _of_pod(word: str, pod: dict[str, Any]) -> str:
    local, remote = _split(word)
    target = remote if _number(remote) is not None else str(_container_port(pod, remote))
    return target if local == remote else f"{local}:{target}"


def parsed(words: list[str]) -> list[tuple[int, int]]:
    """Local and remote port of each word; a local port of 0 is for the system to choose. CommandError."""
    found = []
    for word in words:
        parts = word.split(":")
        if len(parts) > 2:
            raise CommandError(f"invalid port format '{word}'")
        local = _unsigned(parts[0] or "0" if len(parts) == 2 else parts[0], "local")
        remote = _unsigned(parts[-1], "remote")
        if remote == 0:
            raise CommandError("remote port must be > 0")
        found.append((local, remote))
    return found


def _unsigned(text: str, which: str) -> int:
    if not (text.isdigit() and text.isascii()):
        why = "invalid syntax"
    elif int(text) > 65535:
        why = "value out of range"
    else:
        return int(text)
    raise CommandError(f"error parsing {which} port '{text}': strconv.ParseUint: parsing {quoted(text)}: {why}")


def addresses(given: list[str]) -> list[tuple[str, bool]]:
    """Each address to listen on, and whether it must work; of those of `localhost`, one will do. CommandError."""
    import ipaddress

    found: dict[str, bool] = {}
    for address in given:
        if address == "localhost":
            found |= {"127.0.0.1": False, "::1": False}
            continue
        try:
            ipaddress.ip_address(address)
        except ValueError:
            raise CommandError(f"{address} is not a valid IP") from None
        found.setdefault(address, True)
    if not found:
        raise CommandError("you must specify at least 1 address")
    return sorted(found.items())
