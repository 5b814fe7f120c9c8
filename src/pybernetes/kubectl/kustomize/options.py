"""What `kubectl kustomize` may be told by flags."""

from __future__ import annotations


class Options:
    """Defaults are those of `-k`: no helm, no files outside a kustomization's directory."""

    def __init__(self) -> None:
        self.anywhere = False
        """May files outside the directory be read? (`--load-restrictor=LoadRestrictionsNone`)"""
        self.enable_helm = False
        self.helm_command = "helm"
        self.helm_debug = False
        self.helm_kube_version = ""
        self.helm_api_versions: list[str] = []

    def warn(self, text: str) -> None:
        """Tell about deprecated fields."""
        import sys

        sys.stderr.write(text + "\n")
