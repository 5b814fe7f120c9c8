"""Ways to say who one is and what to talk to: users and clusters of a kubeconfig, flags, plugins and files, by name.

`URL` and `HOST` in a word or an entry are the server's address with and without its scheme. A scenario's user gives its
credentials to a server of https unless `plain`; `asks` words are typed after `kubectl`.
"""

import json
from binascii import b2a_base64
from dataclasses import dataclass, field
from typing import Any

from tests.kubectl.test_certificates_against_stock import Signer

V1, V1BETA1 = "client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"
LOGGING = '#!/bin/sh\nprintf "%s|%s|%s\\n" "$KUBERNETES_EXEC_INFO" "$*" "$FOO" >>calls\n'
"""A plugin that writes down how it was called."""
RAW = "get --raw /x"


@dataclass
class Scenario:
    """One command line in its surroundings."""

    user: dict[str, Any] | None
    asks: str = RAW
    cluster: dict[str, Any] = field(default_factory=dict)
    """Fields of the cluster beside its address and authority; None takes one away."""
    files: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    plugin: str = ""
    """What the script `plugin` does."""
    plain: bool = False
    given: str = ""
    namespace: str = ""


def base64(text: str) -> str:
    return b2a_base64(text.encode(), newline=False).decode()


def plugin(**settings: Any) -> dict[str, Any]:
    """A user with a plugin; settings of None are left out."""
    whole = {"apiVersion": V1, "command": "./plugin", "interactiveMode": "Never", **settings}
    return {"exec": {key: value for key, value in whole.items() if value is not None}}


def prints(version: str = V1, **status: Any) -> str:
    """A plugin that gives such a credential."""
    text = json.dumps({"kind": "ExecCredential", "apiVersion": version, "status": status})
    return f"{LOGGING}printf '%s\\n' '{text}'\n"


def scenarios(known: Signer) -> dict[str, Scenario]:
    """All of them. `known` is the authority of the server and of its clients."""
    pem, other = known.server((), 0), Signer("other").server((), 0)
    certificate, _, key = pem.partition("-----BEGIN PRIVATE")
    key = f"-----BEGIN PRIVATE{key}"
    other_key = "-----BEGIN PRIVATE" + other.partition("-----BEGIN PRIVATE")[2]
    return _plain_ways(pem, other) | _impersonating() | _clusters(known) | _plugins(certificate, key, other_key, other)


def _plain_ways(pem: str, other: str) -> dict[str, Scenario]:
    pair = {"client-certificate-data": base64(pem), "client-key-data": base64(pem)}
    files, paths = {"c.pem": pem}, "--client-certificate=c.pem --client-key=c.pem"
    return {
        "token": Scenario({"token": "t"}),
        "token of a flag": Scenario({"token": "t"}, f"{RAW} --token=u"),
        "token to a plain server": Scenario({"token": "t"}, plain=True),
        "token of a flag to a plain server": Scenario({}, f"{RAW} --token=t", plain=True),
        "password to a plain server": Scenario({"username": "a", "password": "b"}, plain=True),
        "as someone at a plain server": Scenario({"as": "a"}, plain=True),
        "plugin at a plain server": Scenario(plugin(), plugin=prints(token="t"), plain=True),
        "password": Scenario({"username": "a", "password": "b"}),
        "name alone": Scenario({"username": "a"}),
        "password alone": Scenario({"password": "b"}),
        "password of flags": Scenario({}, f"{RAW} --username=a --password=b"),
        "name of a flag over a token": Scenario({"token": "t"}, f"{RAW} --username=a"),
        "token of a flag over a password": Scenario({"username": "a", "password": "b"}, f"{RAW} --token=x"),
        "token file": Scenario({"tokenFile": "tf"}, files={"tf": "from-file\n"}),
        "token file with blanks": Scenario({"tokenFile": "tf"}, files={"tf": "  from file \n\n"}),
        "empty token file": Scenario({"tokenFile": "tf"}, files={"tf": ""}, given="u\np\n"),
        "token and its file": Scenario({"tokenFile": "tf", "token": "t"}, files={"tf": "from-file"}),
        "token of a flag and a file": Scenario({"tokenFile": "tf"}, f"{RAW} --token=z", files={"tf": "from-file"}),
        "token and a file that is not there": Scenario({"tokenFile": "tf", "token": "t"}),
        "unknown token": Scenario({"token": "bad"}),
        "certificate as data": Scenario(pair),
        "certificate of files": Scenario({"client-certificate": "c.pem", "client-key": "c.pem"}, files=files),
        "certificate of flags": Scenario({}, f"{RAW} {paths}", files=files),
        "certificate of a flag without a key": Scenario({}, f"{RAW} --client-certificate=c.pem", files=files),
        "key of a flag without a certificate": Scenario({"token": "t"}, f"{RAW} --client-key=c.pem", files=files),
        "key of another": Scenario({**pair, "client-key-data": base64(other)}),
        "key in the place of a certificate": Scenario(
            {**pair, "client-certificate-data": base64(pem.partition("END CERTIFICATE-----")[2])}
        ),
        "no key in the key": Scenario({**pair, "client-key-data": base64(pem.partition("-----BEGIN P")[0])}),
        "certificate and token": Scenario({**pair, "token": "t"}),
        "nobody": Scenario({}, given="u\np\n"),
        "nobody and no answer": Scenario({}),
        "another user": Scenario({"token": "t"}, f"{RAW} --user=second"),
        "no such user": Scenario({"token": "t"}, f"{RAW} --user=nope"),
    }  # fmt: skip


def _impersonating() -> dict[str, Scenario]:
    jane = {"token": "t", "as": "jane", "as-groups": ["g1"], "as-uid": "7"}
    return {
        "as someone": Scenario(
            {"token": "t", "as": "jane", "as-uid": "7", "as-groups": ["g1", "g2"],
             "as-user-extra": {"Scope/x": ["a", "b"], "r%s": ["c"]}}
        ),
        "groups of nobody": Scenario({"token": "t", "as-groups": ["g1"]}),
        "uid of nobody": Scenario({"token": "t", "as-uid": "g1"}),
        "more about nobody": Scenario({"token": "t", "as-user-extra": {"a": ["b"]}}),
        "as another": Scenario(jane, f"{RAW} --as=joe"),
        "other groups": Scenario(jane, f"{RAW} --as-group=g9 --as-group=g8"),
        "another uid": Scenario(jane, f"{RAW} --as-uid=9"),
        "group of a flag of nobody": Scenario({"token": "t"}, f"{RAW} --as-group=g9"),
        "uid of a flag of nobody": Scenario({"token": "t"}, f"{RAW} --as-uid=g9"),
        "as a service account": Scenario({"token": "t"}, f"{RAW} --as=system:serviceaccount:a:b"),
        "group with a comma": Scenario({"token": "t"}, f"{RAW} --as=a --as-group=b,c"),
    }  # fmt: skip


def _clusters(known: Signer) -> dict[str, Scenario]:
    def at(asks: str = RAW, files: dict[str, str] | None = None, **cluster: Any) -> Scenario:
        fields = {key.replace("_", "-"): value for key, value in cluster.items()}
        return Scenario({"token": "t"}, asks, fields, files or {})

    ca = {"ca.pem": known.pem}
    blind: dict[str, Any] = {"insecure_skip_tls_verify": True, "certificate_authority_data": None}
    return {
        "authority of another": at(certificate_authority_data=base64(Signer("another").pem)),
        "blind trust by a flag": at(f"{RAW} --insecure-skip-tls-verify"),
        "blind trust and an authority": at(
            f"{RAW} --insecure-skip-tls-verify --certificate-authority=ca.pem", ca
        ),
        "blind trust with an authority": at(insecure_skip_tls_verify=True),
        "blind trust": at(**blind),
        "blind trust, but for an authority": at(f"{RAW} --certificate-authority=ca.pem", ca, **blind),
        "blind trust that a flag does not take away": at(f"{RAW} --insecure-skip-tls-verify=false", **blind),
        "authority of a flag": at(f"{RAW} --certificate-authority=ca.pem", ca, certificate_authority_data=None),
        "authority of a flag that is not there": at(f"{RAW} --certificate-authority=nope.pem"),
        "authority of a file": at(files=ca, certificate_authority_data=None, certificate_authority="ca.pem"),
        "empty authority": at(
            files={"ca.pem": ""}, certificate_authority_data=None, certificate_authority="ca.pem"
        ),
        "authority that is none": at(
            files={"ca.pem": "x"}, certificate_authority_data=None, certificate_authority="ca.pem"
        ),
        "name": at(tls_server_name="named.example"),
        "wrong name": at(tls_server_name="other.example"),
        "name of a flag": at(f"{RAW} --tls-server-name=named.example"),
        "server of a flag without its name": at(f"{RAW} --server=URL", tls_server_name="named.example"),
        "server and name of flags": at(f"{RAW} --server=URL --tls-server-name=named.example", tls_server_name="x"),
        "path of a server and of a request": at(server="URL/some/path"),
        "path of a server": at("api-versions", server="URL/some/path/"),
        "path with a query": at("api-versions", server="URL/some/path?a=b#c"),
        "no scheme": at(server="HOST"),
        "no server": at(server=""),
        "scheme in capitals": at(server="UPPER"),
        "no such context": at(f"{RAW} --context=nope"),
        "no such context for a namespace": at("get pods --context=nope"),
        "no such context, with a namespace": at("get pods --context=nope -n a"),
        "no such cluster": at(f"{RAW} --cluster=nope"),
        "no such cluster for a namespace": at("get pods --cluster=nope"),
        "no such cluster, but a server": at("delete pod x --cluster=nope --server=URL"),
        "nothing of what flags name": at("get pods --context=nope --cluster=nope --user=nope"),
        "bad time-out": at(f"{RAW} --request-timeout=soon"),
        "negative time-out": at(f"{RAW} --request-timeout=-1"),
        "time-out of an unknown unit": at(f"{RAW} --request-timeout=1x"),
        "time-out": at(f"{RAW} --request-timeout=1m"),
        "no kubeconfig": Scenario(None, variables={"KUBERNETES_MASTER": "http://127.0.0.1:1"}),
        "no kubeconfig but a server": Scenario(
            None, f"{RAW} -s http://127.0.0.1:2", variables={"KUBERNETES_MASTER": "http://127.0.0.1:1"}
        ),
        "not in a pod": Scenario(
            None, variables={"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "1"}
        ),
    }  # fmt: skip


def _plugins(certificate: str, key: str, other_key: str, other: str) -> dict[str, Scenario]:
    found = {}
    for version in (V1, V1BETA1):
        short = version.rpartition("/")[2]
        cluster = {
            "tls-server-name": "named.example",
            "disable-compression": True,
            "extensions": [{"name": "client.authentication.k8s.io/exec", "extension": {"audience": "x", "z": [1, 2]}}],
        }
        told = plugin(
            apiVersion=version, provideClusterInfo=True, args=["a", "b c"], env=[{"name": "FOO", "value": "b"}]
        )
        found[f"plugin of {short}"] = Scenario(plugin(apiVersion=version), plugin=prints(version, token="t"))
        found[f"plugin of {short} that knows the cluster"] = Scenario(
            told, cluster=cluster, plugin=prints(version, token="t")
        )
    ok = prints(token="t")
    told = plugin(provideClusterInfo=True)
    blind = {"insecure-skip-tls-verify": True, "certificate-authority-data": None}
    env = [{"name": "FOO", "value": "bar"}, {"name": "FOO", "value": "baz"}]
    simple: dict[str, tuple[dict[str, Any], str]] = {
        "plugin that knows the path": (told, ok),
        "plugin with a variable twice": (plugin(env=env), ok),
        "plugin of no mode": (plugin(apiVersion=V1BETA1, interactiveMode=None), prints(V1BETA1, token="t")),
        "plugin that could be interactive": (plugin(interactiveMode="IfAvailable"), ok),
        "plugin that must be interactive": (plugin(interactiveMode="Always"), ok),
        "plugin of another version": (plugin(), prints(V1BETA1, token="t")),
        "plugin of a token that is not known": (plugin(), prints(token="bad")),
        "plugin whose token has a time": (plugin(), prints(token="t", expirationTimestamp="2090-01-01T00:00:00Z")),
        "plugin whose token has no time": (plugin(), prints(token="t", expirationTimestamp="soon")),
        "plugin whose token has a wrong time": (plugin(), prints(token="t", expirationTimestamp=5)),
        "plugin of a certificate": (plugin(), prints(clientCertificateData=certificate, clientKeyData=key)),
        "plugin of a certificate and a token": (
            plugin(), prints(token="t", clientCertificateData=certificate, clientKeyData=key)
        ),
        "plugin of another's key": (plugin(), prints(clientCertificateData=certificate, clientKeyData=other_key)),
        "plugin beside a token": ({**plugin(), "token": "mine"}, ok),
        "plugin beside a password": ({**plugin(), "username": "u", "password": "p"}, ok),
        "plugin beside a provider": ({**plugin(), "auth-provider": {"name": "oidc"}}, ok),
        "plugin with a nameless variable": (plugin(env=[{"name": "", "value": "v"}]), ok),
        "plugin of a number": (plugin(), prints(token=5)),
        "plugin of no kind": (plugin(), f"""{LOGGING}echo '{{"apiVersion":"{V1}","status":{{"token":"t"}}}}'"""),
        "plugin of no version": (plugin(), f"""{LOGGING}echo '{{"kind":"ExecCredential","status":{{"token":"t"}}}}'"""),
        "plugin that says it twice": (plugin(), ok + ok.removeprefix(LOGGING)),
        "plugin of YAML": (
            plugin(), f"{LOGGING}printf 'kind: ExecCredential\\napiVersion: {V1}\\nstatus: {{token: t}}\\n'"
        ),
        "plugin of bad YAML": (plugin(), f"{LOGGING}printf 'kind: [x\\n'"),
        "plugin of an alpha version": (plugin(apiVersion="client.authentication.k8s.io/v1alpha1"), ok),
        "plugin with a loud hint": (plugin(command="nosuch", installHint="a\x1b[31mred\nline"), ok),
    }  # fmt: skip
    found |= {name: Scenario(user, plugin=script) for name, (user, script) in simple.items()}
    pair = {"client-certificate-data": base64(other), "client-key-data": base64(other)}
    return found | {
        "plugin beside a certificate": Scenario(
            {**plugin(), **pair}, cluster={"server": "https://127.0.0.1:1"}, plugin=ok
        ),
        "plugin and a token of a flag": Scenario(plugin(), f"{RAW} --token=flag", plugin=ok),
        "plugin beside a token file": Scenario({**plugin(), "tokenFile": "tf"}, files={"tf": "file"}, plugin=ok),
        "plugin that knows a proxy": Scenario(told, cluster={"proxy-url": "http://127.0.0.1:1"}, plugin=ok),
        "plugin that knows blind trust": Scenario(told, cluster=blind, plugin=ok),
        "plugin that reads": Scenario(
            plugin(interactiveMode="IfAvailable"),
            plugin=f"{LOGGING}read x; echo got $x >>calls\n{ok.removeprefix(LOGGING)}", given="line\n",
        ),
        "plugin beside its kubeconfig": Scenario(
            plugin(), f"--kubeconfig=sub/kubeconfig {RAW}", files={"sub/kubeconfig": "", "sub/plugin": ok}
        ),
        "plugin that cannot be run": Scenario(plugin(command="./no-program"), files={"no-program": "x"}),
        "plugin that is a directory": Scenario(plugin(command="./sub"), files={"sub/x": "x"}),
    }  # fmt: skip
