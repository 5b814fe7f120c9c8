"""ServiceAccount: every pod runs as a service account and, unless declined, gets its token mounted.

The token comes as a projected volume `kube-api-access-xxxxx` (KEP-1205): a bound token of one hour, the cluster's CA
from the ConfigMap kube-root-ca.crt, and the namespace. The default account of a new namespace is made by a
controller; a pod that comes right after its namespace waits a moment for it.
"""

import asyncio
from typing import Any

from ...api import names, status
from ...api.resource import ResourceInfo, resource
from ..reader import Object, ObjectReader
from .plugin import AdmissionRequest

MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
MIRROR_ANNOTATION = "kubernetes.io/config.mirror"
_TOKEN_SECONDS = 3607
_WAIT_SECONDS = 2.0


class ServiceAccount:
    """Follows upstream's plugin of the same name."""

    name = "ServiceAccount"

    def __init__(self, reader: ObjectReader) -> None:
        self._reader = reader
        self._accounts = resource("serviceaccounts")
        self._waiting: dict[tuple[str, str], asyncio.Event] = {}
        self._subscribed = False

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        return operation == "CREATE" and resource.group_resource == "pods" and not subresource

    async def admit(self, request: AdmissionRequest) -> None:
        pod = request.object or {}
        spec = pod.setdefault("spec", {})
        if MIRROR_ANNOTATION in (pod["metadata"].get("annotations") or {}):
            self._check_mirror(request, spec)
            return
        name = spec.get("serviceAccountName") or "default"
        spec["serviceAccountName"] = spec["serviceAccount"] = name
        account = await self._account(request.namespace, name)
        if account is None:
            why = f'error looking up service account {request.namespace}/{name}: serviceaccount "{name}" not found'
            raise status.forbidden("", "pods", request.name, why)
        if _automounts(account, spec):
            _mount_token(spec)
        if not spec.get("imagePullSecrets") and account.get("imagePullSecrets"):
            spec["imagePullSecrets"] = [dict(secret) for secret in account["imagePullSecrets"]]

    async def validate(self, request: AdmissionRequest) -> None:
        return

    def _check_mirror(self, request: AdmissionRequest, spec: dict[str, Any]) -> None:
        if spec.get("serviceAccountName"):
            raise status.forbidden("", "pods", request.name, "a mirror pod may not reference service accounts")
        for volume in spec.get("volumes") or ():
            sources = (volume.get("projected") or {}).get("sources") or ()
            if any("serviceAccountToken" in source for source in sources):
                why = "a mirror pod may not use ServiceAccountToken volume projections"
                raise status.forbidden("", "pods", request.name, why)

    async def _account(self, namespace: str, name: str) -> Object | None:
        found = self._reader.get(self._accounts, namespace, name)
        if found is not None or name != "default":
            return found
        if not self._subscribed:
            self._subscribed = True
            self._reader.subscribe(self._accounts, self._seen)
        event = self._waiting.setdefault((namespace, name), asyncio.Event())
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                while (found := self._reader.get(self._accounts, namespace, name)) is None:
                    await event.wait()
        except TimeoutError:
            return None
        finally:
            self._waiting.pop((namespace, name), None)
        return found

    def _seen(self, old: Object | None, new: Object | None) -> None:
        if old is None and new is not None and self._waiting:
            meta = new["metadata"]
            event = self._waiting.get((meta.get("namespace", ""), meta["name"]))
            if event is not None:
                event.set()


def _automounts(account: Object, spec: dict[str, Any]) -> bool:
    for chosen in (spec.get("automountServiceAccountToken"), account.get("automountServiceAccountToken")):
        if chosen is not None:
            return bool(chosen)
    return True


def _token_volume(name: str) -> dict[str, Any]:
    sources = [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": _TOKEN_SECONDS}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {
            "downwardAPI": {
                "items": [
                    {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}},
                ]
            }
        },
    ]
    return {"name": name, "projected": {"sources": sources, "defaultMode": 420}}


def _mount_token(spec: dict[str, Any]) -> None:
    """Give the token to every container that has not mounted something else in its place."""
    volumes = spec.setdefault("volumes", [])
    name = next((v["name"] for v in volumes if v["name"].startswith("kube-api-access-")), "")
    added = False
    for container in [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]:
        mounts = container.setdefault("volumeMounts", [])
        if any(mount.get("mountPath") == MOUNT_PATH for mount in mounts):
            continue
        if not name:
            name = names.generated_name("kube-api-access-")
            added = True
        mounts.append({"name": name, "readOnly": True, "mountPath": MOUNT_PATH})
    if added:
        volumes.append(_token_volume(name))
    if not volumes:
        del spec["volumes"]
