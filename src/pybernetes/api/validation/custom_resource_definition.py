"""CustomResourceDefinitions (apiextensions.k8s.io/v1): names, versions and that each version says its schema."""

from .. import field, names
from .values import Errors, Object, each, immutable, label, one_of

_SCOPES = ("Cluster", "Namespaced")


def validate_create(definition: Object) -> Errors:
    spec = definition.get("spec") or {}
    group, given = spec.get("group") or "", spec.get("names") or {}
    errors: Errors = []
    plural = given.get("plural") or ""
    expected = f"{plural}.{group}"
    name = definition["metadata"].get("name") or ""
    if name != expected:
        words = 'must be spec.names.plural+"."+spec.group'
        errors.append(field.invalid("metadata.name", name, words))
    errors += _group(group)
    errors += one_of(spec.get("scope"), _SCOPES, "spec.scope")
    errors += _versions(spec.get("versions") or [])
    return errors + _names(given)


def _group(group: str) -> Errors:
    if not group:
        return [field.required("spec.group")]
    errors = each("spec.group", group, names.dns1123_subdomain(group))
    if "." not in group:
        words = "should be a domain with at least one dot"
        errors.append(field.invalid("spec.group", group, words))
    return errors


def _versions(versions: list[Object]) -> Errors:
    if not versions:
        return [field.invalid("spec.versions", versions, "must have exactly one version marked as storage version")]
    errors: Errors = []
    seen: set[str] = set()
    for index, version in enumerate(versions):
        where, name = f"spec.versions[{index}]", version.get("name") or ""
        errors += each(f"{where}.name", name, names.dns1035_label(name))
        if name in seen:
            errors.append(
                field.invalid("spec.versions", [v.get("name") for v in versions], "must contain unique version names")
            )
        seen.add(name)
        schema = (version.get("schema") or {}).get("openAPIV3Schema")
        if schema is None:
            errors.append(field.required(f"{where}.schema.openAPIV3Schema", "schemas are required"))
        elif schema.get("type") != "object":
            place = f"{where}.schema.openAPIV3Schema.type"
            if not schema.get("type"):
                errors.append(field.required(place, "must not be empty at the root"))
            else:
                errors.append(field.invalid(place, schema["type"], "must be object at the root"))
    if sum(bool(version.get("storage")) for version in versions) != 1:
        words = "must have exactly one version marked as storage version"
        errors.append(field.invalid("spec.versions", [v.get("name") for v in versions], words))
    if not any(version.get("served") for version in versions):
        words = "must have at least one version that is served"
        errors.append(field.invalid("spec.versions", [v.get("name") for v in versions], words))
    return errors


def _names(given: Object) -> Errors:
    errors: Errors = []
    for key in ("plural", "singular", "kind", "listKind"):
        name = given.get(key) or ""
        if not name:
            if key != "singular":
                errors.append(field.required(f"spec.names.{key}"))
            continue
        checked = name.lower() if key in ("kind", "listKind") else name
        messages = names.dns1035_label(checked)
        if messages:
            words = f"may have mixed case, but should otherwise match: {','.join(messages)}" if checked != name else ""
            errors.append(field.invalid(f"spec.names.{key}", name, words or ",".join(messages)))
    for index, name in enumerate(given.get("shortNames") or ()):
        errors += each(f"spec.names.shortNames[{index}]", name, names.dns1035_label(name))
    for index, name in enumerate(given.get("categories") or ()):
        errors += each(f"spec.names.categories[{index}]", name, label(name))
    if given.get("kind") and given.get("kind") == given.get("listKind"):
        errors.append(field.invalid("spec.names.listKind", given["listKind"], "kind and listKind may not be the same"))
    return errors


def validate_update(new: Object, old: Object) -> Errors:
    after, before = new.get("spec") or {}, old.get("spec") or {}
    errors = validate_create(new)
    errors += immutable(after.get("group"), before.get("group"), "spec.group")
    established = any(
        c.get("type") == "Established" and c.get("status") == "True"
        for c in (old.get("status") or {}).get("conditions") or ()
    )
    if established:
        errors += immutable(after.get("scope"), before.get("scope"), "spec.scope")
        kinds = [(spec.get("names") or {}).get("kind") for spec in (after, before)]
        errors += immutable(kinds[0], kinds[1], "spec.names.kind")
    plurals = [(spec.get("names") or {}).get("plural") for spec in (after, before)]
    return errors + immutable(plurals[0], plurals[1], "spec.names.plural")


def validate_status_update(new: Object, old: Object) -> Errors:
    """The versions that objects may be stored in."""
    stored = (new.get("status") or {}).get("storedVersions") or []
    if not stored:
        words = "must have at least one stored version"
        return [field.invalid("status.storedVersions", stored, words)]
    known = {version.get("name") for version in (new.get("spec") or {}).get("versions") or ()}
    words = (
        "missing from spec.versions; {0} was previously a storage version, and must remain in spec.versions until a "
        "storage migration ensures no data remains persisted in {0} and removes {0} from status.storedVersions"
    )
    return [
        field.invalid(f"status.storedVersions[{index}]", name, words.format(name))
        for index, name in enumerate(stored)
        if name not in known
    ]
