"""The older `auth-provider` of a kubeconfig: `oidc` gives its ID token, and a new one when that has expired.

`gcp` and `azure` were removed long ago.
"""

from __future__ import annotations

from ..errors import CommandError, Unreachable, quoted
from ..wire.json_read import JsonError, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .target import Target

_REMOVED = {
    "gcp": (
        'Please use the "gke-gcloud-auth-plugin" kubectl/client-go credential plugin instead.\n'
        "See https://cloud.google.com/blog/products/containers-kubernetes/kubectl-auth-changes-in-gke for further "
        "details"
    ),
    "azure": (
        "Please use the https://github.com/Azure/kubelogin kubectl/client-go credential plugin instead.\n"
        "See https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins "
        "for further details"
    ),
}


def check(provider: dict[str, Any]) -> None:
    """CommandError for a provider that cannot be used."""
    name, config = str(provider.get("name") or ""), provider.get("config") or {}
    if name in _REMOVED:
        raise CommandError(f"The {name} auth plugin has been removed.\n{_REMOVED[name]}")
    if name != "oidc":
        raise CommandError(f"no Auth Provider found for name {quoted(name)}")
    for key in ("idp-issuer-url", "client-id"):
        if not config.get(key):
            raise CommandError(f"Must provide {key}")


def token_of(target: Target) -> str:
    """The bearer token; a new one is kept in the kubeconfig. CommandError, Unreachable."""
    config = dict((target.provider or {}).get("config") or {})
    token = str(config.get("id-token") or "")
    if token and not _is_over(token):
        return token
    from .oidc_refresh import refreshed

    config = refreshed(config)
    target.keep_provider(config)
    return str(config["id-token"])


def _is_over(token: str) -> bool:
    """Whether an ID token has expired. Unreachable when it is none."""
    import time
    from binascii import Error, a2b_base64

    parts = token.split(".")
    if len(parts) != 3:
        raise Unreachable("ID Token is not a valid JWT")
    try:
        payload = a2b_base64(parts[1].replace("-", "+").replace("_", "/") + "=" * (-len(parts[1]) % 4))
        return float(loads(payload).get("exp") or 0) < time.time()
    except (Error, JsonError, AttributeError, TypeError, ValueError):
        return True
