"""Namespaces: held by `spec.finalizers` until the namespace controller has emptied them (`/finalize`)."""

from .strategy import Object, Strategy, Write


class NamespaceStrategy(Strategy):
    """Deletion marks the namespace Terminating; it goes when both lists of finalizers are empty."""

    name_rule = "label"

    def prepare_create(self, obj: Object, write: Write) -> None:
        super().prepare_create(obj, write)
        obj["status"] = {"phase": "Active"}
        spec = obj.setdefault("spec", {})
        finalizers = spec.setdefault("finalizers", [])
        if "kubernetes" not in finalizers:
            finalizers.append("kubernetes")
        # Selected by name through this label since v1.21 (KEP-2161).
        obj["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = obj["metadata"].get("name", "")

    def prepare_update(self, new: Object, old: Object, write: Write) -> None:
        if write.subresource == "finalize":
            new["status"] = old.get("status", {})
            return
        super().prepare_update(new, old, write)
        if write.subresource != "status":
            finalizers = (old.get("spec") or {}).get("finalizers")
            new["spec"] = {**(new.get("spec") or {})}
            if finalizers is not None:
                new["spec"]["finalizers"] = finalizers
            else:
                new["spec"].pop("finalizers", None)
            new["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = new["metadata"]["name"]

    def mark_deleting(self, obj: Object) -> bool:
        if not (obj.get("spec") or {}).get("finalizers"):
            return False
        obj["status"] = {**(obj.get("status") or {}), "phase": "Terminating"}
        return True

    def may_delete_on_update(self, obj: Object) -> bool:
        return not (obj.get("spec") or {}).get("finalizers")
