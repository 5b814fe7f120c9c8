"""Configuration files with wrong types are refused in words, at the start as well as while the server follows them."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pybernetes.apiserver.admission.configuration import plugin_settings
from pybernetes.apiserver.audit import policy as audit
from pybernetes.apiserver.authn import configuration as authn
from pybernetes.apiserver.authz import configuration as authz
from pybernetes.apiserver.config_documents import SHAPES, document_of
from pybernetes.apiserver.encryption import configuration as encryption
from pybernetes.base.clock import SYSTEM_CLOCK

Object = dict[str, Any]

WEBHOOK = {"timeout": "3s", "failurePolicy": "Deny", "connectionInfo": {"type": "KubeConfigFile"}}
DOCUMENTS: dict[str, Object] = {
    "AuthorizationConfiguration": {
        "authorizers": [{"type": "Webhook", "name": "w", "webhook": WEBHOOK}, {"type": "RBAC", "name": "r"}]
    },
    "AuthenticationConfiguration": {
        "jwt": [
            {
                "issuer": {"url": "https://i.example", "audiences": ["a"]},
                "claimValidationRules": [{"claim": "hd", "requiredValue": "x"}],
                "claimMappings": {
                    "username": {"claim": "sub", "prefix": ""},
                    "extra": [{"key": "example.com/x", "valueExpression": "claims.x"}],
                },
                "userValidationRules": [{"expression": "true", "message": "m"}],
            }
        ],
        "anonymous": {"enabled": True, "conditions": [{"path": "/livez"}]},
    },
    "EncryptionConfiguration": {
        "resources": [
            {
                "resources": ["secrets"],
                "providers": [{"aesgcm": {"keys": [{"name": "k", "secret": "MDEyMzQ1Njc4OWFiY2RlZg=="}]}}],
            }
        ]
    },
    "AdmissionConfiguration": {
        "plugins": [
            {
                "name": "PodSecurity",
                "configuration": {"kind": "PodSecurityConfiguration", "defaults": {"enforce": "baseline"}},
            }
        ]
    },
    "Policy": {"rules": [{"level": "None", "users": ["x"], "resources": [{"group": "", "resources": ["pods"]}]}]},
}


def read(path: Path, kind: str) -> object:
    """As the server reads a file of this kind."""
    match kind:
        case "AuthorizationConfiguration":
            return authz.read(str(path))
        case "AuthenticationConfiguration":
            return authn.load(str(path), SYSTEM_CLOCK)
        case "EncryptionConfiguration":
            return encryption.load(str(path))
        case "AdmissionConfiguration":
            return plugin_settings(str(path))
        case _:
            return audit.load(str(path))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, inner in items for found in ((*path, key), *places(inner, (*path, key)))]


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_the_documents_are_right(tmp_path: Path, kind: str) -> None:
    (tmp_path / "x").write_text(json.dumps({"kind": kind, **DOCUMENTS[kind]}))
    assert read(tmp_path / "x", kind)


junk = st.sampled_from([None, True, 0, -1, 1.5, "", "x", [], {}, [{}], [None], {"a": None}, ["x"], [[]], 2**70])


@settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(DOCUMENTS)), st.data())
def test_whatever_is_wrong_is_a_value_error(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    document = copy.deepcopy(DOCUMENTS[kind])
    *way, last = data.draw(st.sampled_from(places(document)))
    holder: Any = document
    for key in way:
        holder = holder[key]
    if data.draw(st.booleans()):
        holder[last] = data.draw(junk)
    else:
        del holder[last]
    (tmp_path / "x").write_text(json.dumps({"kind": kind, **document}))
    try:
        read(tmp_path / "x", kind)
    except (ValueError, audit.PolicyError):
        pass


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"authorizers": "x"}, "f: json: cannot unmarshal string into Go struct field K.authorizers of type []struct"),
        ({"authorizers": ["x"]}, "f: json: cannot unmarshal string into Go struct field K.authorizers of type struct"),
        (
            {"authorizers": [{"webhook": {"timeout": 3}}]},
            "f: json: cannot unmarshal number into Go struct field K.authorizers.webhook.timeout of type string",
        ),
        (
            {"authorizers": [{"webhook": {"cacheAuthorizedRequests": "true"}}]},
            "f: json: cannot unmarshal string into Go struct field K.authorizers.webhook.cacheAuthorizedRequests of "
            "type bool",
        ),
    ],
)
def test_the_words_are_those_of_go(document: Object, words: str) -> None:
    kind = "AuthorizationConfiguration"
    with pytest.raises(ValueError) as caught:
        document_of(json.dumps({"kind": kind, **document}).encode(), "f", kind)
    assert str(caught.value) == words.replace("field K.", f"field {kind}.")


def test_null_is_nothing() -> None:
    data = b'{"kind":"AuthenticationConfiguration","jwt":null,"anonymous":{"conditions":[null]}}'
    assert document_of(data, "f", "AuthenticationConfiguration") == {
        "kind": "AuthenticationConfiguration",
        "anonymous": {"conditions": [{}]},
    }
    assert set(DOCUMENTS) < set(SHAPES)
