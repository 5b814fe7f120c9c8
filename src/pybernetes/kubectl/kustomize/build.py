"""Builds a kustomization: resources, generators, components, then the transformers in kustomize's order.

When all levels are through come hashes, references and variables.
"""

from __future__ import annotations

import os

from ..errors import CommandError
from . import generate, helm, order, plugins, references, variables
from .field_specs import Configuration
from .kustomization import blamed, evaluated, load, parse, read
from .merge import Schema
from .options import Options
from .remote import checked_out, repository_of
from .resource import Resource, add, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Object = dict[str, Any]

_LOCAL = "config.kubernetes.io/local-config"


def build(directory: str, options: Options | None = None) -> list[Object]:
    """The objects of a kustomization, in order. CommandError."""
    options = options or Options()
    repository = None if os.path.exists(directory) else repository_of(directory)
    if repository is not None:
        for _, inner in checked_out(repository):
            return _Build(options).run(inner)
    if not os.path.isdir(directory):
        full = os.path.abspath(directory)
        if os.path.exists(directory):
            raise CommandError(f"must build at directory: '{directory}': file is not directory")
        try:
            evaluated(full)
        except CommandError as error:
            message = error.message.replace(f"'{full}'", f"'{directory}'", 1)
            raise CommandError(f"must build at directory: not a valid directory: {message}") from None
    return _Build(options).run(directory)


class _Build:
    """One run: what all levels share."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._configuration = Configuration()
        self._variables: list[Object] = []
        self._schema = Schema()

    def run(self, directory: str) -> list[Object]:
        root = os.path.realpath(directory)
        config = read(root, self._options.warn)
        self._root = root
        resources = self._accumulated(root, config, (root,), [])
        resources = [one for one in resources if (one.metadata.get("annotations") or {}).get(_LOCAL) in (None, "false")]
        generate.add_hashes(resources)
        references.fix(resources, self._configuration.references)
        variables.resolve(resources, self._variables, self._configuration.variables)
        self._note(resources, config.get("buildMetadata") or ())
        return [one.obj for one in order.ordered(resources, config.get("sortOptions"))]

    def _note(self, resources: list[Resource], wanted: Any) -> None:
        from ..output.go_yaml import dump

        for one in resources:
            notes = one.metadata.get("annotations") or {}
            if notes:
                one.metadata["annotations"] = {key: text_of(value) for key, value in notes.items()}
            else:
                one.metadata.pop("annotations", None)
            if "managedByLabel" in wanted:
                labels = one.metadata.get("labels") or {}
                one.metadata["labels"] = {**labels, "app.kubernetes.io/managed-by": "kustomize-(devel)"}
            if "originAnnotations" in wanted and one.origin:
                notes = one.metadata.get("annotations") or {}
                one.metadata["annotations"] = {**notes, "config.kubernetes.io/origin": dump(one.origin)}

    def _accumulated(
        self, root: str, config: Object, chain: tuple[str, ...], resources: list[Resource]
    ) -> list[Resource]:
        """Add one kustomization's objects to `resources` and transform them all."""
        for path in config["resources"]:
            with blamed("accumulating resources"):
                self._resource(root, str(path), chain, resources)
        for path in config.get("configurations") or ():
            self._configuration.extended(parse(load(root, str(path), anywhere=self._options.anywhere).decode()))
        self._openapi(root, config.get("openapi") or {})
        self._generate(root, config, resources)
        for path in config.get("components") or ():
            resources = self._component(root, str(path), chain, resources)
        plugins.transform(self._stage(root, resources), config, self._configuration)
        self._variables += config.get("vars") or ()
        return resources

    def _stage(self, root: str, resources: list[Resource]) -> plugins.Stage:
        return plugins.Stage(root, resources, self._schema, self._options)

    def _openapi(self, root: str, entry: Object) -> None:
        if entry.get("path"):
            from ..wire.yaml_read import load_one

            text = load(root, str(entry["path"]), anywhere=self._options.anywhere).decode()
            self._schema = Schema(load_one(text))

    def _generate(self, root: str, config: Object, resources: list[Resource]) -> None:
        shared = config.get("generatorOptions") or {}
        anywhere = self._options.anywhere
        for key, kind in (("configMapGenerator", "ConfigMap"), ("secretGenerator", "Secret")):
            for entry in config.get(key) or ():
                generate.generate(root, kind, entry, shared, resources, anywhere=anywhere)
        for entry in config.get("helmCharts") or ():
            found = helm.inflate(root, entry, config.get("helmGlobals") or {}, self._options)
            add(resources, [Resource(obj) for obj in found])
        plugins.generate(self._stage(root, resources), config.get("generators") or ())

    def _component(self, root: str, path: str, chain: tuple[str, ...], resources: list[Resource]) -> list[Resource]:
        full = os.path.normpath(os.path.join(root, path))
        try:
            evaluated(full)
            config = read(full, self._options.warn)
        except CommandError as error:
            raise CommandError(f"accumulating components: accumulateDirectory: {_go(error.message)}") from None
        if config.get("kind") != "Component":
            what = f"expected kind 'Component' for path '{full}' but got 'Kustomization'"
            raise CommandError(f"accumulating components: accumulateDirectory: {_go(what)}")
        return self._accumulated(full, config, (*chain, full), resources)

    def _resource(self, root: str, path: str, chain: tuple[str, ...], resources: list[Resource]) -> None:
        """A file, a URL, a directory or a repository. CommandError."""
        full = os.path.normpath(os.path.join(root, path))
        repository = repository_of(path)
        if repository is None and os.path.isdir(full):
            shown = f"accumulation err='accumulating resources from '{path}': '{full}' must resolve to a file'"
            if not path:
                raise CommandError(f"{shown}: new root cannot be empty")
            self._directory(os.path.realpath(full), full, chain, resources, shown)
            return
        try:
            self._file(root, path, full, resources)
        except CommandError as error:
            why = f"accumulation err='{error.message}'"
            if repository is not None:
                with blamed(why):
                    for _, inner in checked_out(repository):
                        evaluated(inner)
                        self._directory(inner, path, (*chain, inner), resources, why, below=True)
                return
            if os.path.exists(full):
                raise CommandError(f"{why}: must build at directory: '{full}': file is not directory") from None
            last = error.message.partition("': ")[2]
            raise CommandError(f"{why}: must build at directory: not a valid directory: {last}") from None

    def _directory(
        self,
        real: str,
        shown: str,
        chain: tuple[str, ...],
        resources: list[Resource],
        why: str,
        *,
        below: bool = False,
    ) -> None:
        for visited in reversed(chain if not below else ()):
            if (visited + "/").startswith(real.rstrip("/") + "/"):
                what = f"cycle detected: candidate root '{real}' contains visited root '{visited}'"
                raise CommandError(f"{why}: {what}")
        with blamed(f"{why}: couldn't make target for path '{shown}'"):
            config = read(real, self._options.warn)
        if config.get("kind") == "Component":
            raise CommandError(f"{why}: expected kind != 'Component' for path '{shown}'")
        with blamed(f"{why}: recursed accumulation of path '{shown}'"):
            found = self._accumulated(real, config, (*chain, real), [])
        with blamed(f"{why}: recursed merging from path '{shown}'"):
            add(resources, found)

    def _file(self, root: str, path: str, full: str, resources: list[Resource]) -> None:
        with blamed(f"accumulating resources from '{path}'"):
            if path.startswith(("http://", "https://")):
                text = _download(path)
            else:
                text = load(root, path, anywhere=self._options.anywhere).decode("utf-8", "replace")
            found = [Resource(obj, self._origin(full)) for obj in plugins.objects_of(text)]
        with blamed(f"merging resources from '{path}'"):
            add(resources, found)

    def _origin(self, full: str) -> Object:
        return {"path": os.path.relpath(full, self._root)}


def _download(url: str) -> str:
    from ..errors import Unreachable
    from ..objects.files import download

    try:
        return download(url)
    except Unreachable as error:
        raise CommandError(f'Get "{url}": {error.detail or error.message}') from None


def _go(text: str) -> str:
    from ..errors import quoted

    return quoted(text)
