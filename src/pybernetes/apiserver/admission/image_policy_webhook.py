"""ImagePolicyWebhook: another server decides whether a pod's images may run (imagepolicy.k8s.io/v1alpha1 ImageReview).

Configured as upstream's: `imagePolicy` with `kubeConfigFile`, `allowTTL`, `denyTTL` (seconds) and `defaultAllow`.
"""

from collections import OrderedDict
from typing import Any

import orjson

from ...api import status
from ...api.resource import ResourceInfo
from ...base.clock import Clock
from ..audit import annotate
from ..remote_webhook import RemoteWebhook, WebhookError
from .plugin import AdmissionRequest

Object = dict[str, Any]

_FAILED_OPEN = "alpha.image-policy.k8s.io/failed-open"
_MARK = ".image-policy.k8s.io/"
_REMEMBERED = 1024
_NAME = "ImagePolicyWebhook"


class ImagePolicyWebhook:
    """Follows upstream's plugin of the same name. ValueError without a configuration."""

    name = _NAME

    def __init__(self, configuration: Object, clock: Clock) -> None:
        settings = configuration.get("imagePolicy") or {}
        if not settings.get("kubeConfigFile"):
            raise ValueError(f"{_NAME}: no imagePolicy.kubeConfigFile in the admission configuration")
        self._webhook = RemoteWebhook(str(settings["kubeConfigFile"]))
        self._default_allow = bool(settings.get("defaultAllow"))
        self._seconds = {True: float(settings.get("allowTTL") or 300), False: float(settings.get("denyTTL") or 30)}
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[float, Object]] = OrderedDict()

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        """See AdmissionPlugin."""
        if resource.group_resource != "pods" or subresource not in ("", "ephemeralcontainers"):
            return False
        return operation in ("CREATE", "UPDATE")

    async def admit(self, request: AdmissionRequest) -> None:
        """Changes nothing."""

    async def validate(self, request: AdmissionRequest) -> None:
        """StatusError 403 when the server says no, or says nothing and silence is no."""
        pod = request.object or {}
        images = _images(pod)
        if request.old_object is not None and images == _images(request.old_object):
            return
        notes = (pod.get("metadata") or {}).get("annotations") or {}
        spec = {
            "containers": [{"image": image} for image in images],
            "annotations": {key: value for key, value in notes.items() if _MARK in key},
            "namespace": request.namespace,
        }
        try:
            answer = await self._ask(spec)
        except WebhookError as error:
            if not self._default_allow:
                raise status.forbidden("", "pods", request.name, str(error)) from None
            annotate(_FAILED_OPEN, "true")
            return
        for key, value in (answer.get("auditAnnotations") or {}).items():
            annotate(f"imagepolicywebhook.image-policy.k8s.io/{key}", str(value))
        if answer.get("allowed") is not True:
            reason = answer.get("reason")
            why = "image policy webhook backend denied one or more images"
            raise status.forbidden("", "pods", request.name, f"{why}: {reason}" if reason else why)

    async def _ask(self, spec: Object) -> Object:
        key, now = orjson.dumps(spec), self._clock.monotonic()
        known = self._known.get(key)
        if known is not None and known[0] > now:
            return known[1]
        review = {"apiVersion": "imagepolicy.k8s.io/v1alpha1", "kind": "ImageReview", "spec": spec}
        answer: Object = (await self._webhook.post(orjson.dumps(review), attempts=2)).get("status") or {}
        self._known[key] = (now + self._seconds[answer.get("allowed") is True], answer)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return answer


def _images(pod: Object) -> list[str]:
    spec = pod.get("spec") or {}
    kinds = ("initContainers", "containers", "ephemeralContainers")
    return [str(container.get("image") or "") for kind in kinds for container in spec.get(kind) or ()]
