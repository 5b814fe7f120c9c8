"""API aggregation: groups of the API that other servers answer (APIService, apiregistration.k8s.io).

`service_resolver.py` finds the address behind a Service reference; webhooks use it too.
"""
