"""CustomResourceDefinitions (apiextensions.k8s.io/v1): names, versions, conversion, and each version's parts.

Schemas themselves are checked by `api/structural/rules.py`, their CEL rules by `rule_checks.py`.
"""

import base64

from .. import api_approval, field, names
from ..structural.field_paths import refers
from ..structural.rule_checks import validate_rules
from ..structural.rules import validate_schema
from ..structural.schema import Structural
from .values import Errors, Object, each, immutable, label, one_of
from .webhook_configuration import client_config

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
    errors += _approval(definition, None)
    errors += one_of(spec.get("scope"), _SCOPES, "spec.scope")
    if spec.get("preserveUnknownFields"):
        errors.append(field.invalid("spec.preserveUnknownFields", True, "must be false"))
    errors += _versions(spec.get("versions") or [])
    errors += _conversion(spec.get("conversion") or {})
    return errors + _names(given)


_APPROVAL = f"metadata.annotations[{api_approval.ANNOTATION}]"


def _approval(new: Object, old: Object | None) -> Errors:
    """Groups of the Kubernetes community are approved; what was wrong already may stay so."""
    if not api_approval.is_protected((new.get("spec") or {}).get("group") or ""):
        return []
    found, words = api_approval.state(new["metadata"])
    if old is not None and api_approval.state(old["metadata"])[0] == found:
        return []
    if found == "Missing":
        return [field.required(_APPROVAL, words)]
    if found == "Invalid":
        given = new["metadata"]["annotations"][api_approval.ANNOTATION]
        return [field.invalid(_APPROVAL, given, words)]
    return []


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
        else:
            place = f"{where}.schema.openAPIV3Schema"
            found = validate_schema(schema, place)
            errors += found or validate_rules(schema, place)
        if version.get("deprecationWarning") is not None and not version.get("deprecated"):
            words = "can only be set for deprecated versions"
            errors.append(field.invalid(f"{where}.deprecationWarning", version["deprecationWarning"], words))
        errors += _subresources(version.get("subresources") or {}, f"{where}.subresources")
        errors += _columns(version.get("additionalPrinterColumns") or [], f"{where}.additionalPrinterColumns")
        errors += _selectable(version, f"{where}.selectableFields")
    if sum(bool(version.get("storage")) for version in versions) != 1:
        words = "must have exactly one version marked as storage version"
        errors.append(field.invalid("spec.versions", [v.get("name") for v in versions], words))
    if not any(version.get("served") for version in versions):
        words = "must have at least one version that is served"
        errors.append(field.invalid("spec.versions", [v.get("name") for v in versions], words))
    return errors


def _subresources(given: Object, path: str) -> Errors:
    scale = given.get("scale")
    errors: Errors = []
    if scale is None:
        return errors
    for key, under in (("specReplicasPath", ".spec."), ("statusReplicasPath", ".status.")):
        errors += _simple_path(scale.get(key) or "", f"{path}.scale.{key}", under)
    if scale.get("labelSelectorPath"):
        place = f"{path}.scale.labelSelectorPath"
        under = ".spec." if scale["labelSelectorPath"].startswith(".spec.") else ".status."
        errors += _simple_path(scale["labelSelectorPath"], place, under)
    return errors


def _simple_path(given: str, path: str, under: str) -> Errors:
    if not given:
        return [field.required(path)]
    if not given.startswith("."):
        return [field.invalid(path, given, "must be a simple json path starting with .")]
    if not given.startswith(under):
        return [field.invalid(path, given, f"should be a json path under {under[:-1]}")]
    return []


_COLUMN_TYPES = ("boolean", "date", "integer", "number", "string")
_COLUMN_FORMATS = ("byte", "date", "date-time", "double", "float", "int32", "int64", "password")


def _columns(columns: list[Object], path: str) -> Errors:
    errors: Errors = []
    for index, column in enumerate(columns):
        where = f"{path}[{index}]"
        for key in ("name", "type", "jsonPath"):
            if not column.get(key):
                errors.append(field.required(f"{where}.{key}"))
        for key, allowed in (("type", _COLUMN_TYPES), ("format", _COLUMN_FORMATS)):
            if column.get(key) and column[key] not in allowed:
                words = f"must be one of {','.join(allowed)}"
                errors.append(field.invalid(f"{where}.{key}", column[key], words))
        given = column.get("jsonPath")
        if given and not given.startswith("."):
            words = "must be a simple json path starting with ."
            errors.append(field.invalid(f"{where}.jsonPath", given, words))
    return errors


_SELECTABLE_LIMIT = 8


def _selectable(version: Object, path: str) -> Errors:
    fields = version.get("selectableFields") or []
    schema = (version.get("schema") or {}).get("openAPIV3Schema")
    errors: Errors = []
    if not fields:
        return errors
    if not isinstance(schema, dict):
        return [field.invalid(path, "", "selectableFields may only be set when version.schema.openAPIV3Schema is set")]
    if len(fields) > _SELECTABLE_LIMIT:
        errors.append(field.too_many(path, len(fields), _SELECTABLE_LIMIT))
    root, seen = Structural(schema, root=True), set()
    for index, entry in enumerate(fields):
        where, given = f"{path}[{index}].jsonPath", entry.get("jsonPath") or ""
        if not given:
            errors.append(field.required(where))
            continue
        if given in seen:
            errors.append(field.duplicate(where, given))
        seen.add(given)
        if given.split(".")[1:2] == ["metadata"]:
            errors.append(field.invalid(where, given, "must not point to fields in metadata"))
            continue
        why = refers(given, root, array_notation=False)[1]
        if why:
            errors.append(field.invalid(where, given, f"is an invalid path: {why}"))
        elif _at(root, given).type not in ("string", "boolean", "integer"):
            words = (
                "must point to a field of type string, boolean or integer. Enum string fields and strings with formats "
                "are allowed."
            )
            errors.append(field.invalid(where, given, words))
    return errors


def _at(node: Structural, path: str) -> Structural:
    for name in path.split(".")[1:]:
        found = node.child(name)
        assert found is not None
        node = found
    return node


_CLIENT = "spec.conversion.webhookClientConfig"
_BUNDLE = f"{_CLIENT}.caBundle"


def _bundle_fault(conversion: Object) -> str:
    """Why nothing can be trusted by the CA bundle of the webhook, "" when there is none."""
    bundle = ((conversion.get("webhook") or {}).get("clientConfig") or {}).get("caBundle")
    if not bundle:
        return ""
    from ...base.x509 import authority_fault  # its cryptography costs 60 ms at the start

    fault = authority_fault(base64.b64decode(bundle))
    return f"unable to load root certificates: {fault}" if fault else ""


def _conversion(given: Object) -> Errors:
    strategy, webhook = given.get("strategy"), given.get("webhook")
    errors: Errors = []
    if strategy is None:
        return errors
    if strategy not in ("None", "Webhook"):
        return [field.not_supported("spec.conversion.strategy", strategy, ("None", "Webhook"))]
    if strategy == "None":
        if webhook is not None:
            words = "should not be set when strategy is not set to Webhook"
            errors.append(field.forbidden(_CLIENT, words))
        return errors
    webhook = webhook or {}
    client = webhook.get("clientConfig")
    place = _CLIENT
    if client is None:
        errors.append(field.required(place, "required when strategy is set to Webhook"))
    else:
        errors += client_config(client, place)
        if words := _bundle_fault(given):
            errors.append(field.invalid(_BUNDLE, client["caBundle"], words))
    versions = webhook.get("conversionReviewVersions") or []
    if not versions:
        errors.append(field.required("spec.conversion.conversionReviewVersions"))
    elif not {"v1", "v1beta1"} & set(versions):
        words = "must include at least one of v1, v1beta1"
        errors.append(field.invalid("spec.conversion.conversionReviewVersions", versions, words))
    return errors


def _names(given: Object) -> Errors:
    errors: Errors = []
    for key in ("plural", "singular", "kind", "listKind"):
        name = given.get(key) or ""
        if not name:
            if key != "singular":
                errors.append(field.required(f"spec.names.{key}"))
            continue
        is_kind = key in ("kind", "listKind")
        messages = ",".join(names.dns1035_label(name.lower() if is_kind else name))
        if messages:
            words = "may have mixed case, but should otherwise match: " if is_kind else ""
            errors.append(field.invalid(f"spec.names.{key}", name, words + messages))
    for index, name in enumerate(given.get("shortNames") or ()):
        errors += each(f"spec.names.shortNames[{index}]", name, names.dns1035_label(name))
    for index, name in enumerate(given.get("categories") or ()):
        errors += each(f"spec.names.categories[{index}]", name, label(name))
    if given.get("kind") and given.get("kind") == given.get("listKind"):
        errors.append(field.invalid("spec.names.listKind", given["listKind"], "kind and listKind may not be the same"))
    return errors


def validate_update(new: Object, old: Object) -> Errors:
    after, before = new.get("spec") or {}, old.get("spec") or {}
    passed = {_APPROVAL, _BUNDLE} if _bundle_fault(before.get("conversion") or {}) else {_APPROVAL}
    errors = [error for error in validate_create(new) if error.field not in passed] + _approval(new, old)
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
    return errors + immutable(plurals[0], plurals[1], "spec.names.plural") + _stored_versions(new)


def _stored_versions(definition: Object) -> Errors:
    """No version goes while objects may be stored in it."""
    stored = (definition.get("status") or {}).get("storedVersions") or []
    if not stored:
        words = "must have at least one stored version"
        return [field.invalid("status.storedVersions", stored, words)]
    known = {version.get("name") for version in (definition.get("spec") or {}).get("versions") or ()}
    words = (
        "missing from spec.versions; {0} was previously a storage version, and must remain in spec.versions until a "
        "storage migration ensures no data remains persisted in {0} and removes {0} from status.storedVersions"
    )
    return [
        field.invalid(f"status.storedVersions[{index}]", name, words.format(name))
        for index, name in enumerate(stored)
        if name not in known
    ]
