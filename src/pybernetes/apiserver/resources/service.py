"""Services: cluster addresses and node ports are given out as the object is stored and freed as it goes.

A reservation is made in `begin_create`/`begin_update`, confirmed or given back by the returned `Finish`. What stored
services hold is learned from the watch cache (at start, and from writes of other API servers). Addresses and ports that
a client leaves out of an update are taken over from the stored object, so that `kubectl apply` of a manifest without
them works.
"""

from typing import Any

from ...api import field, status
from ...api.field import FieldError
from ...api.resource import ResourceInfo
from ..reader import ObjectReader
from .service_allocation import Exhausted, OutOfRange, ServiceNetwork, Taken
from .strategy import Finish, Object, Strategy, Write

_WITH_NODE_PORTS = ("NodePort", "LoadBalancer")
NONE = "None"


def _spec(obj: Object | None) -> dict[str, Any]:
    return (obj or {}).get("spec") or {}


def _has_address(spec: dict[str, Any]) -> bool:
    return bool(spec.get("type", "ClusterIP") != "ExternalName")


def _has_node_ports(spec: dict[str, Any]) -> bool:
    kind = spec.get("type")
    return kind == "NodePort" or (kind == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is not False)


def _has_health_check(spec: dict[str, Any]) -> bool:
    return spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"


def _owner(obj: Object) -> str:
    meta = obj["metadata"]
    return f"{meta.get('namespace', '')}/{meta.get('name', '')}"


def held_addresses(spec: dict[str, Any]) -> set[str]:
    """The cluster addresses a service holds."""
    return {ip for ip in spec.get("clusterIPs") or () if ip and ip != NONE and ":" not in ip}


def held_ports(spec: dict[str, Any]) -> set[int]:
    """The node ports a service holds, the health-check port included."""
    found = {p["nodePort"] for p in spec.get("ports") or () if p.get("nodePort")}
    if spec.get("healthCheckNodePort"):
        found.add(spec["healthCheckNodePort"])
    return found


class _Reservation:
    """What one write has taken so far, to be given back if it fails."""

    def __init__(self, network: ServiceNetwork, owner: str) -> None:
        self._network = network
        self._owner = owner
        self._addresses: list[str] = []
        self._ports: dict[int, str] = {}

    def address(self, wanted: str) -> str:
        """Take a given or any address. Taken, OutOfRange, Exhausted."""
        if wanted:
            self._network.take_address(wanted, self._owner)
        else:
            wanted = self._network.take_any_address(self._owner)
        self._addresses.append(wanted)
        return wanted

    def port(self, wanted: int, protocol: str) -> int:
        """Take a given or any node port; one service may use a number once per protocol."""
        if wanted:
            if wanted not in self._ports:
                self._network.take_port(wanted, self._owner)
        else:
            wanted = self._network.take_any_port(self._owner)
        self._ports[wanted] = protocol
        return wanted

    def give_back(self, kept: Object | None) -> None:
        """Free all that `kept` (the object that stays stored) does not hold."""
        spec = _spec(kept)
        for ip in set(self._addresses) - held_addresses(spec):
            self._network.release_address(ip, self._owner)
        for number in set(self._ports) - held_ports(spec):
            self._network.release_port(number, self._owner)


class ServiceStrategy(Strategy):
    """`network` is set by the server's assembly before the first request."""

    name_rule = "label_1035"

    def __init__(self, info: ResourceInfo, reader: ObjectReader) -> None:
        super().__init__(info, reader)
        self.network = ServiceNetwork()

    def use(self, network: ServiceNetwork) -> None:
        """Give out addresses and ports of this network; what stored services hold is taken."""
        self.network = network
        self.reader.subscribe(self.info, self._seen)

    def _seen(self, old: Object | None, new: Object | None) -> None:
        """A stored service appeared, changed or went."""
        before, after = _spec(old), _spec(new)
        owner = _owner(new or old or {"metadata": {}})
        for ip in held_addresses(before) - held_addresses(after):
            self.network.release_address(ip, owner)
        for number in held_ports(before) - held_ports(after):
            self.network.release_port(number, owner)
        for ip in held_addresses(after):
            try:
                self.network.take_address(ip, owner)
            except (Taken, OutOfRange):
                continue
        for number in held_ports(after):
            try:
                self.network.take_port(number, owner)
            except (Taken, OutOfRange):
                continue

    def prepare_create(self, obj: Object, write: Write) -> None:
        super().prepare_create(obj, write)
        obj["status"] = {"loadBalancer": {}}
        _normalize(obj.setdefault("spec", {}))

    def prepare_update(self, new: Object, old: Object, write: Write) -> None:
        super().prepare_update(new, old, write)
        if write.subresource:
            return
        _take_over(new.setdefault("spec", {}), _spec(old))
        _drop_unused(new["spec"], _spec(old))
        _normalize(new["spec"])
        if new["spec"].get("type") != "LoadBalancer":
            new["status"] = {**(new.get("status") or {}), "loadBalancer": {}}

    async def begin_create(self, obj: Object, write: Write) -> Finish | None:
        return self._allocate(obj, None)

    async def begin_update(self, new: Object, old: Object, write: Write) -> Finish | None:
        return None if write.subresource else self._allocate(new, old)

    def _allocate(self, new: Object, old: Object | None) -> Finish:
        reservation = _Reservation(self.network, _owner(new))
        spec = new["spec"]
        errors = _addresses(spec, reservation) or _node_ports(spec, reservation)
        if errors:
            reservation.give_back(old)
            raise status.invalid("", "Service", new["metadata"]["name"], errors)

        async def finish(stored: bool) -> None:
            if not stored:
                reservation.give_back(old)

        return finish


def _normalize(spec: dict[str, Any]) -> None:
    """Keep the singular and plural address fields in step and fill in the (single-stack) families."""
    if not _has_address(spec):
        return
    if spec.get("clusterIP") and not spec.get("clusterIPs"):
        spec["clusterIPs"] = [spec["clusterIP"]]
    elif spec.get("clusterIPs") and not spec.get("clusterIP"):
        spec["clusterIP"] = spec["clusterIPs"][0]
    spec.setdefault("ipFamilies", ["IPv4"])
    spec.setdefault("ipFamilyPolicy", "SingleStack")


def _take_over(new: dict[str, Any], old: dict[str, Any]) -> None:
    """Allocated values that the client left out."""
    if _has_address(new) and _has_address(old):
        if not new.get("clusterIP") and not new.get("clusterIPs"):
            for key in ("clusterIP", "clusterIPs"):
                if key in old:
                    new[key] = old[key]
        for key in ("ipFamilies", "ipFamilyPolicy"):
            if not new.get(key) and key in old:
                new[key] = old[key]
    if _has_node_ports(new) and _has_node_ports(old):
        known = {(p.get("protocol"), p.get("port")): p.get("nodePort") for p in old.get("ports") or ()}
        used = {p.get("nodePort") for p in new.get("ports") or ()}
        for port in new.get("ports") or ():
            number = known.get((port.get("protocol"), port.get("port")))
            if not port.get("nodePort") and number and number not in used:
                port["nodePort"] = number
    if _has_health_check(new) and _has_health_check(old) and not new.get("healthCheckNodePort"):
        new["healthCheckNodePort"] = old.get("healthCheckNodePort")


def _drop_unused(new: dict[str, Any], old: dict[str, Any]) -> None:
    """A change of type drops what the new type has no use for, unless the client changed it at the same time."""
    if not _has_address(new) and _has_address(old):
        for key in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
            if new.get(key) == old.get(key):
                new.pop(key, None)
    if new.get("type") not in _WITH_NODE_PORTS and old.get("type") in _WITH_NODE_PORTS:
        known = {p.get("nodePort") for p in old.get("ports") or ()}
        for port in new.get("ports") or ():
            if port.get("nodePort") in known:
                port.pop("nodePort")
        if new.get("externalTrafficPolicy") == old.get("externalTrafficPolicy") and not new.get("externalIPs"):
            new.pop("externalTrafficPolicy", None)
    if not _has_health_check(new) and new.get("healthCheckNodePort") == old.get("healthCheckNodePort"):
        new.pop("healthCheckNodePort", None)
    if new.get("type") != "LoadBalancer" and old.get("type") == "LoadBalancer":
        for key in ("allocateLoadBalancerNodePorts", "loadBalancerClass"):
            if new.get(key) == old.get(key):
                new.pop(key, None)


def _addresses(spec: dict[str, Any], reservation: _Reservation) -> list[FieldError]:
    if not _has_address(spec) or NONE in (spec.get("clusterIPs") or ()):
        return []
    wanted = (spec.get("clusterIPs") or [""])[0]
    where = "spec.clusterIPs"
    try:
        given = reservation.address(wanted)
    except Taken:
        return [field.invalid(where, [wanted], f"failed to allocate IP {wanted}: provided IP is already allocated")]
    except OutOfRange as error:
        return [field.invalid(where, [wanted], f"failed to allocate IP {wanted}: {error}")]
    except Exhausted:
        return [field.internal(where, "failed to allocate a serviceIP: range is full")]
    spec["clusterIP"], spec["clusterIPs"] = given, [given]
    return []


def _node_ports(spec: dict[str, Any], reservation: _Reservation) -> list[FieldError]:
    if not _has_node_ports(spec):
        errors = []
        for index, port in enumerate(spec.get("ports") or ()):
            if port.get("nodePort") and spec.get("type") == "LoadBalancer":
                errors += _node_port(port, index, reservation)
        return errors
    errors = []
    for index, port in enumerate(spec.get("ports") or ()):
        errors += _node_port(port, index, reservation)
    if not errors and _has_health_check(spec):
        try:
            spec["healthCheckNodePort"] = reservation.port(spec.get("healthCheckNodePort") or 0, "TCP")
        except (Taken, OutOfRange, Exhausted) as error:
            why = f"failed to allocate requested HealthCheck NodePort {spec.get('healthCheckNodePort', 0)}: {error}"
            errors.append(field.internal("spec.healthCheckNodePort", why))
    return errors


def _node_port(port: dict[str, Any], index: int, reservation: _Reservation) -> list[FieldError]:
    where = f"spec.ports[{index}].nodePort"
    wanted = port.get("nodePort") or 0
    try:
        port["nodePort"] = reservation.port(wanted, port.get("protocol", "TCP"))
    except Taken:
        return [field.invalid(where, wanted, "provided port is already allocated")]
    except OutOfRange as error:
        return [field.invalid(where, wanted, str(error))]
    except Exhausted:
        return [field.internal(where, "failed to allocate a nodePort: range is full")]
    return []
