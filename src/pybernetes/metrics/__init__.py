"""The metrics server: what nodes, pods and containers use now (metrics.k8s.io), for `kubectl top` and autoscalers.

    kubelets' /metrics/resource ──▶ collector ──▶ two points each ──▶ usage ──▶ /apis/metrics.k8s.io/v1beta1
         (exposition.py)         (collector.py)     (points.py)               (endpoints.py, behind the aggregator)

It is an extension API server as upstream's add-on is: registered by an APIService, reached through the aggregator,
believing the front proxy's certificate, and asking the API server who may read what (`access.py`). Nothing is stored:
a restart forgets, and knows again after two looks.

Two ideas carry it. A rate needs two points, so exactly two are kept for each container and node, and what lies between
them is the window (`points.py`, pure; read this first). And a look costs the same whether anybody is interested or not,
so it looks often only while somebody asks (`collector.py`).

`server.py` puts it together. It stands on the API server's own parts (discovery, OpenAPI, representations), which is
why it may import `apiserver`; `cluster` starts it.
"""

from .server import MetricsConfig, MetricsServer

__all__ = ["MetricsConfig", "MetricsServer"]
