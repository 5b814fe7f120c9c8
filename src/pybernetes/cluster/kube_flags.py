"""The flags of upstream's `kube-apiserver` that `pybernetes apiserver` understands, so that harnesses which start one
(envtest and its likes) and unit files of other installations work unchanged.

`FLAGS` is data: the command line is built from it and `docs/apiserver-flags.md` is checked against it. What a flag
becomes is decided in `commands/kube_apiserver.py`. Names and meanings: kubernetes.io/docs/reference/
command-line-tools-reference/kube-apiserver.
"""

STRING, LIST, INTEGER, BOOLEAN, DURATION = "string", "list", "integer", "boolean", "duration"
MAP, PAIR = "map", "pair"
"""LIST: comma-separated and repeatable. MAP: `a=1,b=2`, repeatable. PAIR: `a=1`, repeatable, commas are the value's.
DURATION: Go's notation, such as 1m30s."""

FLAGS: dict[str, tuple[str, str]] = {
    "admission-control-config-file": (STRING, "an AdmissionConfiguration: settings of single plugins"),
    "advertise-address": (STRING, "the address under which the `kubernetes` service leads here"),
    "anonymous-auth": (BOOLEAN, "whether requests without credentials are system:anonymous (true)"),
    "api-audiences": (LIST, "what tokens must be made for (the issuer)"),
    "audit-log-maxage": (INTEGER, "days that rotated audit logs are kept (0: for ever)"),
    "audit-log-maxbackup": (INTEGER, "rotated audit logs that are kept (0: all)"),
    "audit-log-maxsize": (INTEGER, "an audit log of so many MiB is rotated (100)"),
    "audit-log-path": (STRING, "requests are recorded here; - is the standard output"),
    "audit-policy-file": (STRING, "an audit Policy: what is recorded, and how much of it"),
    "audit-webhook-config-file": (STRING, "a kubeconfig of the server that gets the records"),
    "authentication-config": (STRING, "an AuthenticationConfiguration: JWT issuers, anonymous requests"),
    "authentication-token-webhook-cache-ttl": (DURATION, "answers of the token webhook are kept so long (2m0s)"),
    "authentication-token-webhook-config-file": (STRING, "a kubeconfig of the server that reviews tokens"),
    "authorization-config": (STRING, "an AuthorizationConfiguration; instead of --authorization-mode"),
    "authorization-mode": (LIST, "AlwaysAllow, AlwaysDeny, ABAC, Webhook, RBAC, Node, in order (AlwaysAllow)"),
    "authorization-policy-file": (STRING, "policies, one a line, for the mode ABAC"),
    "authorization-webhook-cache-authorized-ttl": (DURATION, "permissions of the webhook are kept so long (5m0s)"),
    "authorization-webhook-cache-unauthorized-ttl": (DURATION, "its refusals (30s)"),
    "authorization-webhook-config-file": (STRING, "a kubeconfig of the server that decides, for the mode Webhook"),
    "bind-address": (STRING, "listen on this address (0.0.0.0)"),
    "cert-dir": (STRING, "holds apiserver.crt and apiserver.key, which are made when absent"),
    "client-ca-file": (STRING, "client certificates must chain to it"),
    "disable-admission-plugins": (LIST, "plugins that are on by default and shall be off"),
    "enable-admission-plugins": (LIST, "plugins that are off by default and shall be on"),
    "enable-bootstrap-token-auth": (BOOLEAN, "accept bootstrap tokens (false)"),
    "enable-priority-and-fairness": (BOOLEAN, "share the server's time by FlowSchemas (true)"),
    "encryption-provider-config": (STRING, "an EncryptionConfiguration: what is encrypted in the store"),
    "encryption-provider-config-automatic-reload": (BOOLEAN, "take up changes of that file while running (false)"),
    "etcd-cafile": (STRING, "etcd's certificates must chain to it"),
    "etcd-certfile": (STRING, "our client certificate for etcd"),
    "etcd-keyfile": (STRING, "its key"),
    "etcd-servers": (LIST, "URLs of the etcd members"),
    "feature-gates": (MAP, "features by name, such as A=true,B=false"),
    "kubelet-certificate-authority": (STRING, "kubelets' certificates must chain to it"),
    "kubelet-client-certificate": (STRING, "our client certificate for kubelets"),
    "kubelet-client-key": (STRING, "its key"),
    "max-mutating-requests-inflight": (INTEGER, "writes at a time (200)"),
    "max-requests-inflight": (INTEGER, "reads at a time (400)"),
    "oidc-ca-file": (STRING, "the issuer's certificate must chain to it (what this machine trusts)"),
    "oidc-client-id": (STRING, "the audience that tokens of the issuer must be made for"),
    "oidc-groups-claim": (STRING, "the claim that holds the groups (none)"),
    "oidc-groups-prefix": (STRING, "is put before each of these groups"),
    "oidc-issuer-url": (STRING, "an OpenID Connect issuer whose tokens are believed"),
    "oidc-required-claim": (PAIR, "CLAIM=VALUE that tokens must have; repeat it for more"),
    "oidc-signing-algs": (LIST, "signature algorithms that are believed (RS256)"),
    "oidc-username-claim": (STRING, "the claim that holds the user's name (sub)"),
    "oidc-username-prefix": (STRING, "is put before the name; - for nothing (the issuer's URL and #, but for email)"),
    "proxy-client-cert-file": (STRING, "what we show extension API servers"),
    "proxy-client-key-file": (STRING, "its key"),
    "request-timeout": (DURATION, "the longest a request may take (1m0s)"),
    "requestheader-allowed-names": (LIST, "common names that a front proxy's certificate may have (any)"),
    "requestheader-client-ca-file": (STRING, "a front proxy's certificate must chain to it"),
    "runtime-config": (MAP, "versions and resources, such as api/beta=true or batch/v1=false"),
    "secure-port": (INTEGER, "listen on this port (6443)"),
    "service-account-issuer": (LIST, "who signs service-account tokens; the first signs new ones"),
    "service-account-key-file": (LIST, "keys that verify service-account tokens"),
    "service-account-signing-key-file": (STRING, "the key that signs them"),
    "service-cluster-ip-range": (STRING, "addresses of services (10.0.0.0/24)"),
    "service-node-port-range": (STRING, "node ports (30000-32767)"),
    "shutdown-delay-duration": (DURATION, "serve on for so long after readyz has failed (0s)"),
    "tls-cert-file": (STRING, "our serving certificate, with its chain"),
    "tls-private-key-file": (STRING, "its key"),
    "token-auth-file": (STRING, "static tokens: token,user,uid,\"group1,group2\""),
}  # fmt: skip

ACCEPTED: dict[str, str] = {
    "allow-privileged": "privileged containers are a matter of PodSecurity",
    "enable-aggregator-routing": "services are always reached through their endpoints",
    "endpoint-reconciler-type": "always by lease",
    "etcd-count-metric-poll-period": "nothing is polled",
    "profiling": "there is no profiler endpoint",
    "storage-backend": "always etcd3",
    "storage-media-type": "always JSON",
    "v": "see --log-level",
    "vmodule": "see --log-level",
    "watch-cache": "always on",
}
"""Flags that change nothing here, and why: accepted, so that a unit file works unchanged."""
