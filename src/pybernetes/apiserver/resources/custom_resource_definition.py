"""CustomResourceDefinitions: names are accepted and versions noted as part of the write itself.

So a definition whose names are free is established, and its resources are served, when its writer gets the answer.
"""

from datetime import UTC, datetime

from ...api import api_approval
from ...api.user import SYSTEM_MASTERS, UserInfo
from ..crds.naming import accepted_names, established, set_condition
from .strategy import Object, Strategy, Write, instant

FINALIZER = "customresourcecleanup.apiextensions.k8s.io"
SYSTEM = UserInfo("system:apiserver", groups=(SYSTEM_MASTERS,))
"""Who writes what follows from a definition."""


class CustomResourceDefinitionStrategy(Strategy):
    """Follows apiextensions `customresourcedefinition/strategy.go` and the naming controller."""

    domain_finalizers = False

    def prepare_create(self, obj: Object, write: Write) -> None:
        super().prepare_create(obj, write)
        obj["metadata"]["generation"] = 1
        obj["status"] = {"conditions": [], "acceptedNames": {}, "storedVersions": []}
        self._settle(obj)

    def prepare_update(self, new: Object, old: Object, write: Write) -> None:
        super().prepare_update(new, old, write)
        if write.subresource == "status":
            # What the client says of names stands, but for what is decided here.
            new["status"] = dict(new.get("status") or {})
        else:
            new["status"] = dict(old.get("status") or {})
            if new.get("spec") != old.get("spec"):
                new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1
            else:
                new["metadata"]["generation"] = old["metadata"].get("generation", 0)
        if not new["metadata"].get("deletionTimestamp"):
            self._settle(new)

    def generation_changes(self, new: Object, old: Object) -> bool:
        return False

    def _settle(self, obj: Object) -> None:
        """Names, conditions and the storage version, as far as they are right already left alone."""
        spec = obj.get("spec") or {}
        if not isinstance(spec.get("group"), str) or not isinstance(spec.get("names"), dict):
            return
        now = instant(datetime.now(UTC))
        names, condition = accepted_names(obj, self.reader.list(self.info))
        observed = self._observed(obj)
        set_condition(obj, {**condition, **observed}, now)
        set_condition(obj, {**established(obj, condition), **observed}, now)
        approval = api_approval.condition(obj)
        if approval is not None:
            set_condition(obj, {**approval, **observed}, now)
        status = obj["status"]
        status.update(observed)
        status["acceptedNames"] = names
        stored = list(status.get("storedVersions") or ())
        for version in spec.get("versions") or ():
            if version.get("storage") and version.get("name") not in stored:
                stored.append(version.get("name"))
        status["storedVersions"] = stored

    def _observed(self, obj: Object) -> Object:
        """What tells for which generation a condition holds; taken out of the status when its gate is off."""
        if self.enabled("CRDObservedGenerationTracking"):
            return {"observedGeneration": obj["metadata"].get("generation", 0)}
        status = obj["status"]
        status.pop("observedGeneration", None)
        conditions = status.get("conditions") or ()
        status["conditions"] = [{key: one[key] for key in one if key != "observedGeneration"} for one in conditions]
        return {}

    def mark_deleting(self, obj: Object) -> bool:
        """The definition stays until its objects are gone."""
        metadata = obj["metadata"]
        finalizers = list(metadata.get("finalizers") or ())
        if not metadata.get("deletionTimestamp"):
            if FINALIZER not in finalizers:
                metadata["finalizers"] = [*finalizers, FINALIZER]
            condition = {
                "type": "Terminating",
                "status": "True",
                "reason": "InstanceDeletionPending",
                "message": "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
            }
            set_condition(obj, {**condition, **self._observed(obj)}, instant(datetime.now(UTC)))
        return FINALIZER in (metadata.get("finalizers") or ())
