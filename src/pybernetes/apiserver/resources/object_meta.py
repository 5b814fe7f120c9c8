"""The rules of ObjectMeta that hold for every kind (apimachinery `validation.ValidateObjectMeta`)."""

import re
from collections.abc import Callable
from typing import Any

from ...api import field
from ...api.field import FieldError

Object = dict[str, Any]

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = _LABEL + r"(\." + _LABEL + ")*"
_LABEL_1035 = r"[a-z]([-a-z0-9]*[a-z0-9])?"
_QUALIFIED = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE = r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?"

_label = re.compile(_LABEL).fullmatch
_subdomain = re.compile(_SUBDOMAIN).fullmatch
_label_1035 = re.compile(_LABEL_1035).fullmatch
_qualified = re.compile(_QUALIFIED).fullmatch
_value = re.compile(_VALUE).fullmatch

ANNOTATIONS_LIMIT_BYTES = 256 * 1024
_IMMUTABLE = ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")


def _regex_words(what: str, example: str, pattern: str) -> str:
    return f"{what} (e.g. {example}, regex used for validation is '{pattern}')"


_SUBDOMAIN_WORDS = _regex_words(
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
    "and must start and end with an alphanumeric character",
    "'example.com'",
    _SUBDOMAIN,
)
_LABEL_WORDS = _regex_words(
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
    "and must start and end with an alphanumeric character",
    "'my-name',  or '123-abc'",
    _LABEL,
)
_LABEL_1035_WORDS = _regex_words(
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', "
    "start with an alphabetic character, and end with an alphanumeric character",
    "'my-name',  or 'abc-123'",
    _LABEL_1035,
)
_QUALIFIED_WORDS = _regex_words(
    "name part must consist of alphanumeric characters, '-', '_' or '.', "
    "and must start and end with an alphanumeric character",
    "'MyName',  or 'my.name',  or '123-abc'",
    _QUALIFIED,
)
_VALUE_WORDS = _regex_words(
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "
    "and must start and end with an alphanumeric character",
    "'MyValue',  or 'my_value',  or '12345'",
    _VALUE,
)


def _too_long(limit: int) -> str:
    return f"must be no more than {limit} characters"


def subdomain(name: str) -> list[str]:
    """What is wrong with a DNS-1123 subdomain."""
    found = [_too_long(253)] if len(name) > 253 else []
    return found if _subdomain(name) else [*found, _SUBDOMAIN_WORDS]


def label(name: str) -> list[str]:
    """What is wrong with a DNS-1123 label."""
    found = [_too_long(63)] if len(name) > 63 else []
    return found if _label(name) else [*found, _LABEL_WORDS]


def label_1035(name: str) -> list[str]:
    """What is wrong with a DNS-1035 label."""
    found = [_too_long(63)] if len(name) > 63 else []
    return found if _label_1035(name) else [*found, _LABEL_1035_WORDS]


def path_segment(name: str) -> list[str]:
    """What is wrong with a name that only has to fit into a path."""
    if name in (".", ".."):
        return [f"may not be '{name}'"]
    return [f"may not contain '{part}'" for part in ("/", "%") if part in name]


NAME_RULES: dict[str, Callable[[str], list[str]]] = {
    "subdomain": subdomain,
    "label": label,
    "label_1035": label_1035,
    "path_segment": path_segment,
}


def qualified_name(name: str) -> list[str]:
    """What is wrong with a label or annotation key: `[prefix/]name`."""
    prefix, slash, rest = name.rpartition("/")
    found: list[str] = []
    if "/" in prefix:
        return [
            "a qualified name "
            + _QUALIFIED_WORDS.removeprefix("name part ")
            + " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        ]
    if slash:
        if not prefix:
            found.append("prefix part must be non-empty")
        else:
            found += ["prefix part " + message for message in subdomain(prefix)]
    if not rest:
        found.append("name part must be non-empty")
    elif len(rest) > 63:
        found.append("name part " + _too_long(63))
    if not _qualified(rest):
        found.append(_QUALIFIED_WORDS)
    return found


_good_keys: set[str] = set()


def _good_key(key: str) -> bool:
    if key in _good_keys:
        return True
    if qualified_name(key):
        return False
    if len(_good_keys) < 4096:
        _good_keys.add(key)
    return True


def validate(metadata: Object, *, namespaced: bool, name_rule: str = "subdomain") -> list[FieldError]:
    """Every broken rule of one object's metadata."""
    found: list[FieldError] = []
    rule = NAME_RULES[name_rule]
    generate_name = metadata.get("generateName")
    if generate_name:
        masked = generate_name[:-1] + "a" if generate_name.endswith("-") else generate_name
        found += [field.invalid("metadata.generateName", generate_name, words) for words in rule(masked)]
    name = metadata.get("name") or ""
    if not name:
        found.append(field.required("metadata.name", "name or generateName is required"))
    else:
        found += [field.invalid("metadata.name", name, words) for words in rule(name)]
    namespace = metadata.get("namespace") or ""
    if namespaced:
        if not namespace:
            found.append(field.required("metadata.namespace"))
        else:
            found += [field.invalid("metadata.namespace", namespace, words) for words in label(namespace)]
    elif namespace:
        found.append(field.forbidden("metadata.namespace", "not allowed on this type"))
    if metadata.get("labels"):
        found += validate_labels(metadata["labels"], "metadata.labels")
    if metadata.get("annotations"):
        found += validate_annotations(metadata["annotations"], "metadata.annotations")
    if metadata.get("ownerReferences"):
        found += _owner_references(metadata["ownerReferences"])
    if metadata.get("finalizers"):
        found += _finalizers(metadata["finalizers"])
    return found


def validate_labels(labels: dict[str, str], path: str) -> list[FieldError]:
    """Keys are qualified names, values label values."""
    found: list[FieldError] = []
    for key, value in labels.items():
        if not _good_key(key):
            found += [field.invalid(path, key, words) for words in qualified_name(key)]
        if len(value) > 63:
            found.append(field.invalid(path, value, _too_long(63)))
        if not _value(value):
            found.append(field.invalid(path, value, _VALUE_WORDS))
    return found


def validate_annotations(annotations: dict[str, str], path: str) -> list[FieldError]:
    """Keys are qualified names (in any case); all of them together are limited in size."""
    found: list[FieldError] = []
    size = 0
    for key, value in annotations.items():
        if not _good_key(key.lower()):
            found += [field.invalid(path, key, words) for words in qualified_name(key.lower())]
        size += len(key.encode()) + len(value.encode())
    if size > ANNOTATIONS_LIMIT_BYTES:
        found.append(field.too_long(path, ANNOTATIONS_LIMIT_BYTES))
    return found


def _owner_references(references: list[Object]) -> list[FieldError]:
    found: list[FieldError] = []
    controller = ""
    for index, reference in enumerate(references):
        path = f"metadata.ownerReferences[{index}]"
        if not reference.get("apiVersion"):
            found.append(field.invalid(path + ".apiVersion", "", "version must not be empty"))
        for key in ("kind", "name", "uid"):
            if not reference.get(key):
                found.append(field.invalid(f"{path}.{key}", "", "must not be empty"))
        if reference.get("controller"):
            name = f"{reference.get('kind')}/{reference.get('name')}"
            if controller:
                words = (
                    "Only one reference can have Controller set to true. "
                    f'Found "true" in references for {controller} and {name}'
                )
                found.append(field.invalid("metadata.ownerReferences", references, words))
            controller = controller or name
    return found


def _finalizers(finalizers: list[str]) -> list[FieldError]:
    found: list[FieldError] = []
    for index, finalizer in enumerate(finalizers):
        path = f"metadata.finalizers[{index}]"
        found += [field.invalid(path, finalizer, words) for words in qualified_name(finalizer)]
        if "/" not in finalizer and finalizer not in ("kubernetes", "orphan", "foregroundDeletion"):
            words = "name is neither a standard finalizer name nor is it fully qualified"
            found.append(field.invalid(path, finalizer, words))
    if "orphan" in finalizers and "foregroundDeletion" in finalizers:
        words = "finalizer orphan and foregroundDeletion cannot be both set"
        found.append(field.invalid("metadata.finalizers", finalizers, words))
    return found


def validate_update(new: Object, old: Object) -> list[FieldError]:
    """The rules that bind an object's metadata to its past."""
    found: list[FieldError] = []
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
