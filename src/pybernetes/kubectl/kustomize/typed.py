"""A kustomization as Go's decoder takes it: keys in any case, only known ones, values of their types.

The first that is wrong, in the order of the keys, is refused in the decoder's words. The types are those of kustomize's
`api/types`. Pure.
"""

from __future__ import annotations

from ..errors import CommandError
from ..wire.json_read import kind_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_TEXTS = "[]string"
_PAIRS = "map[string]string"
_GVK = ("Gvk", {"group": "string", "version": "string", "kind": "string"})
_ID = ("ResId", {"name": "string", "namespace": "string"}, _GVK)
_SOURCES = ("KvPairSources", {"literals": _TEXTS, "files": _TEXTS, "envs": _TEXTS, "env": "string"})
_GENERATOR = (
    "GeneratorArgs",
    {"namespace": "string", "name": "string", "behavior": "string", "options": "GeneratorOptions"},
    _SOURCES,
)
_FIELDS: dict[str, tuple[Any, ...]] = {
    "Kustomization": (
        dict.fromkeys(("namePrefix", "nameSuffix", "namespace"), "string")
        | dict.fromkeys(
            (
                "resources", "components", "crds", "bases", "configurations", "generators", "transformers",
                "validators", "buildMetadata",
            ),
            _TEXTS,
        )
        | {
            "metadata": "ObjectMeta",
            "openapi": _PAIRS,
            "commonLabels": _PAIRS,
            "commonAnnotations": _PAIRS,
            "labels": "[]Label",
            "patchesStrategicMerge": "[]PatchStrategicMerge",
            "patchesJson6902": "[]Patch",
            "patches": "[]Patch",
            "images": "[]Image",
            "imageTags": "[]Image",
            "replacements": "[]ReplacementField",
            "replicas": "[]Replica",
            "vars": "[]Var",
            "sortOptions": "SortOptions",
            "configMapGenerator": "[]ConfigMapArgs",
            "secretGenerator": "[]SecretArgs",
            "helmGlobals": "HelmGlobals",
            "helmCharts": "[]HelmChart",
            "helmChartInflationGenerator": "any",
            "generatorOptions": "GeneratorOptions",
        },
        ("TypeMeta", {"apiVersion": "string", "kind": "string"}),
    ),
    "ObjectMeta": ({"name": "string", "namespace": "string", "labels": _PAIRS, "annotations": _PAIRS},),
    "Label": (
        {"pairs": _PAIRS, "includeSelectors": "bool", "includeTemplates": "bool", "fields": "[]FieldSpec"},
    ),
    "FieldSpec": ({"path": "string", "create": "bool"}, _GVK),
    "Patch": ({"path": "string", "patch": "string", "target": "Selector", "options": "map[string]bool"},),
    "Selector": ({"annotationSelector": "string", "labelSelector": "string"}, _ID),
    "Image": (dict.fromkeys(("name", "newName", "tagSuffix", "newTag", "digest"), "string"),),
    "Replica": ({"name": "string", "count": "int64"},),
    "Var": ({"name": "string", "objref": "Target", "fieldref": "FieldSelector"},),
    "Target": ({"apiVersion": "string", "name": "string", "namespace": "string"}, _GVK),
    "FieldSelector": ({"fieldPath": "string"},),
    "ReplacementField": (
        {"path": "string"},
        ("Replacement", {"source": "SourceSelector", "targets": "[]TargetSelector"}),
    ),
    "SourceSelector": ({"fieldPath": "string", "options": "FieldOptions"}, _ID),
    "TargetSelector": (
        {"select": "Selector", "reject": "[]Selector", "fieldPaths": _TEXTS, "options": "FieldOptions"},
    ),
    "FieldOptions": ({"delimiter": "string", "index": "int", "encoding": "string", "create": "bool"},),
    "SortOptions": ({"order": "SortOrder", "legacySortOptions": "LegacySortOptions"},),
    "LegacySortOptions": ({"orderFirst": _TEXTS, "orderLast": _TEXTS},),
    "ConfigMapArgs": ({}, _GENERATOR),
    "SecretArgs": ({"type": "string"}, _GENERATOR),
    "GeneratorOptions": (
        {"labels": _PAIRS, "annotations": _PAIRS, "disableNameSuffixHash": "bool", "immutable": "bool"},
    ),
    "HelmGlobals": ({"chartHome": "string", "configHome": "string"},),
    "HelmChart": (
        dict.fromkeys(
            (
                "name", "version", "repo", "releaseName", "namespace", "valuesFile", "valuesMerge", "kubeVersion",
                "nameTemplate",
            ),
            "string",
        )
        | dict.fromkeys(("includeCRDs", "skipHooks", "skipTests", "debug", "devel"), "bool")
        | {"valuesInline": "map[string]any", "additionalValuesFiles": _TEXTS, "apiVersions": _TEXTS},
    ),
}  # fmt: skip
"""{struct: (its fields' types, (embedded struct, its fields, ...)...)}"""
_PLAIN = {"string": str, "SortOrder": str, "PatchStrategicMerge": str, "bool": bool, "int": int, "int64": int}


def decoded(document: dict[str, Any], struct: str = "Kustomization") -> dict[str, Any]:
    """The document with its keys as the types write them. CommandError."""
    return _struct(struct, document, "")


def _flat(struct: tuple[Any, ...], within: str = "") -> dict[str, tuple[str, str, str]]:
    """{key in small letters: (key, type, the embedded structs on the way)}"""
    fields, *embedded = struct
    found = {key.lower(): (key, kind, within) for key, kind in fields.items()}
    for name, *inner in embedded:
        found |= _flat(tuple(inner), f"{within}{name}.")
    return found


def _struct(name: str, value: dict[str, Any], path: str) -> dict[str, Any]:
    fields = _flat(_FIELDS[name])
    found = {}
    for key in sorted(value):
        if (known := fields.get(key.lower())) is None:
            raise CommandError(f'invalid Kustomization: json: unknown field "{key}"')
        right, kind, within = known
        item = value[key]
        found[right] = None if item is None else _value(kind, item, name, f"{path}{within}{right}")
    return found


def _value(kind: str, value: Any, owner: str, path: str) -> Any:
    if kind == "any":
        return value
    if kind.startswith("[]") and isinstance(value, list):
        return [None if one is None else _value(kind[2:], one, owner, path) for one in value]
    if kind.startswith("map[string]") and isinstance(value, dict):
        inner = kind.removeprefix("map[string]")
        return {key: "" if value[key] is None else _value(inner, value[key], owner, path) for key in sorted(value)}
    if kind in _FIELDS and isinstance(value, dict):
        return _struct(kind, value, f"{path}.")
    wanted = _PLAIN.get(kind)
    if wanted is not None and type(value) is wanted:
        return value
    what = kind_of(value)
    if what == "number" and wanted is int:
        what = f"number {value}"
    raise CommandError(
        f"invalid Kustomization: json: cannot unmarshal {what} into Go struct field {owner}.{path} of type {_go(kind)}"
    )


def _go(kind: str) -> str:
    """A type as Go shows it."""
    bare = kind.removeprefix("[]")
    own = bare in _FIELDS or bare in ("SortOrder", "PatchStrategicMerge")
    return f"{kind.removesuffix(bare)}types.{bare}" if own else kind.replace("any", "interface {}")
