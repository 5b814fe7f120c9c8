"""Which audiences a kubelet may ask tokens for (KEP-4935): those that the pod itself uses, and those that it has been
permitted with the verb `request-serviceaccounts-token-audience`.

A pod uses an audience by a projected token, or by a CSI volume whose driver wants tokens: one in the pod, one behind a
claim, or one behind a claim that is made for the pod.
"""

from collections.abc import Iterator
from typing import Any

from ...api.resource import resource
from ...api.user import UserInfo
from ..authz.authorizer import Attributes, Authorizer
from ..reader import ObjectReader

Object = dict[str, Any]

VERB = "request-serviceaccounts-token-audience"


async def refusal(
    reader: ObjectReader, authorizer: Authorizer, node: UserInfo, account: tuple[str, str], review: Object, pod: Object
) -> str:
    """Why a node may not have a token of an account, (namespace, name), for a pod; "" when it may."""
    audiences = (review.get("spec") or {}).get("audiences") or []
    if len(audiences) > 1:
        return "node may only request 0 or 1 audiences"
    audience = audiences[0] if audiences else ""
    if audience in _of_pod(reader, pod):
        return ""
    asked = Attributes(node, VERB, "", "v1", audience, "", *account)
    if (await authorizer.authorize(asked)).allowed:
        return ""
    return (
        f'audience "{audience}" not found in pod spec volume, {node.name} is not authorized to request tokens for this '
        "audience"
    )


def _of_pod(reader: ObjectReader, pod: Object) -> set[str]:
    found: set[str] = set()
    metadata = pod["metadata"]
    for volume in (pod.get("spec") or {}).get("volumes") or ():
        for source in (volume.get("projected") or {}).get("sources") or ():
            token = source.get("serviceAccountToken")
            if token is not None:
                found.add(token.get("audience") or "")
        found.update(_of_driver(reader, (volume.get("csi") or {}).get("driver")))
        claim = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        if volume.get("ephemeral") is not None:
            claim = f"{metadata['name']}-{volume['name']}"
        if claim:
            found.update(_of_claim(reader, metadata["namespace"], claim))
    return found


def _of_claim(reader: ObjectReader, namespace: str, name: str) -> Iterator[str]:
    claim = reader.get(resource("persistentvolumeclaims"), namespace, name) or {}
    volume_name = (claim.get("spec") or {}).get("volumeName")
    volume = reader.get(resource("persistentvolumes"), "", volume_name) if volume_name else None
    if volume is not None:
        yield from _of_driver(reader, ((volume.get("spec") or {}).get("csi") or {}).get("driver"))


def _of_driver(reader: ObjectReader, name: str | None) -> Iterator[str]:
    driver = reader.get(resource("csidrivers", "storage.k8s.io"), "", name) if name else None
    for row in ((driver or {}).get("spec") or {}).get("tokenRequests") or ():
        yield row.get("audience") or ""
