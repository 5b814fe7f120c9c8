"""[sig-api-machinery] and [sig-auth] "should support ... API operations", step by step with the bodies of Go's clients.

Go sends the fields that it cannot leave out (`creationTimestamp: null`, an empty status), creates the same template
three times by generateName, and looks at one object through every path that it has.
"""

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.support.api import Api, running_api

Object = dict[str, Any]
FLOW = "flowcontrol.apiserver.k8s.io"
ADMISSION = "admissionregistration.k8s.io"
LABEL = "labelSelector=e2e%3Dx"


class Case(NamedTuple):
    """One kind: where it is, what is created, the patch and the update of its spec with what must then be there."""

    group: str
    plural: str
    kind: str
    body: Object
    patch: Object
    field: str
    patched: Any
    updated: Any
    with_status: bool = True


def template(kind: str, group: str, spec: Object, *, status: bool = True) -> Object:
    metadata = {"generateName": "e2e-example-", "creationTimestamp": None, "labels": {"e2e": "x"}}
    body = {"kind": kind, "apiVersion": f"{group}/v1", "metadata": metadata, "spec": spec}
    return {**body, "status": {}} if status else body


FLOW_SCHEMA = {
    "priorityLevelConfiguration": {"name": "global-default"},
    "matchingPrecedence": 10000,
    "distinguisherMethod": {"type": "ByUser"},
    "rules": [
        {
            "subjects": [{"kind": "User", "user": {"name": "example-e2e-non-existent-user"}}],
            "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
        }
    ],
}
LEVEL = {"type": "Limited", "limited": {"nominalConcurrencyShares": 2, "limitResponse": {"type": "Reject"}}}
RULES = {
    "resourceRules": [
        {"operations": ["CREATE"], "apiGroups": ["apps"], "apiVersions": ["v1"], "resources": ["deployments"]}
    ]
}
VALIDATING = {"matchConstraints": RULES, "validations": [{"expression": "object.spec.replicas <= 100"}]}
MUTATION = {
    "patchType": "ApplyConfiguration",
    "applyConfiguration": {
        "expression": 'Object{metadata: Object.metadata{annotations: {"my-foo-annotation": "myAnnotationValue"}}}'
    },
}
MUTATING = {"matchConstraints": RULES, "reinvocationPolicy": "Never", "mutations": [MUTATION]}
IGNORE = {"spec": {"failurePolicy": "Ignore"}}
CASES = [
    Case(
        FLOW,
        "flowschemas",
        "FlowSchema",
        template("FlowSchema", FLOW, FLOW_SCHEMA),
        {"spec": {"matchingPrecedence": 9999}},
        "spec.matchingPrecedence",
        9999,
        9000,
    ),
    Case(
        FLOW,
        "prioritylevelconfigurations",
        "PriorityLevelConfiguration",
        template("PriorityLevelConfiguration", FLOW, LEVEL),
        {"spec": {"limited": {"nominalConcurrencyShares": 4}}},
        "spec.limited.nominalConcurrencyShares",
        4,
        6,
    ),
    Case(
        ADMISSION,
        "validatingadmissionpolicies",
        "ValidatingAdmissionPolicy",
        template("ValidatingAdmissionPolicy", ADMISSION, VALIDATING),
        IGNORE,
        "spec.failurePolicy",
        "Ignore",
        "Fail",
    ),
    Case(
        ADMISSION,
        "validatingadmissionpolicybindings",
        "ValidatingAdmissionPolicyBinding",
        template(
            "ValidatingAdmissionPolicyBinding",
            ADMISSION,
            {"policyName": "replicalimit-policy.example.com", "validationActions": ["Deny"]},
            status=False,
        ),
        {},
        "spec.validationActions",
        ["Deny"],
        ["Deny"],
        with_status=False,
    ),
    Case(
        ADMISSION,
        "mutatingadmissionpolicies",
        "MutatingAdmissionPolicy",
        template("MutatingAdmissionPolicy", ADMISSION, MUTATING, status=False),
        IGNORE,
        "spec.failurePolicy",
        "Ignore",
        "Fail",
        with_status=False,
    ),
    Case(
        ADMISSION,
        "mutatingadmissionpolicybindings",
        "MutatingAdmissionPolicyBinding",
        template(
            "MutatingAdmissionPolicyBinding",
            ADMISSION,
            {"policyName": "replicalimit-policy.example.com"},
            status=False,
        ),
        {},
        "spec.policyName",
        "replicalimit-policy.example.com",
        "replicalimit-policy.example.com",
        with_status=False,
    ),
]


def at(obj: Object, field: str) -> Any:
    found: Any = obj
    for part in field.split("."):
        found = found[part]
    return found


def put(obj: Object, field: str, value: Any) -> None:
    *parents, last = field.split(".")
    at(obj, ".".join(parents))[last] = value


async def discovered(api: Api, group: str, *resources: str) -> None:
    groups = (await api.get("/apis")).body["groups"]
    (entry,) = [one for one in groups if one["name"] == group]
    assert {"groupVersion": f"{group}/v1", "version": "v1"} in entry["versions"]
    assert "v1" in [one["version"] for one in (await api.get(f"/apis/{group}")).body["versions"]]
    assert set(resources) <= {one["name"] for one in (await api.get(f"/apis/{group}/v1")).body["resources"]}


async def three(api: Api, path: str, body: Object) -> Object:
    """Three objects of one template; the last of them, which reads as it was answered."""
    for _ in range(2):
        assert (await api.post(path, body)).code == 201
    made = await api.post(path, body)
    assert made.code == 201, made
    found: Object = made.body
    read = (await api.get(f"{path}/{found['metadata']['name']}")).body
    assert read["metadata"]["uid"] == found["metadata"]["uid"] and read["spec"] == found["spec"]
    return found


async def patched_and_updated(
    api: Api, path: str, patch: Object, change: Callable[[Object], None], watch: str
) -> tuple[Object, Object]:
    """A merge patch and an update, both with an annotation; a watch from before sees the two alone, as changes."""
    version = (await api.get(path.rpartition("/")[0], LABEL)).body["metadata"]["resourceVersion"]
    watching = await api.watch(path.rpartition("/")[0], f"{watch}&resourceVersion={version}")
    first = await api.patch(path, {"metadata": {"annotations": {"patched": "true"}}, **patch})
    assert first.code == 200 and first.body["metadata"]["annotations"] == {"patched": "true"}, first
    assert int(version) < int(first.version)
    body = (await api.get(path)).body
    body["metadata"]["annotations"]["updated"] = "true"
    change(body)
    second = await api.put(path, body)
    assert second.code == 200 and second.body["metadata"]["annotations"]["updated"] == "true", second
    await watching.received(2)
    seen = [(one["type"], one["object"]["metadata"]["annotations"]) for one in watching.events]
    assert seen[:2] == [("MODIFIED", {"patched": "true"}), ("MODIFIED", {"patched": "true", "updated": "true"})]
    return first.body, second.body


async def deleted(api: Api, path: str, query: str) -> None:
    """One, then the two that are left as a collection."""
    assert (await api.delete(path, {"kind": "DeleteOptions", "apiVersion": "v1"})).code == 200
    gone = await api.get(path)
    assert (gone.code, gone.body["reason"]) == (404, "NotFound")
    collection = path.rpartition("/")[0]
    assert len((await api.get(collection, query)).body["items"]) == 2
    assert (await api.delete(collection, {"kind": "DeleteOptions", "apiVersion": "v1"}, query=query)).code == 200
    assert (await api.get(collection, query)).body["items"] == []


@pytest.mark.parametrize("case", CASES, ids=[case.plural for case in CASES])
async def test_operations(case: Case) -> None:
    async with running_api() as api:
        subresources = [f"{case.plural}/status"] if case.with_status else []
        await discovered(api, case.group, case.plural, *subresources)
        collection = f"/apis/{case.group}/v1/{case.plural}"
        made = await three(api, collection, case.body)
        assert len((await api.get(collection, LABEL)).body["items"]) == 3
        path = f"{collection}/{made['metadata']['name']}"
        first, second = await patched_and_updated(
            api, path, case.patch, lambda body: put(body, case.field, case.updated), LABEL
        )
        assert (at(first, case.field), at(second, case.field)) == (case.patched, case.updated)
        if case.with_status:
            status = (await api.get(f"{path}/status")).body
            assert (status["kind"], status["apiVersion"]) == (case.kind, f"{case.group}/v1")
            assert status["metadata"]["uid"] == made["metadata"]["uid"]
            condition = {"type": "PatchStatusFailed", "status": "False", "reason": "e2e"}
            if case.group == ADMISSION:
                condition |= {"message": "Set from an e2e test", "lastTransitionTime": "2024-01-01T00:00:00Z"}
            answer = await api.patch(f"{path}/status", {"status": {"conditions": [condition]}})
            assert answer.code == 200, answer
            assert "PatchStatusFailed" in [one["type"] for one in answer.body["status"]["conditions"]]
            body = (await api.get(path)).body
            update: Object = {"type": "StatusUpdateFailed", "status": "False", "reason": "E2E"}
            update |= {"message": "Set from an e2e test", "lastTransitionTime": None}
            if case.group == ADMISSION:
                update["lastTransitionTime"] = "2024-01-01T00:00:00Z"
            body["status"]["conditions"].append(update)
            answer = await api.put(f"{path}/status", body)
            assert answer.code == 200, answer
            assert "StatusUpdateFailed" in [one["type"] for one in answer.body["status"]["conditions"]]
        await deleted(api, path, LABEL)


def signing_request() -> tuple[str, str]:
    """A request and a certificate that signs itself, both PEM in base64."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "e2e.example.com")])
    names = x509.SubjectAlternativeName([x509.DNSName("e2e.example.com")])
    request = x509.CertificateSigningRequestBuilder(name).add_extension(names, critical=False)
    now = datetime.now(UTC)
    certificate = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    pem = serialization.Encoding.PEM
    return (
        base64.b64encode(request.sign(key, hashes.SHA256()).public_bytes(pem)).decode(),
        base64.b64encode(certificate.sign(key, hashes.SHA256()).public_bytes(pem)).decode(),
    )


async def test_certificate_signing_requests() -> None:
    group, selector = "certificates.k8s.io", "fieldSelector=spec.signerName%3Dexample.com/e2e-x"
    request, certificate = signing_request()
    body = {
        "kind": "CertificateSigningRequest",
        "apiVersion": f"{group}/v1",
        "metadata": {"generateName": "e2e-example-csr-", "creationTimestamp": None},
        "spec": {
            "request": request,
            "signerName": "example.com/e2e-x",
            "expirationSeconds": 3600,
            "usages": ["digital signature", "key encipherment", "server auth"],
        },
        "status": {},
    }
    async with running_api() as api:
        kinds = [f"certificatesigningrequests{part}" for part in ("", "/approval", "/status")]
        await discovered(api, group, *kinds)
        collection = f"/apis/{group}/v1/certificatesigningrequests"
        made = await three(api, collection, body)
        assert made["spec"]["expirationSeconds"] == 3600
        assert len((await api.get(collection, selector)).body["items"]) == 3
        name = made["metadata"]["name"]
        path = f"{collection}/{name}"
        await patched_and_updated(api, path, {}, lambda body: None, f"fieldSelector=metadata.name%3D{name}")

        async def found(subresource: str) -> None:
            body = (await api.get(f"{path}/{subresource}")).body
            assert (body["kind"], body["metadata"]["uid"]) == ("CertificateSigningRequest", made["metadata"]["uid"])

        def types(obj: Object) -> list[str]:
            return [one["type"] for one in obj["status"]["conditions"]]

        message = {"status": "True", "reason": "E2E", "message": "Set from an e2e test"}
        never = {"lastUpdateTime": None, "lastTransitionTime": None}
        await found("approval")
        condition = {"type": "ApprovalPatch", "status": "True", "reason": "e2e"}
        patch = {"metadata": {"annotations": {"patchedapproval": "true"}}, "status": {"conditions": [condition]}}
        approval = await api.patch(f"{path}/approval", patch)
        assert approval.code == 200 and types(approval.body) == ["ApprovalPatch"], approval
        assert approval.body["metadata"]["annotations"]["patchedapproval"] == "true"
        body = approval.body
        body["status"]["conditions"].append({"type": "Approved", **message, **never})
        updated = await api.put(f"{path}/approval", body)
        assert updated.code == 200 and types(updated.body) == ["ApprovalPatch", "Approved"], updated
        await found("status")
        patch = {"metadata": {"annotations": {"patchedstatus": "true"}}, "status": {"certificate": certificate}}
        status = await api.patch(f"{path}/status", patch)
        assert status.code == 200 and status.body["status"]["certificate"] == certificate, status
        assert status.body["metadata"]["annotations"]["patchedstatus"] == "true"
        assert types(status.body) == ["ApprovalPatch", "Approved"]
        body = status.body
        body["status"]["conditions"].append({"type": "StatusUpdate", **message, **never})
        updated = await api.put(f"{path}/status", body)
        assert updated.code == 200 and types(updated.body) == ["ApprovalPatch", "Approved", "StatusUpdate"], updated
        await deleted(api, path, selector)
