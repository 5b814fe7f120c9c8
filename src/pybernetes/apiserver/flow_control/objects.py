"""The FlowSchemas and PriorityLevelConfigurations that every cluster has: mandatory and suggested ones."""

from functools import cache
from typing import Any

from ...api.resource import load_data, resource

Object = dict[str, Any]

GROUP = "flowcontrol.apiserver.k8s.io"
AUTO_UPDATE = "apf.kubernetes.io/autoupdate-spec"
SCHEMAS = resource("flowschemas", GROUP)
LEVELS = resource("prioritylevelconfigurations", GROUP)
MANDATORY = frozenset({"exempt", "catch-all"})


@cache
def built_in() -> tuple[dict[str, Object], dict[str, Object]]:
    """(FlowSchemas, PriorityLevelConfigurations) by name, as they are written."""
    data = load_data("wellknown")["flowcontrol"]
    schemas: dict[str, Object] = {}
    levels: dict[str, Object] = {}
    for part in ("mandatory", "suggested"):
        for row in data[part]["flowSchemas"]:
            schemas[row["name"]] = _object("FlowSchema", row)
        for row in data[part]["priorityLevels"]:
            levels[row["name"]] = _object("PriorityLevelConfiguration", row)
    return schemas, levels


def _object(kind: str, row: Object) -> Object:
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": kind,
        "metadata": {"name": row["name"], "annotations": {AUTO_UPDATE: "true"}},
        "spec": {key: value for key, value in row.items() if key != "name"},
    }
