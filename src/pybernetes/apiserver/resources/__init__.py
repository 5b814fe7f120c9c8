"""What the server does with the objects of one resource, between the decoded request and the stored bytes.

`generic.py` (`GenericResource`) holds the one path all kinds take: create, update; `deleting.py` deletion with grace,
finalizers and preconditions. Where a kind deviates it says so in a `Strategy` (`strategy.py`); `STRATEGIES` names the
module of each. Subresources with a kind of their own are `scale.py`, `binding.py`, `eviction.py`.
"""

STRATEGIES: dict[str, str] = {
    "namespaces": "namespace:NamespaceStrategy",
    "pods": "pod:PodStrategy",
    "nodes": "node:NodeStrategy",
    "services": "service:ServiceStrategy",
    "events": "event:EventStrategy",
    "persistentvolumes": "persistent_volume:PersistentVolumeStrategy",
    "persistentvolumeclaims": "persistent_volume:PersistentVolumeClaimStrategy",
    "apiservices.apiregistration.k8s.io": "api_service:ApiServiceStrategy",
    "jobs.batch": "job:JobStrategy",
    "customresourcedefinitions.apiextensions.k8s.io": "custom_resource_definition:CustomResourceDefinitionStrategy",
    "certificatesigningrequests.certificates.k8s.io": ("certificate_signing_request:CertificateSigningRequestStrategy"),
}
"""group resource -> `module:Class` inside this package, imported when the resource is first declared."""
