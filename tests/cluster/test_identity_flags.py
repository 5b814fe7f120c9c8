"""Flags about identity and rights that contradict each other, in kube-apiserver's words."""

from typing import Any

import pytest

from pybernetes.apiserver.authn.oidc_flags import OidcFlags
from pybernetes.cluster.identity_flags import check, oidc


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (
            {"oidc-issuer-url": "https://a"},
            "oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set",
        ),
        (
            {"oidc-username-claim": "email"},
            "oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set",
        ),
        (
            {"oidc-issuer-url": "https://a", "oidc-client-id": "b", "oidc-signing-algs": ("RS256", "HS256")},
            'oidc: unsupported signing alg: "HS256"',
        ),
        (
            {"oidc-issuer-url": "https://a", "oidc-client-id": "b", "authentication-config": "c"},
            "authentication-config file and oidc-* flags are mutually exclusive",
        ),
        (
            {"authorization-policy-file": "a", "authorization-mode": ("RBAC",)},
            "cannot specify --authorization-policy-file without mode ABAC",
        ),
        (
            {"authorization-webhook-config-file": "a"},
            "cannot specify --authorization-webhook-config-file without mode Webhook",
        ),
        (
            {"authorization-config": "a", "authorization-mode": ("RBAC",)},
            "--authorization-config can not be specified when --authorization-mode or --authorization-webhook-* flags "
            "are defined",
        ),
    ],
)
def test_refused(flags: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as raised:
        check(flags)
    assert str(raised.value) == words


def test_what_goes_together() -> None:
    flags = {"authorization-mode": ("ABAC", "RBAC"), "authorization-policy-file": "a", "oidc-issuer-url": "https://a"}
    flags |= {"oidc-client-id": "b", "oidc-required-claim": {"c": "d"}}
    check(flags)
    assert oidc(flags) == {"oidc": OidcFlags(issuer_url="https://a", client_id="b", required_claims={"c": "d"})}
    assert oidc({}) == {}
