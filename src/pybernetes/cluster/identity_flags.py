"""Which of kube-apiserver's flags about identity and rights go together, in upstream's words
(kube-apiserver `options/authentication.go` and `options/authorization.go`). Modes that lack their file are refused
where the chain of authorizers is built."""

from collections.abc import Mapping
from typing import Any

from ..apiserver.authn import oidc_flags
from ..apiserver.authn.oidc_flags import OidcFlags

OIDC = {
    "oidc-ca-file": "ca_file",
    "oidc-client-id": "client_id",
    "oidc-groups-claim": "groups_claim",
    "oidc-groups-prefix": "groups_prefix",
    "oidc-issuer-url": "issuer_url",
    "oidc-required-claim": "required_claims",
    "oidc-signing-algs": "signing_algs",
    "oidc-username-claim": "username_claim",
    "oidc-username-prefix": "username_prefix",
}
"""Flag -> field of OidcFlags."""

_FILES = {"ABAC": "authorization-policy-file", "Webhook": "authorization-webhook-config-file"}


def check(flags: Mapping[str, Any]) -> None:
    """ValueError says which flags contradict each other or lack another."""
    _check_authentication(flags)
    _check_authorization(flags)


def oidc(flags: Mapping[str, Any]) -> dict[str, OidcFlags]:
    """The field `oidc` of ApiServerConfig, nothing when no such flag is given."""
    given = {field: flags[name] for name, field in OIDC.items() if name in flags}
    return {"oidc": OidcFlags(**given)} if given else {}


def _check_authentication(flags: Mapping[str, Any]) -> None:
    given = oidc(flags)
    if not given:
        return
    if "authentication-config" in flags:
        raise ValueError("authentication-config file and oidc-* flags are mutually exclusive")
    oidc_flags.check(given["oidc"])


def _check_authorization(flags: Mapping[str, Any]) -> None:
    if "authorization-config" in flags:
        if any(name == "authorization-mode" or name.startswith("authorization-webhook-") for name in flags):
            raise ValueError(
                "--authorization-config can not be specified when --authorization-mode or --authorization-webhook-* "
                "flags are defined"
            )
        return
    modes = flags.get("authorization-mode", ())
    for mode, flag in _FILES.items():
        if flag in flags and mode not in modes:
            raise ValueError(f"cannot specify --{flag} without mode {mode}")
