"""projected: config maps, secrets, downward API items and service-account tokens merged into one directory.

Every pod has one (the `kube-api-access` volume: token, cluster CA, namespace). A later source wins over an earlier one
that writes the same path. Tokens are written again once they are due (see `tokens.py`).
"""

import asyncio

from pybernetes.api.core import Volume, VolumeProjection

from .payload import (
    DEFAULT_MODE,
    Payload,
    config_map_payload,
    downward_payload,
    private_directory,
    secret_payload,
    show,
    token_payload,
)
from .volume import MountContext, ObjectReference, SetUpError


async def _source_payload(context: MountContext, source: VolumeProjection, mode: int) -> Payload:
    if source.config_map is not None:
        found = source.config_map
        return await config_map_payload(context, found.name or "", found.items, found.optional, mode)
    if source.secret is not None:
        entry = source.secret
        return await secret_payload(context, entry.name or "", entry.items, entry.optional, mode)
    if source.downward_api is not None:
        return downward_payload(context, source.downward_api.items, mode)
    if source.service_account_token is not None:
        return await token_payload(context, source.service_account_token, mode)
    if source.cluster_trust_bundle is not None:
        raise SetUpError("clusterTrustBundle projected volumes are not supported by this kubelet")
    if source.pod_certificate is not None:
        raise SetUpError("podCertificate projected volumes are not supported by this kubelet")
    return {}


class ProjectedVolume:
    """`VolumeKind` for `projected`."""

    plugin = "kubernetes.io/projected"

    async def set_up(self, context: MountContext) -> str:
        volume = context.volume.projected
        assert volume is not None
        mode = volume.default_mode if volume.default_mode is not None else DEFAULT_MODE
        payload: Payload = {}
        for found in await asyncio.gather(*(_source_payload(context, source, mode) for source in volume.sources or ())):
            payload.update(found)
        private_directory(context)
        return show(context, payload)

    async def refresh(self, context: MountContext) -> None:
        await self.set_up(context)

    def references(self, volume: Volume) -> list[ObjectReference]:
        found: list[ObjectReference] = []
        for source in (volume.projected.sources if volume.projected is not None else None) or ():
            if source.config_map is not None:
                found.append(("ConfigMap", source.config_map.name or ""))
            if source.secret is not None:
                found.append(("Secret", source.secret.name or ""))
        return found
