"""The `--oidc-*` flags: one issuer, written as the entry of an AuthenticationConfiguration that means the same.

The older flags' habits are kept: user names of claims other than `email` get the issuer's URL before them unless a
prefix is given (`-` for none), and only RS256 is believed unless more is said.
"""

from pathlib import Path
from typing import Any

import msgspec

from .jwk import ALGORITHMS

Object = dict[str, Any]


class OidcFlags(msgspec.Struct, frozen=True, kw_only=True):
    """The flags' values. `ca_file` is a path; `required_claims` are claim -> value."""

    issuer_url: str = ""
    client_id: str = ""
    ca_file: str = ""
    username_claim: str = "sub"
    username_prefix: str = ""
    groups_claim: str = ""
    groups_prefix: str = ""
    required_claims: dict[str, str] = {}
    signing_algs: tuple[str, ...] = ("RS256",)


def check(flags: OidcFlags) -> None:
    """ValueError in upstream's words."""
    if not flags.issuer_url or not flags.client_id:
        raise ValueError("oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set")
    for algorithm in flags.signing_algs:
        if algorithm not in ALGORITHMS:
            raise ValueError(f'oidc: unsupported signing alg: "{algorithm}"')


def as_structured(flags: OidcFlags) -> Object:
    """The entry of `jwt`. OSError when the CA cannot be read."""
    prefix = flags.username_prefix
    if not prefix and flags.username_claim != "email":
        prefix = flags.issuer_url + "#"
    issuer: Object = {"url": flags.issuer_url, "audiences": [flags.client_id]}
    if flags.ca_file:
        issuer["certificateAuthority"] = Path(flags.ca_file).read_text()
    mappings: Object = {"username": {"claim": flags.username_claim, "prefix": "" if prefix == "-" else prefix}}
    if flags.groups_claim:
        mappings["groups"] = {"claim": flags.groups_claim, "prefix": flags.groups_prefix}
    rules = [{"claim": claim, "requiredValue": value} for claim, value in flags.required_claims.items()]
    return {"issuer": issuer, "claimMappings": mappings, "claimValidationRules": rules}
