"""Services: cluster addresses and node ports are given out as the object is stored and freed as it goes.

A reservation is made in `begin_create`/`begin_update`, confirmed or given back by the returned `Finish`; an address is
held by its IPAddress object (`service_addresses.py`). What stored services hold is learned from the watch cache (at
start, and from writes of other API servers), as are the ranges of ServiceCIDRs. Addresses and ports that a client
leaves out of an update are taken over from the stored object, so that `kubectl apply` of a manifest without them works.
Which families a service has is worked out in `service_families.py`; it has one address of each.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from ...api import field, status
from ...api.field import FieldError
from ...api.instants import parse_time
from ...api.resource import ResourceInfo, resource
from ..reader import ObjectReader
from .service_addresses import AddressObjects, is_ours, owner_of
from .service_allocation import Exhausted, OutOfRange, ServiceNetwork, Taken
from .service_families import NONE, canonical, complete, has_address, keep_in_step
from .strategy import Finish, Object, Strategy, Write

_WITH_NODE_PORTS = ("NodePort", "LoadBalancer")
_LEFT_OVER_AFTER = timedelta(seconds=60)


def _spec(obj: Object | None) -> dict[str, Any]:
    return (obj or {}).get("spec") or {}


def _has_node_ports(spec: dict[str, Any]) -> bool:
    kind = spec.get("type")
    return kind == "NodePort" or (kind == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is not False)


def _has_health_check(spec: dict[str, Any]) -> bool:
    return spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"


def _owner(obj: Object) -> str:
    meta = obj["metadata"]
    return f"{meta.get('namespace', '')}/{meta.get('name', '')}"


def held_addresses(spec: dict[str, Any]) -> set[str]:
    """The cluster addresses a service holds, in the form that names their IPAddress."""
    return {canonical(ip) for ip in spec.get("clusterIPs") or () if ip and ip != NONE} if has_address(spec) else set()


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
        self._chosen: set[str] = set()
        self._ports: dict[int, str] = {}

    def address(self, wanted: str, family: str) -> str:
        """Take a given address, or any of the family. Taken, OutOfRange, Exhausted."""
        if wanted:
            self._network.take_address(wanted, self._owner)
        else:
            wanted = self._network.take_any_address(self._owner, family)
            self._chosen.add(wanted)
        self._addresses.append(canonical(wanted))
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

    async def confirm(self, spec: dict[str, Any], objects: AddressObjects) -> None:
        """Write the IPAddress of what was taken; another address when another server was faster and any would do.
        Taken."""
        for index, family in enumerate(spec["ipFamilies"]):
            while not await objects.take(canonical(spec["clusterIPs"][index]), self._owner):
                if spec["clusterIPs"][index] not in self._chosen:
                    raise Taken(spec["clusterIPs"][index])
                # The pool keeps it as this service's own, until the watch tells whose it is: nobody tries it again.
                spec["clusterIPs"][index] = self.address("", family)
        spec["clusterIP"] = spec["clusterIPs"][0]

    def give_back(self, kept: Object | None) -> None:
        """Free all that `kept` (the object that stays stored) does not hold."""
        spec = _spec(kept)
        for ip in set(self._addresses) - held_addresses(spec):
            self._network.release_address(ip, self._owner)
        for number in set(self._ports) - held_ports(spec):
            self._network.release_port(number, self._owner)


class ServiceStrategy(Strategy):
    """`network` is set by the server's assembly before the first request."""

    name_rule = "label"
    leaves_spec = False  # ports are completed and trimmed in place

    def __init__(self, info: ResourceInfo, reader: ObjectReader) -> None:
        super().__init__(info, reader)
        self.network = ServiceNetwork()
        self._objects: AddressObjects | None = None
        self._ranges: dict[str, list[str]] = {}

    def use_gates(self, gates: Mapping[str, bool]) -> None:
        """Without RelaxedServiceNameValidation a name begins with a letter, as DNS once had it (KEP-5311)."""
        super().use_gates(gates)
        self.name_rule = "label" if gates["RelaxedServiceNameValidation"] else "label_1035"

    def use(self, network: ServiceNetwork, objects: AddressObjects | None = None) -> None:
        """Give out addresses and ports of this network; what stored services hold is taken. With `objects` addresses
        are held by IPAddress objects, and further ServiceCIDRs are used."""
        self.network = network
        self._objects = objects
        self.reader.subscribe(self.info, self._seen)
        if objects is not None:
            self.reader.subscribe(resource("servicecidrs", "networking.k8s.io"), self._seen_range)
            self.reader.subscribe(resource("ipaddresses", "networking.k8s.io"), self._seen_address)

    def _seen_range(self, old: Object | None, new: Object | None) -> None:
        """A ServiceCIDR appeared, changed or went. While it is being deleted nothing is given out of it."""
        if old is not None:
            self._ranges.pop(old["metadata"]["name"], None)
        if new is not None and not new["metadata"].get("deletionTimestamp"):
            self._ranges[new["metadata"]["name"]] = _spec(new).get("cidrs") or []
        self.network.ranges(cidr for _, cidrs in sorted(self._ranges.items()) for cidr in cidrs)

    def _seen_address(self, old: Object | None, new: Object | None) -> None:
        """An IPAddress appeared or went."""
        if old is not None and new is None:
            self.network.release_address(old["metadata"]["name"], owner_of(old))
        elif new is not None:
            try:
                self.network.take_address(new["metadata"]["name"], owner_of(new))
            except (Taken, OutOfRange):
                return

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
        spec = obj.setdefault("spec", {})
        keep_in_step(spec, None)
        self._complete(obj, None)

    def prepare_update(self, new: Object, old: Object, write: Write) -> None:
        super().prepare_update(new, old, write)
        if write.subresource:
            return
        _take_over(new.setdefault("spec", {}), _spec(old))
        _drop_unused(new["spec"], _spec(old))
        keep_in_step(new["spec"], _spec(old))
        self._complete(new, old)
        if new["spec"].get("type") != "LoadBalancer":
            new["status"] = {**(new.get("status") or {}), "loadBalancer": {}}

    def _complete(self, new: Object, old: Object | None) -> None:
        errors = complete(new["spec"], None if old is None else _spec(old), self.network.families)
        if errors:
            raise status.invalid("", "Service", new["metadata"].get("name") or "", errors)

    async def begin_create(self, obj: Object, write: Write) -> Finish | None:
        return await self._allocate(obj, None, write)

    async def begin_update(self, new: Object, old: Object, write: Write) -> Finish | None:
        return None if write.subresource else await self._allocate(new, old, write)

    async def after_delete(self, obj: Object, write: Write) -> None:
        await self._free(held_addresses(_spec(obj)), _owner(obj))

    async def _free(self, addresses: set[str], owner: str) -> None:
        if self._objects is not None:
            for address in addresses:
                await self._objects.free(address, owner)

    async def repair(self, now: datetime) -> None:
        """Bring services and their IPAddresses together: write those that are missing, remove those that are left over
        from a write that never ended."""
        if self._objects is None:
            return
        held: dict[str, str] = {}
        for service in self.reader.list(self.info):
            for address in held_addresses(_spec(service)):
                held[address] = _owner(service)
                await self._objects.take(address, _owner(service))
        for found in list(self.reader.list(resource("ipaddresses", "networking.k8s.io"))):
            metadata = found["metadata"]
            age = now - parse_time(metadata["creationTimestamp"])
            if is_ours(found) and held.get(metadata["name"]) != owner_of(found) and age > _LEFT_OVER_AFTER:
                await self._objects.free(metadata["name"], owner_of(found))

    async def _allocate(self, new: Object, old: Object | None, write: Write) -> Finish:
        owner = _owner(new)
        reservation = _Reservation(self.network, owner)
        spec, before = new["spec"], held_addresses(_spec(old))
        errors = _addresses(spec, reservation) or _node_ports(spec, reservation)
        if not errors and self._objects is not None and not write.dry_run and held_addresses(spec) - before:
            try:
                await reservation.confirm(spec, self._objects)
            except Taken as error:
                errors = [_already_allocated(str(error), spec["clusterIPs"])]
        if errors:
            reservation.give_back(old)
            raise status.invalid("", "Service", new["metadata"]["name"], errors)

        async def finish(stored: bool) -> None:
            after = held_addresses(spec)
            if stored:
                await self._free(before - after, owner)
                return
            reservation.give_back(old)
            if not write.dry_run:
                await self._free(after - before, owner)

        return finish


def _take_over(new: dict[str, Any], old: dict[str, Any]) -> None:
    """Allocated ports that the client left out."""
    if _has_node_ports(new) and _has_node_ports(old):
        known = {(p.get("protocol"), p.get("port")): p.get("nodePort") for p in old.get("ports") or ()}
        used = {p.get("nodePort") for p in new.get("ports") or ()}
        for port in new.get("ports") or ():
            number = known.get((port.get("protocol"), port.get("port")))
            if not port.get("nodePort") and number and number not in used:
                port["nodePort"] = number
    if _has_health_check(new) and _has_health_check(old) and not new.get("healthCheckNodePort"):
        new["healthCheckNodePort"] = old.get("healthCheckNodePort")


def _is_external(spec: dict[str, Any]) -> bool:
    """Whether traffic may come in from outside of the cluster."""
    return spec.get("type") in _WITH_NODE_PORTS or (has_address(spec) and bool(spec.get("externalIPs")))


def _drop_unused(new: dict[str, Any], old: dict[str, Any]) -> None:
    """A change of type drops what the new type has no use for, unless the client changed it at the same time."""
    if not has_address(new) and has_address(old):
        for key in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
            if new.get(key) == old.get(key):
                new.pop(key, None)
    if new.get("type") not in _WITH_NODE_PORTS and old.get("type") in _WITH_NODE_PORTS:
        known = {p.get("nodePort") for p in old.get("ports") or ()}
        for port in new.get("ports") or ():
            if port.get("nodePort") in known:
                port.pop("nodePort")
    is_internal_now = _is_external(old) and not _is_external(new)
    if is_internal_now and new.get("externalTrafficPolicy") == old.get("externalTrafficPolicy"):
        new.pop("externalTrafficPolicy", None)
    if not _has_health_check(new) and new.get("healthCheckNodePort") == old.get("healthCheckNodePort"):
        new.pop("healthCheckNodePort", None)
    if new.get("type") != "LoadBalancer" and old.get("type") == "LoadBalancer":
        for key in ("allocateLoadBalancerNodePorts", "loadBalancerClass"):
            if new.get(key) == old.get(key):
                new.pop(key, None)


def _addresses(spec: dict[str, Any], reservation: _Reservation) -> list[FieldError]:
    if not has_address(spec) or NONE in (spec.get("clusterIPs") or ()):
        return []
    where, families = "spec.clusterIPs", spec["ipFamilies"]
    wanted = list(spec.get("clusterIPs") or ())
    wanted += [""] * (len(families) - len(wanted))
    found: list[str] = []
    for address, family in zip(wanted, families, strict=False):
        try:
            found.append(reservation.address(address, family))
        except Taken:
            return [_already_allocated(address, wanted)]
        except OutOfRange as error:
            return [field.invalid(where, wanted, f"failed to allocate IP {address}: {error}")]
        except Exhausted:
            return [field.internal(where, "failed to allocate a serviceIP: range is full")]
    spec["clusterIP"], spec["clusterIPs"] = found[0], found
    return []


def _already_allocated(address: str, wanted: list[str]) -> FieldError:
    why = f"failed to allocate IP {address}: provided IP is already allocated"
    return field.invalid("spec.clusterIPs", wanted, why)


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
