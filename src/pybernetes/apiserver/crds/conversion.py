"""Objects of one version as another: by changing the apiVersion, or by asking a webhook (`spec.conversion`).

A webhook gets all objects of an answer in one ConversionReview and may change everything but identity: apiVersion and
kind must be the wanted ones, and of metadata only labels and annotations may differ.
"""

import asyncio
import uuid
from collections.abc import Sequence
from typing import Any

import orjson

from ...api.status import StatusError
from ..admission.webhook.client import CallFailed, WebhookClient, url_of

Object = dict[str, Any]

TIMEOUT_SECONDS = 30
_FREE = frozenset({"labels", "annotations"})


class Conversion:
    """The conversion of one definition."""

    def __init__(self, spec: Object, group: str, kind: str, client: WebhookClient) -> None:
        self.by_webhook = spec.get("strategy") == "Webhook"
        self._webhook: Object = spec.get("webhook") or {}
        self._group = group
        self._kind = kind
        self._client = client

    async def convert(self, objects: Sequence[Object], version: str) -> list[Object]:
        """The objects in this version, in order. StatusError 500 when the webhook fails."""
        wanted = f"{self._group}/{version}"
        if not self.by_webhook:
            return [renamed(obj, wanted) for obj in objects]
        others = [obj for obj in objects if obj.get("apiVersion") != wanted]
        if not others:
            return list(objects)
        converted = iter(await self._ask(others, wanted))
        return [obj if obj.get("apiVersion") == wanted else next(converted) for obj in objects]

    async def _ask(self, objects: list[Object], wanted: str) -> list[Object]:
        start = objects[0].get("apiVersion")
        versions = self._webhook.get("conversionReviewVersions") or ["v1"]
        review = next((name for name in versions if name in ("v1", "v1beta1")), "v1")
        uid = str(uuid.uuid4())
        body = {
            "apiVersion": f"apiextensions.k8s.io/{review}",
            "kind": "ConversionReview",
            "request": {"uid": uid, "desiredAPIVersion": wanted, "objects": objects},
        }
        prefix = f"conversion webhook for {start}, Kind={self._kind} failed"
        config = self._webhook.get("clientConfig") or {}
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                answer = await self._client.post(config, orjson.dumps(body), TIMEOUT_SECONDS)
        except CallFailed as error:
            raise _failed(f"{prefix}: {error}") from None
        except TimeoutError:
            url = url_of(config, TIMEOUT_SECONDS)
            raise _failed(f'{prefix}: Post "{url}": context deadline exceeded') from None
        return _checked(answer, review, uid, objects, wanted, prefix)


def renamed(obj: Object, api_version: str) -> Object:
    """The object itself under another apiVersion."""
    return obj if obj.get("apiVersion") == api_version else {**obj, "apiVersion": api_version}


def _failed(words: str) -> StatusError:
    return StatusError(500, "", words, {})


def _checked(answer: bytes, review: str, uid: str, objects: list[Object], wanted: str, prefix: str) -> list[Object]:
    """The converted objects of an answer that keeps to the rules."""
    try:
        found: Any = orjson.loads(answer)
        response = found["response"]
    except (ValueError, KeyError, TypeError) as error:
        raise _failed(f"{prefix}: {error}") from None
    if found.get("kind") != "ConversionReview" or found.get("apiVersion") != f"apiextensions.k8s.io/{review}":
        shown = f"{found.get('apiVersion')}, Kind={found.get('kind')}"
        want = f"apiextensions.k8s.io/{review}, Kind=ConversionReview"
        raise _failed(f"{prefix}: invalid response: expected apiVersion/kind of {want}, got {shown}")
    if response.get("uid") != uid:
        words = f'expected response.uid="{uid}", got "{response.get("uid")}"'
        raise _failed(f"{prefix}: {words}")
    result = response.get("result") or {}
    if result.get("status") != "Success":
        if result.get("status") != "Failure":
            raise _failed(f"{prefix}: response.result.status was '{result.get('status') or ''}'")
        raise _failed(f"{prefix}: {result.get('message') or 'Unknown'}")
    converted = response.get("convertedObjects") or []
    if len(converted) != len(objects):
        words = f"webhook returned {len(converted)} objects, expected {len(objects)}"
        raise _failed(f"{prefix}: {words}")
    return [
        _restored(before, after, wanted, f"{prefix}: invalid converted object at index {at}")
        for at, (before, after) in enumerate(zip(objects, converted, strict=True))
    ]


def _restored(before: Object, after: Any, wanted: str, prefix: str) -> Object:
    """Identity is the original's."""
    if not isinstance(after, dict) or not isinstance(after.get("metadata"), dict):
        raise _failed(f"{prefix}: invalid metadata")
    if after.get("apiVersion") != wanted or after.get("kind") != before.get("kind"):
        words = (
            f"invalid groupVersion (expected {wanted}, received {after.get('apiVersion')})"
            if after.get("apiVersion") != wanted
            else f"invalid kind (expected {before.get('kind')}, received {after.get('kind')})"
        )
        raise _failed(f"{prefix}: {words}")
    old, new = before["metadata"], after["metadata"]
    for key in ("name", "namespace", "uid"):
        if (new.get(key) or "") != (old.get(key) or ""):
            raise _failed(f"{prefix}: must have the same {key}: {new.get(key) or ''} != {old.get(key) or ''}")
    metadata = {key: value for key, value in old.items() if key not in _FREE}
    for key in _FREE:
        if new.get(key):
            metadata[key] = new[key]
    return {**after, "metadata": metadata}
