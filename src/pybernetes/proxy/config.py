"""How one node's service proxy runs."""

import msgspec

MIN_INTERVAL_SECONDS = 0.02
"""Changes that follow each other faster than that reach the kernel together."""


class ProxyConfig(msgspec.Struct, frozen=True, kw_only=True):
    """`pod_cidr` is the cluster's: its traffic keeps its source address. `service_cidr` "" = unknown: what goes to
    addresses that no service has is left alone. Both are one range, or one of each family with a comma between: these
    families are served. `table` is the name of the tables. Ports 0 = no listener."""

    node_name: str
    pod_cidr: str = "10.244.0.0/16"
    service_cidr: str = ""
    table: str = "pybernetes"
    health_host: str = "0.0.0.0"
    health_port: int = 10256
    metrics_host: str = "127.0.0.1"
    metrics_port: int = 10249
