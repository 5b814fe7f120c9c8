"""Transformers and generators, called by the fields of a kustomization or by `transformers` and `generators`.

Those fields take the built-in ones; programs and containers are not run.
"""

from __future__ import annotations

import os

from ..errors import CommandError
from . import generate as generators
from . import replacements
from . import transform as transformers
from .field_specs import Configuration, FieldSpec, metadata, of, templates
from .kustomization import load
from .merge import Schema
from .options import Options
from .patches import Patcher
from .resource import Resource, add

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    Object = dict[str, Any]


class Stage:
    """The objects of one kustomization while it is built, and where it is."""

    __slots__ = ("options", "resources", "root", "schema")

    def __init__(self, root: str, resources: list[Resource], schema: Schema, options: Options) -> None:
        self.root, self.resources, self.schema, self.options = root, resources, schema, options

    @property
    def patcher(self) -> Patcher:
        return Patcher(self.root, self.resources, self.schema, anywhere=self.options.anywhere)

    def load(self, path: str) -> str:
        return load(self.root, path, anywhere=self.options.anywhere).decode()


def transform(stage: Stage, config: Object, specs: Configuration) -> None:
    """All transformers of a kustomization, in kustomize's order."""
    resources, patcher = stage.resources, stage.patcher
    patcher.strategic(config.get("patchesStrategicMerge") or [])
    patcher.patches(config.get("patches") or [])
    transformers.namespace(resources, str(config.get("namespace") or ""), specs.namespaces)
    transformers.names(resources, specs.names, prefix=str(config.get("namePrefix") or ""))
    transformers.names(resources, specs.suffixes, suffix=str(config.get("nameSuffix") or ""))
    for entry in config.get("labels") or ():
        transformers.put(resources, entry.get("pairs") or {}, _label_specs(entry, specs))
    transformers.put(resources, config.get("commonLabels") or {}, specs.labels)
    transformers.put(resources, config.get("commonAnnotations") or {}, specs.annotations)
    patcher.json6902(config.get("patchesJson6902") or [])
    transformers.replicas(resources, config.get("replicas") or [], specs.replicas)
    transformers.images(resources, config.get("images") or [], specs.images)
    replacements.replace(resources, list(_replacements(stage, config.get("replacements") or ())))
    for entry in config.get("transformers") or ():
        for document in _plugin_documents(stage, entry):
            _transformer(stage, document, specs)


def _label_specs(entry: Object, specs: Configuration) -> list[Any]:
    given = [of(spec) for spec in entry.get("fields") or ()]
    if entry.get("includeSelectors"):
        return [*given, *specs.labels]
    return [*given, *metadata("labels"), *(specs.template_labels if entry.get("includeTemplates") else ())]


def _replacements(stage: Stage, entries: Iterable[Object]) -> Iterator[Object]:
    from ..wire.yaml_read import load_one

    for entry in entries:
        if not entry.get("path"):
            yield entry
            continue
        document = load_one(stage.load(str(entry["path"])))
        yield from document if isinstance(document, list) else [document]


def objects_of(text: str) -> list[Object]:
    """The objects of a file, Lists taken apart. CommandError for what is none."""
    from ..wire.yaml_read import YamlError, load_all

    found: list[Object] = []
    try:
        documents = [document for document in load_all(text, core=True) if document is not None]
    except YamlError as error:
        raise CommandError(f"MalformedYAMLError: {error}") from None
    for document in documents:
        if not isinstance(document, dict):
            raise CommandError("missing Resource metadata")
        found += _items(document)
    for obj in found:
        about = obj.get("metadata") or {}
        shown = f"{{{{{obj.get('apiVersion') or ''} {obj.get('kind') or ''}}} {{{{{about.get('name') or ''} "
        shown += f"{about.get('namespace') or ''}}} map[] map[]}}}}"
        if not obj.get("kind"):
            raise CommandError(f"missing kind in object {shown}")
        if not about.get("name"):
            raise CommandError(f"missing metadata.name in object {shown}")
    return found


def _items(document: Object) -> list[Object]:
    """The objects of a List and of the lists in it, or the one that it is."""
    items = document.get("items") if str(document.get("kind") or "").endswith("List") else None
    return [one for item in items for one in _items(item)] if isinstance(items, list) else [document]


def _plugin_documents(stage: Stage, entry: Any) -> list[Object]:
    """What a `transformers` or `generators` entry is: a text, a file, or a directory that is built."""
    text = str(entry)
    if "\n" in text or ":" in text:
        return objects_of(text)
    full = os.path.join(stage.root, text)
    if os.path.isdir(full):
        from .build import build

        return build(full, stage.options)
    return objects_of(stage.load(text))


def _transformer(stage: Stage, config: Object, specs: Configuration) -> None:
    resources, kind = stage.resources, str(config.get("kind"))
    given = [of(spec) for spec in config.get("fieldSpecs") or ()]
    if kind == "PrefixTransformer":
        transformers.names(resources, given or specs.names, prefix=str(config.get("prefix") or ""))
    elif kind == "SuffixTransformer":
        transformers.names(resources, given or specs.suffixes, suffix=str(config.get("suffix") or ""))
    elif kind == "PrefixSuffixTransformer":
        transformers.names(resources, given or specs.names, prefix=str(config.get("prefix") or ""))
        transformers.names(resources, given or specs.suffixes, suffix=str(config.get("suffix") or ""))
    elif kind == "NamespaceTransformer":
        _namespace(resources, config, given)
    elif kind == "LabelTransformer":
        transformers.put(resources, config.get("labels") or {}, given or specs.labels)
    elif kind == "AnnotationsTransformer":
        notes = given or [*metadata("annotations"), *templates("annotations")]
        transformers.put(resources, config.get("annotations") or {}, notes)
    elif kind == "ImageTagTransformer":
        transformers.images(resources, [config.get("imageTag") or {}], given)
    elif kind == "ReplicaCountTransformer":
        transformers.replicas(resources, [config.get("replica") or {}], given or specs.replicas)
    elif kind == "PatchTransformer":
        stage.patcher.patches([config])
    elif kind == "PatchStrategicMergeTransformer":
        stage.patcher.strategic([*(config.get("paths") or ()), *([config["patches"]] if config.get("patches") else ())])
    elif kind == "PatchJson6902Transformer":
        stage.patcher.json6902([{**config, "patch": config.get("jsonOp")}])
    elif kind == "ReplacementTransformer":
        replacements.replace(resources, list(_replacements(stage, config.get("replacements") or ())))
    else:
        raise _unknown(config)


def _namespace(resources: list[Resource], config: Object, given: list[FieldSpec]) -> None:
    transformers.namespace(
        resources,
        str((config.get("metadata") or {}).get("namespace") or ""),
        [spec for spec in given if spec.parts != ["metadata", "namespace"]],
        subjects=str(config.get("setRoleBindingSubjects") or "defaultOnly"),
        unset_only=bool(config.get("unsetOnly")),
    )


def generate(stage: Stage, entries: Iterable[Any]) -> None:
    """The `generators` of a kustomization."""
    for entry in entries:
        for config in _plugin_documents(stage, entry):
            kind = str(config.get("kind"))
            about = config.get("metadata") or {}
            named = {**config, "name": about.get("name"), "namespace": about.get("namespace") or ""}
            if kind in ("ConfigMapGenerator", "SecretGenerator"):
                what = kind.removesuffix("Generator")
                anywhere = stage.options.anywhere
                generators.generate(stage.root, what, named, {}, stage.resources, anywhere=anywhere)
            elif kind == "HelmChartInflationGenerator":
                from . import helm

                fields = {key: value for key, value in config.items() if key not in ("apiVersion", "kind", "metadata")}
                add(stage.resources, [Resource(obj) for obj in helm.inflate(stage.root, fields, {}, stage.options)])
            else:
                raise _unknown(config)


def _unknown(config: Object) -> CommandError:
    return CommandError(
        f"unable to load builtin {config.get('kind')}"
        if config.get("apiVersion") == "builtin"
        else f"external plugins disabled; unable to load external plugin '{config.get('kind')}'"
    )
