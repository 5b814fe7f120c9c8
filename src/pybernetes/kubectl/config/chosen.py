"""What of the kubeconfigs counts: the context, the cluster and the user that the flags or the current context choose,
with the single settings of flags laid over (client-go, `tools/clientcmd/client_config.go`).

Pure, but for looking whether files can be read.
"""

from __future__ import annotations

import os

from ..errors import CommandError, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..flags import Values
    from .files import Kubeconfig

_CHECKED = {
    "client-certificate",
    "client-certificate-data",
    "client-key",
    "certificate-authority",
    "proxy-url",
    "username",
    "password",
    "exec",
}
"""Entries with none of these fields cannot be wrong."""


def text_of(flags: Values, name: str) -> str:
    """A global flag; one that the command shadows by a list of its own (`create rolebinding --user`) was not given."""
    return flags.text(name) if flags.table[name].kind == "text" else ""


class Chosen:
    """The entries. What a flag names must be there; what only a context names need not."""

    def __init__(self, config: Kubeconfig, flags: Values) -> None:
        self._flags = flags
        self._given = {name: text_of(flags, name) for name in ("user", "context", "cluster")}
        name = self._given["context"] or config.current_context
        self.context = config.contexts.get(name) or {}
        self.user_name = self._given["user"] or str(self.context.get("user") or "")
        self.cluster_name = self._given["cluster"] or str(self.context.get("cluster") or "")
        self._missing = [
            f"{shown} {quoted(self._given[kind])} does not exist"
            for kind, section, shown in (
                ("user", config.users, "auth info"),
                ("context", config.contexts, "context"),
                ("cluster", config.clusters, "cluster"),
            )
            if self._given[kind] and self._given[kind] not in section
        ]
        self._problems = []
        if name and name not in config.contexts:
            self._problems.append(f"context was not found for specified context: {name}")
        self.user = self._with_flags_of_user(dict(config.users.get(self.user_name) or {}))
        self.cluster = self._with_flags_of_cluster(dict(config.clusters.get(self.cluster_name) or {}))
        lost = bool(self._given["cluster"]) and self._given["cluster"] not in config.clusters
        if _CHECKED & {*self.cluster, *self.user}:
            from .validation import problems_of_cluster, problems_of_user

            self._problems += problems_of_user(self.user_name, self.user)
            if not lost:
                self._problems += problems_of_cluster(self.cluster_name, self.cluster)
        if lost:
            self._problems.append(f"no server found for cluster {quoted(self.cluster_name)}")

    def check(self, *, namespace_first: bool) -> None:
        """CommandError with what makes them unusable; where a namespace is looked for first, what is wrong with the
        entries comes before what is missing.
        """
        if namespace_first:
            self._check_problems()
        if self._missing:
            raise CommandError(self._missing[0])
        self._check_problems()

    def _check_problems(self) -> None:
        found = self._problems
        if len(found) == 1:
            prefix = "Error in configuration: " if found[0].startswith("context was not found") else "error: "
            raise CommandError(found[0], prefix=prefix)
        if found:
            raise CommandError("\n".join(f"* {one}" for one in found), prefix="Error in configuration: \n")

    def _with_flags_of_user(self, user: dict[str, Any]) -> dict[str, Any]:
        for name in ("client-certificate", "client-key", "token", "username", "password"):
            value = text_of(self._flags, name)
            if value:
                user[name] = value
                user.pop(f"{name}-data", None)
        return user

    def _with_flags_of_cluster(self, cluster: dict[str, Any]) -> dict[str, Any]:
        flags = self._flags
        server, name = text_of(flags, "server"), text_of(flags, "tls-server-name")
        authority, insecure = text_of(flags, "certificate-authority"), flags.on("insecure-skip-tls-verify")
        if server:
            cluster["server"] = server
        cluster["server"] = cluster.get("server") or os.environ.get("KUBERNETES_MASTER", "")
        if authority or insecure:
            cluster.pop("certificate-authority-data", None)
            cluster |= {"certificate-authority": authority, "insecure-skip-tls-verify": insecure}
        if name or server:
            cluster["tls-server-name"] = name
        return cluster
