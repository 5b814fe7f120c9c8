"""Certificate signing requests: the server records who asks; approving and signing have paths of their own."""

from datetime import UTC, datetime
from typing import Any

from .strategy import Object, Strategy, Write

_DECISIONS = ("Approved", "Denied")


class CertificateSigningRequestStrategy(Strategy):
    """The spec never changes; `/approval` changes the decision, `/status` the certificate and the Failed condition."""

    def prepare_create(self, obj: Object, write: Write) -> None:
        super().prepare_create(obj, write)
        spec = obj.setdefault("spec", {})
        user = write.user
        for key in ("username", "uid", "groups", "extra"):
            spec.pop(key, None)
        spec["username"] = user.name
        if user.uid:
            spec["uid"] = user.uid
        if user.groups:
            spec["groups"] = list(user.groups)
        if user.extra:
            spec["extra"] = dict(user.extra)

    def prepare_update(self, new: Object, old: Object, write: Write) -> None:
        new["spec"] = old.get("spec") or {}
        if write.subresource != "approval":
            super().prepare_update(new, old, write)
            if write.subresource == "status":
                _stamp(new, old)
            return
        old_status, new_status = old.get("status") or {}, new.get("status") or {}
        conditions = new_status.get("conditions") or []
        new["status"] = {**old_status, "conditions": conditions} if conditions else dict(old_status)
        metadata = {**old["metadata"], "resourceVersion": new["metadata"].get("resourceVersion", "")}
        metadata["labels"] = new["metadata"].get("labels")
        metadata["annotations"] = new["metadata"].get("annotations")
        new["metadata"] = {key: value for key, value in metadata.items() if value is not None}
        _stamp(new, old)


def _stamp(new: Object, old: Object) -> None:
    """Give new or changed conditions their times."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    before: dict[Any, Any] = {c.get("type"): c for c in (old.get("status") or {}).get("conditions") or ()}
    for condition in (new.get("status") or {}).get("conditions") or ():
        known = before.get(condition.get("type"))
        if known is None or known.get("status") != condition.get("status"):
            condition["lastTransitionTime"] = condition.get("lastTransitionTime") or now
        if known is None and not condition.get("lastUpdateTime"):
            condition["lastUpdateTime"] = now
