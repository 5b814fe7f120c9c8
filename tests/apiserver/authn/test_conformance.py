"""The behaviours that the conformance suite checks under sig-auth, as far as they are the API server's."""

import base64
from typing import Any

import orjson
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.support.api import PODS, Api, running_api

from pybernetes.api.user import UserInfo
from pybernetes.apiserver.authn.jwk import JsonWebKey
from pybernetes.apiserver.authn.jwt import split
from pybernetes.apiserver.service_account_keys import generate_signing_key
from pybernetes.base.http.message import Request

ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts"
REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
Object = dict[str, Any]


def signing() -> Object:
    return {"service_account_signing_key": generate_signing_key()}


async def test_operations_on_certificate_signing_requests() -> None:
    """Certificates API: should support CSR API operations."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "e2e-csr")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    pem = request.public_bytes(serialization.Encoding.PEM)
    spec = {
        "request": base64.b64encode(pem).decode(),
        "signerName": "example.com/e2e",
        "usages": ["digital signature", "key encipherment", "server auth"],
    }
    async with running_api() as api:
        group = next(g for g in (await api.get("/apis")).body["groups"] if g["name"] == "certificates.k8s.io")
        assert {"groupVersion": "certificates.k8s.io/v1", "version": "v1"} in group["versions"]
        listed = {r["name"] for r in (await api.get("/apis/certificates.k8s.io/v1")).body["resources"]}
        assert {f"certificatesigningrequests{part}" for part in ("", "/approval", "/status")} <= listed
        body = {"metadata": {"generateName": "e2e-example-csr-", "labels": {"test": "x"}}, "spec": spec}
        made = (await api.post(REQUESTS, body)).body
        assert made["spec"]["username"] == "kubernetes-admin" and made["metadata"]["uid"]
        here = f"{REQUESTS}/{made['metadata']['name']}"
        watching = await api.watch(REQUESTS, "labelSelector=test%3Dx")
        assert (await api.get(here)).body["metadata"]["uid"] == made["metadata"]["uid"]
        patched = (await api.patch(here, {"metadata": {"annotations": {"patched": "true"}}})).body
        patched["metadata"]["annotations"]["updated"] = "true"
        assert (await api.put(here, patched)).body["metadata"]["annotations"]["updated"] == "true"
        current = (await api.get(f"{here}/approval")).body
        approved = {"type": "Approved", "status": "True", "reason": "E2E", "message": "Set from an e2e test"}
        current["status"] = {"conditions": [approved]}
        answer = await api.put(f"{here}/approval", current)
        assert answer.code == 200 and answer.body["status"]["conditions"][0]["type"] == "Approved"
        certificate = base64.b64encode(_certificate(key)).decode()
        status = await api.patch(f"{here}/status", {"status": {"certificate": certificate}})
        assert status.code == 200 and status.body["status"]["certificate"] == certificate
        assert (await api.delete(here)).code == 200
        assert (await api.get(here)).code == 404
        await api.post(REQUESTS, body)
        assert (await api.delete(REQUESTS, query="labelSelector=test%3Dx")).code == 200
        assert (await api.get(REQUESTS, "labelSelector=test%3Dx")).body["items"] == []
        await api.settle()
        assert {"ADDED", "MODIFIED", "DELETED"} <= {kind for kind, _ in watching.seen}


def _certificate(key: ec.EllipticCurvePrivateKey) -> bytes:
    from datetime import UTC, datetime, timedelta

    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "e2e-csr")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


async def test_tokens_can_be_verified_by_discovery_alone() -> None:
    """ServiceAccountIssuerDiscovery should support OIDC discovery of service account issuer."""
    async with running_api(**signing()) as api:
        await api.post(ACCOUNTS, {"metadata": {"name": "robot"}})
        await api.settle()
        spec = {"audiences": ["oidc-discovery-test"]}
        token = (await api.post(f"{ACCOUNTS}/robot/token", {"spec": spec})).body["status"]["token"]
        configuration = (await api.get("/.well-known/openid-configuration")).body
        parts = split(token)
        assert parts.claims["iss"] == configuration["issuer"] and parts.claims["aud"] == ["oidc-discovery-test"]
        assert parts.header["alg"] in configuration["id_token_signing_alg_values_supported"]
        assert configuration["response_types_supported"] == ["id_token"]
        assert configuration["jwks_uri"].endswith("/openid/v1/jwks")
        keys = [JsonWebKey(fields) for fields in (await api.get("/openid/v1/jwks")).body["keys"]]
        (key,) = [key for key in keys if key.key_id == parts.header["kid"]]
        assert key.verifies(parts.header["alg"], parts.signed, parts.signature)
        assert parts.claims["sub"] == "system:serviceaccount:default:robot"


async def test_a_token_is_created_and_reviewed() -> None:
    """should create a serviceAccountToken and ensure a successful TokenReview."""
    async with running_api(**signing()) as api:
        await api.post(ACCOUNTS, {"metadata": {"name": "robot"}})
        await api.settle()
        made = (await api.post(f"{ACCOUNTS}/robot/token", {"spec": {"expirationSeconds": 3600}})).body
        token = made["status"]["token"]
        reviews = "/apis/authentication.k8s.io/v1/tokenreviews"
        status = (await api.post(reviews, {"spec": {"token": token}})).body["status"]
        assert status["authenticated"] is True and "error" not in status
        assert status["user"]["username"] == "system:serviceaccount:default:robot"
        assert {"system:serviceaccounts", "system:serviceaccounts:default"} <= set(status["user"]["groups"])
        other = (await api.post(reviews, {"spec": {"token": token, "audiences": ["elsewhere"]}})).body["status"]
        assert other.get("authenticated") is not True
        headers = [("authorization", f"Bearer {token}")]
        self_review = Request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", "", headers, b"{}")
        response = await api.server.app(self_review)
        assert isinstance(response.body, bytes)
        found = orjson.loads(response.body)["status"]["userInfo"]
        assert found["username"] == "system:serviceaccount:default:robot"


async def test_pods_get_a_token_unless_somebody_opts_out() -> None:
    """should mount an API token into pods; should allow opting out of API token automount."""
    async with running_api(disable_admission=(), **signing()) as api:
        for account, choice in (("default", None), ("mount", True), ("nomount", False)):
            body: Object = {"metadata": {"name": account}}
            if choice is not None:
                body["automountServiceAccountToken"] = choice
            assert (await api.post(ACCOUNTS, body)).code == 201
        await api.settle()
        cases = [
            ("default", None, True),
            ("default", True, True),
            ("default", False, False),
            ("mount", None, True),
            ("mount", True, True),
            ("mount", False, False),
            ("nomount", None, False),
            ("nomount", True, True),
            ("nomount", False, False),
        ]
        for number, (account, choice, mounted) in enumerate(cases):
            spec: Object = {"serviceAccountName": account, "containers": [{"name": "c", "image": "c"}]}
            if choice is not None:
                spec["automountServiceAccountToken"] = choice
            made = (await api.post(PODS, {"metadata": {"name": f"p{number}"}, "spec": spec})).body
            mounts = [m["mountPath"] for m in made["spec"]["containers"][0].get("volumeMounts") or ()]
            assert ("/var/run/secrets/kubernetes.io/serviceaccount" in mounts) is mounted, (account, choice)
            if mounted:
                (volume,) = made["spec"]["volumes"]
                sources = [next(iter(source)) for source in volume["projected"]["sources"]]
                assert sources == ["serviceAccountToken", "configMap", "downwardAPI"]


async def test_the_life_of_a_service_account() -> None:
    """should run through the lifecycle of a ServiceAccount; should update a ServiceAccount."""
    async with running_api() as api:
        labels = {"test-serviceaccount-static": "true"}
        await api.post(ACCOUNTS, {"metadata": {"name": "testserviceaccount", "labels": labels}})
        watching = await api.watch(ACCOUNTS, "labelSelector=test-serviceaccount-static%3Dtrue")
        here = f"{ACCOUNTS}/testserviceaccount"
        patched = await api.patch(here, {"automountServiceAccountToken": False})
        assert patched.body["automountServiceAccountToken"] is False
        query = "labelSelector=test-serviceaccount-static%3Dtrue"
        everywhere = (await api.get("/api/v1/serviceaccounts", query)).body["items"]
        assert [item["metadata"]["name"] for item in everywhere] == ["testserviceaccount"]
        updated = {**patched.body, "automountServiceAccountToken": True}
        assert (await api.put(here, updated)).body["automountServiceAccountToken"] is True
        await api.delete(ACCOUNTS, query=query)
        await api.settle()
        assert [kind for kind, _ in watching.seen] == ["ADDED", "MODIFIED", "MODIFIED", "DELETED"]


async def test_questions_about_rights() -> None:
    """SubjectReview should support SubjectReview API operations."""
    async with running_api(authorization_modes=("RBAC",)) as admin:
        await admin.post(ACCOUNTS, {"metadata": {"name": "e2e"}})
        user = UserInfo("system:serviceaccount:default:e2e", groups=("system:serviceaccounts", "system:authenticated"))
        asked = {"verb": "list", "resource": "configmaps", "namespace": "default", "version": "v1"}
        subject = {"user": user.name, "groups": list(user.groups), "resourceAttributes": asked}
        group = "/apis/authorization.k8s.io/v1"
        before = (await admin.post(f"{group}/subjectaccessreviews", {"spec": subject})).body
        assert before["status"]["allowed"] is False
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
        who = [{"kind": "ServiceAccount", "name": "e2e", "namespace": "default"}]
        bindings = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings"
        await admin.post(bindings, {"metadata": {"name": "b"}, "roleRef": reference, "subjects": who})
        await admin.post(
            "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles",
            {"metadata": {"name": "r"}, "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]}]},
        )
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"}
        await admin.post(bindings, {"metadata": {"name": "c"}, "roleRef": role, "subjects": who})
        await admin.settle()
        after = (await admin.post(f"{group}/subjectaccessreviews", {"spec": subject})).body
        assert after["status"]["allowed"] is True
        local = f"{group}/namespaces/default/localsubjectaccessreviews"
        body = {"metadata": {"namespace": "default"}, "spec": subject}
        assert (await admin.post(local, body)).body["status"]["allowed"] is True
        own = await Api(admin.server, user).post(
            f"{group}/selfsubjectaccessreviews", {"spec": {"resourceAttributes": asked}}
        )
        assert own.body["status"]["allowed"] is True
        rules = await Api(admin.server, user).post(
            f"{group}/selfsubjectrulesreviews", {"spec": {"namespace": "default"}}
        )
        assert any("configmaps" in rule["resources"] for rule in rules.body["status"]["resourceRules"])
