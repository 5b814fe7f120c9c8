"""What makes a user or a cluster of the kubeconfig unusable, in client-go's words and order.

Pure, but for looking whether files can be read.
"""

from __future__ import annotations

from ..errors import quoted, reason_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def problems_of_user(name: str, user: dict[str, Any]) -> list[str]:
    """Of the entry with the flags put in."""
    found: list[str] = []
    methods = ["token"] if user.get("token") else []
    if user.get("username") or user.get("password"):
        methods.append("basicAuth")
    certificate, key = user.get("client-certificate"), user.get("client-key")
    if certificate or user.get("client-certificate-data"):
        if certificate and user.get("client-certificate-data"):
            found.append(
                f"client-cert-data and client-cert are both specified for {name}. client-cert-data will override."
            )
        if key and user.get("client-key-data"):
            found.append(f"client-key-data and client-key are both specified for {name}; client-key-data will override")
        if not key and not user.get("client-key-data"):
            found.append(
                f"client-key-data or client-key must be specified for {name} "
                "to use the clientCert authentication method."
            )
        for what, path in (("client-cert", certificate), ("client-key", key)):
            found += _unreadable(what, path, name)
    if user.get("exec"):
        found += _problems_of_plugin(name, user)
    if len(methods) > 1:
        shown = " ".join(methods)
        found.append(f"more than one authentication method found for {name}; found [{shown}], only one is allowed")
    return found


def _problems_of_plugin(name: str, user: dict[str, Any]) -> list[str]:
    plugin = user["exec"]
    found = []
    if user.get("auth-provider"):
        found.append(f"authProvider cannot be provided in combination with an exec plugin for {name}")
    for key in ("command", "apiVersion"):
        if not plugin.get(key):
            found.append(f"{key} must be specified for {name} to use exec authentication plugin")
    if any(not variable.get("name") for variable in plugin.get("env") or ()):
        found.append(f"env variable name must be specified for {name} to use exec authentication plugin")
    older = str(plugin.get("apiVersion")).endswith(("/v1beta1", "/v1alpha1"))
    mode = plugin.get("interactiveMode") or ("IfAvailable" if older else "")
    if not mode:
        found.append(f"interactiveMode must be specified for {name} to use exec authentication plugin")
    elif mode not in ("Never", "IfAvailable", "Always"):
        found.append(f"invalid interactiveMode for {name}: {quoted(mode)}")
    return found


def problems_of_cluster(name: str, cluster: dict[str, Any]) -> list[str]:
    """Of the entry with the flags put in."""
    found: list[str] = []
    proxy = str(cluster.get("proxy-url") or "")
    scheme = proxy.partition("://")[0] if "://" in proxy else ""
    if proxy and scheme not in ("http", "https", "socks5"):
        found.append(
            f"invalid 'proxy-url' {quoted(proxy)} for cluster {quoted(name)}: unsupported scheme {quoted(scheme)}, "
            "must be http, https, or socks5"
        )
    path = cluster.get("certificate-authority")
    if path and cluster.get("certificate-authority-data"):
        found.append(
            f"certificate-authority-data and certificate-authority are both specified for {name}. "
            "certificate-authority-data will override."
        )
    return found + _unreadable("certificate-authority", path, name)


def _unreadable(what: str, path: Any, name: str) -> list[str]:
    if not path:
        return []
    try:
        with open(path, "rb"):
            return []
    except OSError as error:
        return [f"unable to read {what} {path} for {name} due to open {path}: {reason_of(error)}"]
