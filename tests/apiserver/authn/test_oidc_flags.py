"""The `--oidc-*` flags mean one issuer of the structured configuration."""

from pathlib import Path
from typing import Any

import pytest
from tests.apiserver.authn.issuer import Issuer, who
from tests.support.api import running_api

from pybernetes.apiserver.authn.oidc_flags import OidcFlags, as_structured
from pybernetes.base.tasks import running


@pytest.mark.parametrize(
    ("flags", "username", "groups"),
    [
        ({}, {"claim": "sub", "prefix": "https://issuer#"}, None),
        ({"username_prefix": "-"}, {"claim": "sub", "prefix": ""}, None),
        ({"username_prefix": "o:"}, {"claim": "sub", "prefix": "o:"}, None),
        ({"username_claim": "email"}, {"claim": "email", "prefix": ""}, None),
        ({"username_claim": "email", "username_prefix": "o:"}, {"claim": "email", "prefix": "o:"}, None),
        (
            {"groups_claim": "roles", "groups_prefix": "g:"},
            {"claim": "sub", "prefix": "https://issuer#"},
            {"claim": "roles", "prefix": "g:"},
        ),
        ({"groups_prefix": "g:"}, {"claim": "sub", "prefix": "https://issuer#"}, None),
    ],
)
def test_mappings(flags: dict[str, Any], username: dict[str, str], groups: dict[str, str] | None) -> None:
    found = as_structured(OidcFlags(issuer_url="https://issuer", client_id="me", **flags))
    assert found["issuer"] == {"url": "https://issuer", "audiences": ["me"]}
    assert found["claimMappings"]["username"] == username
    assert found["claimMappings"].get("groups") == groups


async def test_a_token_is_a_user(tmp_path: Path) -> None:
    issuer = Issuer()
    (tmp_path / "ca.crt").write_text(issuer.authority)
    async with running("issuer", issuer.http.serve):
        flags = OidcFlags(
            issuer_url=issuer.url,
            client_id="cluster",
            ca_file=str(tmp_path / "ca.crt"),
            groups_claim="roles",
            groups_prefix="g:",
            required_claims={"tenant": "acme"},
            signing_algs=("RS256", "ES256"),
        )
        async with running_api(oidc=flags) as api:
            assert await who(api, issuer.token(tenant="acme", roles=["dev"])) == {
                "username": f"{issuer.url}#jane",
                "groups": ["g:dev", "system:authenticated"],
            }
            assert await who(api, issuer.token(tenant="other")) == 401
            assert await who(api, issuer.token()) == 401


async def test_only_the_named_algorithms_are_believed(tmp_path: Path) -> None:
    issuer = Issuer()  # signs with ES256
    (tmp_path / "ca.crt").write_text(issuer.authority)
    async with running("issuer", issuer.http.serve):
        flags = OidcFlags(issuer_url=issuer.url, client_id="cluster", ca_file=str(tmp_path / "ca.crt"))
        async with running_api(oidc=flags) as api:
            assert await who(api, issuer.token()) == 401
