"""The steps of a start by the names of upstream's post-start hooks, for `/healthz`, `/livez` and `/readyz`.

Probes, dashboards and the e2e suite look for single ones of them. Here a start is one sequence, after which all of them
are done; those of parts that are switched off are not there, as upstream.
"""

from collections.abc import Iterator

from .config import ApiServerConfig

_FAIRNESS, _BOOTSTRAP, _LEASE, _AGGREGATION = "fairness", "bootstrap", "lease", "aggregation"
_COMPLETION = "autoregister-completion"
"""A check that is no hook."""
_STEPS = (
    ("", "start-apiserver-admission-initializer generic-apiserver-start-informers"),
    (_FAIRNESS, "priority-and-fairness-config-consumer priority-and-fairness-filter"),
    ("", "storage-object-count-tracker-hook start-apiextensions-informers start-apiextensions-controllers"),
    ("", "crd-informer-synced"),
    (_BOOTSTRAP, "start-system-namespaces-controller"),
    ("", "start-cluster-authentication-info-controller"),
    (_LEASE, "start-kube-apiserver-identity-lease-controller"),
    (_LEASE, "start-kube-apiserver-identity-lease-garbage-collector"),
    ("", "start-service-ip-repair-controllers"),
    (_BOOTSTRAP, "rbac/bootstrap-roles scheduling/bootstrap-system-priority-classes"),
    (_FAIRNESS, "priority-and-fairness-config-producer"),
    (_BOOTSTRAP, "bootstrap-controller start-kubernetes-service-cidr-controller"),
    (_AGGREGATION, "aggregator-reload-proxy-client-cert start-kube-aggregator-informers"),
    (_AGGREGATION, "apiservice-status-local-available-controller apiservice-status-remote-available-controller"),
    (_AGGREGATION, "apiservice-registration-controller apiservice-discovery-controller"),
    (_AGGREGATION, f"kube-apiserver-autoregistration {_COMPLETION}"),
    (_AGGREGATION, "apiservice-openapi-controller apiservice-openapiv3-controller"),
)
"""(the part that they belong to, names), in upstream's order."""


def start_hooks(config: ApiServerConfig, *, identity_lease: bool) -> Iterator[str]:
    """The names of the checks, in upstream's order."""
    parts = {
        "": True,
        _FAIRNESS: config.priority_and_fairness,
        _BOOTSTRAP: config.bootstrap,
        _LEASE: identity_lease,
        _AGGREGATION: config.aggregation,
    }
    for part, names in _STEPS:
        if parts[part]:
            yield from (name if name == _COMPLETION else f"poststarthook/{name}" for name in names.split())
