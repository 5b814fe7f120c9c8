"""Approving certificate signing requests of kubelets.

* Client certificates (`kube-apiserver-client-kubelet`): approved when a SubjectAccessReview says that the requester
  may create `certificatesigningrequests/nodeclient` (joining with a bootstrap token) or `…/selfnodeclient` (renewing).
* Serving certificates (`kubelet-serving`): approved when a node asks for itself and every name and address in the
  request is one of its Node object's addresses. This one is our own addition (upstream leaves it to the administrator),
  safe because a node's addresses are reported under its own identity and checked by NodeRestriction.
"""

import asyncio
from ipaddress import ip_address

from ..api.authorization import ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec
from ..api.certificates import CertificateSigningRequest
from ..api.core import Node
from ..base.x509 import SigningRequest
from ..reconcile.certificate_requests import (
    KUBELET_CLIENT,
    KUBELET_SERVING,
    NODE_PREFIX,
    NODES_GROUP,
    CertificateError,
    is_decided,
    kubelet_client_problem,
    kubelet_serving_problem,
    parsed,
    with_condition,
)
from ..reconcile.controller import Result
from ..reconcile.manager import ControllerContext
from ..reconcile.sources import source

SELF_MESSAGE = "Auto approving self kubelet client certificate after SubjectAccessReview."
JOIN_MESSAGE = "Auto approving kubelet client certificate after SubjectAccessReview."
SERVING_MESSAGE = "Auto approving kubelet serving certificate for addresses of the requesting node."


def is_for_own_addresses(request: SigningRequest, node: Node) -> bool:
    """Whether every name and address asked for is an address the Node object reports."""
    reported = [address.address for address in node.status.addresses or ()]
    known = {_normal(address) for address in reported}
    return all(_normal(name) in known for name in (*request.dns_names, *request.ip_addresses))


def _normal(address: str) -> str:
    try:
        return str(ip_address(address))
    except ValueError:
        return address.lower()


class CSRApprover:
    """See the module docstring. Keys are names of requests."""

    def __init__(self, context: ControllerContext) -> None:
        self._client = context.client
        self._clock = context.clock
        self._requests = context.informers.of(CertificateSigningRequest)
        self._nodes = context.informers.of(Node)
        self._controller = context.controller("csrapproving", self._reconcile)
        source(self._requests, self._controller.enqueue, when=lambda old, new: new is not None and not is_decided(new))
        source(self._nodes, self._controller.enqueue, keys=self._waiting_for, when=_has_new_addresses)

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    def _waiting_for(self, node: Node) -> list[str]:
        """Undecided serving requests of a node whose addresses changed."""
        user = NODE_PREFIX + (node.metadata.name or "")
        return [
            request.metadata.name or ""
            for request in self._requests.list()
            if request.spec.username == user and not is_decided(request)
        ]

    async def _reconcile(self, key: str) -> Result | None:
        request = self._requests.get(key)
        if request is None or is_decided(request) or request.status.certificate:
            return None
        try:
            asked = parsed(request)
        except CertificateError:
            return None
        usages = request.spec.usages or []
        if request.spec.signer_name == KUBELET_CLIENT and not kubelet_client_problem(asked, usages):
            is_self = request.spec.username == asked.common_name
            if is_self and await self._may(request, "selfnodeclient"):
                await self._approve(request, SELF_MESSAGE)
            elif await self._may(request, "nodeclient"):
                await self._approve(request, JOIN_MESSAGE)
        elif request.spec.signer_name == KUBELET_SERVING and self._is_own(request, asked):
            await self._approve(request, SERVING_MESSAGE)
        return None

    def _is_own(self, request: CertificateSigningRequest, asked: SigningRequest) -> bool:
        if kubelet_serving_problem(asked, request.spec.usages or []):
            return False
        if request.spec.username != asked.common_name or NODES_GROUP not in (request.spec.groups or ()):
            return False
        node = self._nodes.get(asked.common_name.removeprefix(NODE_PREFIX))
        return node is not None and is_for_own_addresses(asked, node)

    async def _may(self, request: CertificateSigningRequest, subresource: str) -> bool:
        spec = request.spec
        review = SubjectAccessReview(
            spec=SubjectAccessReviewSpec(
                user=spec.username,
                uid=spec.uid,
                groups=spec.groups,
                extra=spec.extra,
                resource_attributes=ResourceAttributes(
                    group="certificates.k8s.io",
                    resource="certificatesigningrequests",
                    verb="create",
                    subresource=subresource,
                    version="*",
                ),
            )
        )
        return (await self._client.create(review)).status.allowed

    async def _approve(self, request: CertificateSigningRequest, message: str) -> None:
        approved = with_condition(request, "Approved", "AutoApproved", message, self._clock.now())
        await self._client.update(approved, subresource="approval")


def _has_new_addresses(old: Node | None, new: Node | None) -> bool:
    return new is not None and (old is None or old.status.addresses != new.status.addresses)
