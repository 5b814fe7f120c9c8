"""`helmCharts`: the output of `helm template`, of a chart beside the kustomization or pulled from its repository."""

from __future__ import annotations

import os

from ..errors import CommandError
from .kustomization import load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .options import Options

    Object = dict[str, Any]


def inflate(root: str, entry: Object, shared: Object, options: Options) -> Iterator[Object]:
    """The objects of one chart. CommandError, with the settings where they are at fault."""
    from ..output.go_yaml import dump

    config = {**{key: value for key, value in shared.items() if value}, **entry}
    wrong = ""
    if not options.enable_helm:
        wrong = "must specify --enable-helm"
    elif not config.get("name"):
        wrong = "chart name cannot be empty"
    elif config.get("valuesMerge") not in (None, "", "merge", "override", "replace"):
        wrong = "valuesMerge must be one of [merge override replace]"
    if wrong:
        raise CommandError(
            f"trouble configuring builtin HelmChartInflationGenerator with config: `\n{dump(config)}`: {wrong}"
        )
    import shutil
    import tempfile

    scratch = tempfile.mkdtemp(prefix="kustomize-helm-")
    try:
        yield from _Chart(root, config, options, scratch).objects()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


class _Chart:
    def __init__(self, root: str, config: Object, options: Options, scratch: str) -> None:
        self._root, self._config, self._options, self._scratch = root, config, options, scratch
        self._name, self._version = str(config["name"]), str(config.get("version") or "")
        home = os.path.join(os.path.abspath(root), str(config.get("chartHome") or "charts"))
        pulled = bool(self._version and config.get("repo"))
        self._home = os.path.join(home, f"{self._name}-{self._version}") if pulled else home
        self._chart = os.path.join(self._home, self._name)

    def objects(self) -> Iterator[Object]:
        import re

        from .plugins import objects_of

        shown = self._run(["version", "-c", "--short"])
        found = re.search(r"v?(\d+(\.\d+)+)", shown)
        if found is None:
            raise CommandError(f"cannot find version string in {shown}")
        if found[1].split(".")[0] not in ("3", "4"):
            raise CommandError(f"this plugin requires helm V3 but got v{found[1]}")
        if not os.path.isdir(self._chart):
            if not self._config.get("repo"):
                raise CommandError(f"no repo specified for pull, no chart found at '{self._chart}'")
            self._pull()
        text = self._run(["template", *self._template()])
        try:
            yield from objects_of(text)
        except CommandError:
            # Helm may say something before the first document.
            begin = text.find("\n---\n")
            if begin < 0:
                raise
            yield from objects_of(text[begin:])

    def _pull(self) -> None:
        repo = str(self._config["repo"])
        words = ["pull", "--untar", "--untardir", self._home]
        words += [f"{repo}/{self._name}"] if repo.startswith("oci://") else ["--repo", repo, self._name]
        self._run([*words, *(["--version", self._version] if self._version else [])])

    def _template(self) -> list[str]:
        config, options = self._config, self._options
        words = [str(config["releaseName"])] if config.get("releaseName") else []
        if config.get("nameTemplate"):
            words += ["--name-template", str(config["nameTemplate"])]
        words.append(self._chart)
        if config.get("namespace"):
            words += ["--namespace", str(config["namespace"])]
        for path in [self._values(), *(config.get("additionalValuesFiles") or ())]:
            words += ["-f", os.path.join(os.path.abspath(self._root), str(path))]
        for version in [*(config.get("apiVersions") or ()), *options.helm_api_versions]:
            words += ["--api-versions", str(version)]
        kube = config.get("kubeVersion") or options.helm_kube_version
        if kube:
            words += ["--kube-version", str(kube)]
        if not config.get("releaseName") and not config.get("nameTemplate"):
            words.append("--generate-name")
        flags = {"includeCRDs": "--include-crds", "skipTests": "--skip-tests", "skipHooks": "--no-hooks"}
        words += [flag for key, flag in flags.items() if config.get(key)]
        return [*words, "--debug"] if config.get("debug") or options.helm_debug else words

    def _values(self) -> str:
        """The file of values: the chart's or the given one, with `valuesInline` laid over or under."""
        from ..output.go_yaml import dump
        from ..wire.yaml_read import load_one

        given = self._config.get("valuesFile")
        path = str(given) if given else os.path.join(self._chart, "values.yaml")
        inline = self._config.get("valuesInline") or {}
        content = load(self._root, path, anywhere=self._options.anywhere or not given)
        if inline:
            how = self._config.get("valuesMerge") or "override"
            chart = {} if how == "replace" else load_one(content.decode()) or {}
            over, under = (inline, chart) if how != "merge" else (chart, inline)
            content = dump(_laid(under, over)).encode()
        target = os.path.join(self._scratch, f"{self._name}-kustomize-values.yaml")
        with open(target, "wb") as file:
            file.write(content)
        return target

    def _run(self, words: list[str]) -> str:
        import subprocess

        command = self._options.helm_command
        home = str(self._config.get("configHome") or os.path.join(self._scratch, "helm"))
        places = {"HELM_CONFIG_HOME": home, "HELM_CACHE_HOME": f"{home}/.cache", "HELM_DATA_HOME": f"{home}/.data"}
        try:
            done = subprocess.run(
                [command, *words], capture_output=True, text=True, check=False, env={**os.environ, **places}
            )
            if not done.returncode:
                return done.stdout
            said, why = done.stderr, f"exit status {done.returncode}"
        except FileNotFoundError:
            said, why = "", f'exec: "{command}": executable file not found in $PATH'
        shown = " ".join(f"{key}={value}" for key, value in places.items())
        failure = f"unable to run: '{command} {' '.join(words)}' with env=[{shown}] (is '{command}' installed?): {why}"
        raise CommandError(f"{said}: {failure}" if said else failure)


def _laid(under: Any, over: Any) -> Any:
    """Maps together, key by key; of anything else the upper one."""
    if not isinstance(under, dict) or not isinstance(over, dict):
        return over
    return {**under, **{key: _laid(under[key], value) if key in under else value for key, value in over.items()}}
