"""Certificates: what is issued can be loaded, verified, and identified; bad input is refused in one way."""

import os
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509 as cryptography_x509

from pybernetes.base import x509

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def ca() -> x509.CertificateAuthority:
    return x509.CertificateAuthority.create("kubernetes-ca")


def der(pem: bytes) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pem.decode())


def test_subject_of_gives_user_and_groups_in_order(ca: x509.CertificateAuthority) -> None:
    pair = ca.issue("system:node:n1", organizations=["system:nodes", "extra"], usages=x509.CLIENT)
    assert x509.subject_of(der(pair.certificate_pem)) == ("system:node:n1", ("system:nodes", "extra"))


def test_a_common_name_beyond_64_characters_is_issued(ca: x509.CertificateAuthority) -> None:
    name = "system:serviceaccount:" + "a" * 63 + ":" + "b" * 63
    assert x509.subject_of(der(ca.issue(name).certificate_pem))[0] == name


def test_alternative_names_are_sorted_into_dns_and_ip(ca: x509.CertificateAuthority) -> None:
    pair = ca.issue("apiserver", names=["kubernetes.default.svc", "10.96.0.1", "::1"], usages=x509.SERVER)
    names = pair.certificate.extensions.get_extension_for_class(cryptography_x509.SubjectAlternativeName).value
    assert names.get_values_for_type(cryptography_x509.DNSName) == ["kubernetes.default.svc"]
    assert [str(ip) for ip in names.get_values_for_type(cryptography_x509.IPAddress)] == ["10.96.0.1", "::1"]


def test_a_certificate_never_outlives_its_ca() -> None:
    short = x509.CertificateAuthority.create("short", validity=timedelta(days=1))
    assert short.issue("x", validity=timedelta(days=100)).expires == short.expires


def test_saved_files_load_again_and_the_key_is_private(ca: x509.CertificateAuthority, tmp_path) -> None:
    pair = ca.issue("x")
    pair.save(tmp_path / "pki" / "x.crt", tmp_path / "pki" / "x.key")
    assert os.stat(tmp_path / "pki" / "x.key").st_mode & 0o777 == 0o600
    assert os.stat(tmp_path / "pki" / "x.crt").st_mode & 0o777 == 0o644
    assert x509.KeyPair.load(tmp_path / "pki" / "x.crt", tmp_path / "pki" / "x.key").certificate == pair.certificate
    assert sorted(os.listdir(tmp_path / "pki")) == ["x.crt", "x.key"]


def test_an_authority_loads_from_files_and_signs(ca: x509.CertificateAuthority, tmp_path) -> None:
    ca.save(tmp_path / "ca.crt", tmp_path / "ca.key")
    again = x509.CertificateAuthority.load(tmp_path / "ca.crt", tmp_path / "ca.key")
    assert x509.verify_client(der(again.issue("x").certificate_pem), ca.certificate_pem)


def test_a_signing_request_becomes_a_certificate_with_its_names(ca: x509.CertificateAuthority) -> None:
    key = x509.new_key()
    pem = x509.create_request(key, "system:node:n2", organizations=["system:nodes"], names=["n2", "10.0.0.2"])
    request = x509.SigningRequest(pem)
    assert (request.common_name, request.organizations) == ("system:node:n2", ("system:nodes",))
    assert (request.dns_names, request.ip_addresses) == (["n2"], ["10.0.0.2"])
    signed = ca.sign_request(request, usages=x509.SERVER)
    assert x509.KeyPair(signed, x509.key_pem(key)).certificate.issuer == ca.certificate.subject


VERIFY = {
    "signed by the authority": (lambda ca, other: ca.issue("x", usages=x509.CLIENT, now=NOW), NOW, True),
    "signed by another": (lambda ca, other: other.issue("x", usages=x509.CLIENT, now=NOW), NOW, False),
    "for servers only": (lambda ca, other: ca.issue("x", usages=x509.SERVER, now=NOW), NOW, False),
    "expired": (lambda ca, other: ca.issue("x", usages=x509.CLIENT, now=NOW), NOW + timedelta(days=366), False),
    "not yet valid": (lambda ca, other: ca.issue("x", usages=x509.CLIENT, now=NOW), NOW - timedelta(days=1), False),
}


@pytest.mark.parametrize("case", VERIFY)
def test_verify_client(case: str) -> None:
    make, now, expected = VERIFY[case]
    start = NOW - timedelta(days=400)
    ca = x509.CertificateAuthority.create("a", now=start)
    other = x509.CertificateAuthority.create("a", now=start)
    assert x509.verify_client(der(make(ca, other).certificate_pem), ca.certificate_pem, now) is expected


BAD = {
    "certificate": lambda: x509.load_certificate(b"nonsense"),
    "key": lambda: x509.load_key(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
    "request": lambda: x509.SigningRequest(b""),
    "pair": lambda: x509.KeyPair(x509.CertificateAuthority.create("a").certificate_pem, x509.key_pem(x509.new_key())),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_kind_of_error(case: str) -> None:
    with pytest.raises(x509.CertificateError):
        BAD[case]()


def test_the_fingerprint_is_the_one_openssl_computes(tmp_path, ca: x509.CertificateAuthority) -> None:
    import subprocess

    (tmp_path / "ca.crt").write_bytes(ca.certificate_pem)
    command = (
        f"openssl x509 -pubkey -in {tmp_path}/ca.crt | openssl pkey -pubin -outform der | openssl dgst -sha256 -hex"
    )
    output = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout
    assert x509.public_key_fingerprint(ca.certificate) == "sha256:" + output.split()[-1]


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch) -> None:
    path = tmp_path / "key"
    x509.write_file(path, b"old", mode=0o600)

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        x509.write_file(path, b"new", mode=0o600)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["key"]
