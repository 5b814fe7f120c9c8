"""Pods tolerate for five minutes that their node is not ready or out of reach, unless they say otherwise."""

from typing import Any

import pytest

from pybernetes.api.resource import resource
from pybernetes.api.user import ANONYMOUS
from pybernetes.apiserver.admission.default_toleration_seconds import DefaultTolerationSeconds
from pybernetes.apiserver.admission.plugin import AdmissionRequest

NOT_READY, UNREACHABLE = "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"
ALL: list[dict[str, Any]] = [
    {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
    for key in (NOT_READY, UNREACHABLE)
]


@pytest.mark.parametrize(
    ("tolerations", "added"),
    [
        (None, ALL),
        ([], ALL),
        ([{"key": "other", "operator": "Exists", "effect": "NoExecute"}], ALL),
        ([{"key": NOT_READY, "effect": "NoSchedule"}], ALL),
        ([{"operator": "Exists", "effect": "NoSchedule"}], ALL),
        ([{"key": NOT_READY, "effect": "NoExecute", "tolerationSeconds": 5}], ALL[1:]),
        ([{"key": UNREACHABLE}, {"key": UNREACHABLE, "effect": ""}], ALL[:1]),
        ([{"key": UNREACHABLE}, {"key": NOT_READY, "effect": "NoExecute"}], []),
        ([{"operator": "Exists"}], []),
        ([{"key": NOT_READY}, {"operator": "Exists", "effect": "NoExecute"}], []),
    ],
)
async def test_what_is_not_tolerated_is_added(tolerations: Any, added: list[dict[str, Any]]) -> None:
    spec = {"tolerations": tolerations} if tolerations is not None else {}
    obj: dict[str, Any] = {"metadata": {"name": "p"}, "spec": spec}
    request = AdmissionRequest(operation="CREATE", resource=resource("pods"), object=obj, user=ANONYMOUS)
    plugin = DefaultTolerationSeconds()
    await plugin.admit(request)
    assert (obj["spec"].get("tolerations") or []) == [*(tolerations or []), *added]
    await plugin.admit(request)
    assert (obj["spec"].get("tolerations") or []) == [*(tolerations or []), *added]
