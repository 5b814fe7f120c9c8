"""The rules of ObjectMeta that hold for every kind (apimachinery `validation.ValidateObjectMeta`)."""

from collections.abc import Callable

from .. import field, names
from .values import Errors, Object, each, label, label_value, qualified_name, subdomain

ANNOTATIONS_LIMIT_BYTES = 256 * 1024
_IMMUTABLE = ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")
_STANDARD_FINALIZERS = ("kubernetes", "orphan", "foregroundDeletion")

NameRule = Callable[[str], list[str]]


def anything(name: str) -> list[str]:
    return []


def ip_address(name: str) -> list[str]:
    """Names of IPAddress objects: the canonical text of an address."""
    from ...base.cidr import address_number, address_text

    try:
        canonical = address_text(*address_number(name))
    except ValueError:
        return ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]
    return [] if canonical == name else ["must be a valid IP address in canonical form"]


def storage_version(name: str) -> list[str]:
    """Names of StorageVersions: `<group>.<resource>`."""
    group, dot, plural = name.rpartition(".")
    if not dot:
        return ["name must be in the form of <group>.<resource>"]
    messages = [f"the group segment {message}" for message in subdomain(group)]
    return messages + [f"the resource segment {message}" for message in names.dns1035_label(plural)]


NAME_RULES: dict[str, NameRule] = {
    "subdomain": subdomain,
    "label": label,
    "label_1035": names.dns1035_label,
    "path_segment": names.path_segment,
    "config_key": names.config_key,
    "ip_address": ip_address,
    "storage_version": storage_version,
    "anything": anything,
}


def validate(
    metadata: Object, *, namespaced: bool, name_rule: str = "subdomain", domain_finalizers: bool = True
) -> Errors:
    """Every broken rule of one object's metadata. `domain_finalizers`: finalizers need a domain."""
    found: Errors = []
    rule = NAME_RULES[name_rule]
    generate_name = metadata.get("generateName")
    if generate_name:
        found += each("metadata.generateName", generate_name, rule(names.without_trailing_dash(generate_name)))
    name = metadata.get("name") or ""
    if not name:
        found.append(field.required("metadata.name", "name or generateName is required"))
    elif messages := rule(name):
        found += each("metadata.name", name, messages)
    namespace = metadata.get("namespace") or ""
    if namespaced:
        if not namespace:
            found.append(field.required("metadata.namespace"))
        elif messages := label(namespace):
            found += each("metadata.namespace", namespace, messages)
    elif namespace:
        found.append(field.forbidden("metadata.namespace", "not allowed on this type"))
    if metadata.get("labels"):
        found += validate_labels(metadata["labels"], "metadata.labels")
    if metadata.get("annotations"):
        found += validate_annotations(metadata["annotations"], "metadata.annotations")
    if metadata.get("ownerReferences"):
        found += _owner_references(metadata["ownerReferences"])
    if metadata.get("finalizers"):
        found += _finalizers(metadata["finalizers"], domain_finalizers)
    return found


def validate_labels(labels: dict[str, str] | None, path: str) -> Errors:
    """Keys are qualified names, values label values."""
    found: Errors = []
    for key, value in (labels or {}).items():
        if messages := qualified_name(key):
            found += each(path, key, messages)
        if value and (messages := label_value(value)):
            found += each(path, value, messages)
    return found


def validate_annotations(annotations: dict[str, str] | None, path: str) -> Errors:
    """Keys are qualified names (in any case); all of them together are limited in size."""
    found: Errors = []
    size = 0
    for key, value in (annotations or {}).items():
        if messages := qualified_name(key.lower()):
            found += each(path, key, messages)
        size += len(key) + len(value)
    if size > ANNOTATIONS_LIMIT_BYTES // 4:
        size = sum(len(key.encode()) + len(value.encode()) for key, value in (annotations or {}).items())
        if size > ANNOTATIONS_LIMIT_BYTES:
            found.append(field.too_long(path, ANNOTATIONS_LIMIT_BYTES))
    return found


def validate_template_meta(metadata: Object | None, path: str) -> Errors:
    """Metadata of a claim template: labels and annotations, nothing else."""
    metadata = metadata or {}
    found = validate_annotations(metadata.get("annotations"), f"{path}.annotations")
    found += validate_labels(metadata.get("labels"), f"{path}.labels")
    for key, value in metadata.items():
        if key not in ("labels", "annotations") and value:
            found.append(field.forbidden(f"{path}.{key}", "cannot be set"))
    return found


def _owner_references(references: list[Object]) -> Errors:
    """Paths do not tell which of them, as upstream's."""
    found: Errors = []
    path = "metadata.ownerReferences"
    controller = ""
    for reference in references:
        if not reference.get("apiVersion"):
            found.append(field.invalid(path + ".apiVersion", "", "version must not be empty"))
        for key in ("kind", "name", "uid"):
            if not reference.get(key):
                found.append(field.invalid(f"{path}.{key}", "", "must not be empty"))
        if (reference.get("apiVersion"), reference.get("kind")) == ("v1", "Event"):
            found.append(field.invalid(path, reference, "/v1, Kind=Event is disallowed from being an owner"))
        if reference.get("controller"):
            name = f"{reference.get('kind')}/{reference.get('name')}"
            if controller:
                words = (
                    "Only one reference can have Controller set to true. "
                    f'Found "true" in references for {controller} and {name}'
                )
                found.append(field.invalid(path, references, words))
            controller = controller or name
    return found


def validate_finalizer(finalizer: str, path: str) -> Errors:
    """A qualified name with a domain, or one of the three old ones."""
    return each(path, finalizer, qualified_name(finalizer)) + _without_domain(finalizer, path)


def _without_domain(finalizer: str, path: str) -> Errors:
    if "/" in finalizer or finalizer in _STANDARD_FINALIZERS:
        return []
    return [field.invalid(path, finalizer, "name is neither a standard finalizer name nor is it fully qualified")]


def _finalizers(finalizers: list[str], domain: bool) -> Errors:
    found: Errors = []
    for finalizer in finalizers:
        found += each("metadata.finalizers", finalizer, qualified_name(finalizer))
    for index, finalizer in enumerate(finalizers if domain else ()):
        found += _without_domain(finalizer, f"metadata.finalizers[{index}]")
    if "orphan" in finalizers and "foregroundDeletion" in finalizers:
        words = "finalizer orphan and foregroundDeletion cannot be both set"
        found.append(field.invalid("metadata.finalizers", finalizers, words))
    return found


def validate_update(new: Object, old: Object) -> Errors:
    """The rules that bind an object's metadata to its past."""
    found: Errors = []
    if old.get("deletionTimestamp"):
        added = sorted(set(new.get("finalizers") or ()) - set(old.get("finalizers") or ()))
        if added:
            listed = "[]string{" + ", ".join(f'"{name}"' for name in added) + "}"
            words = f"no new finalizers can be added if the object is being deleted, found new finalizers {listed}"
            found.append(field.forbidden("metadata.finalizers", words))
    for key in _IMMUTABLE:
        if new.get(key) != old.get(key):
            found.append(field.invalid(f"metadata.{key}", new.get(key), "field is immutable"))
    return found
