"""A server that knows neither client (401), or knows it and allows nothing (403): the same words from both."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.kubectl.differential import Pair

OBJECT = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"
LINES = """\
get pods
get pods x
get nosuch
get --raw /api
apply -f cm.yaml
apply -f cm.yaml --validate=false
apply -f cm.yaml --dry-run=server
create -f cm.yaml
replace -f cm.yaml
delete -f cm.yaml
delete pods x
diff -f cm.yaml
create configmap y
create namespace y
create role y --verb=get --resource=pods
create rolebinding y --role=a --user=b
create clusterrolebinding y --clusterrole=a --user=b
create ingress y --rule=a/b=c:80
create service clusterip y --tcp=80
create deployment y --image=y
create token y
run y --image=y
api-resources
api-versions
auth whoami
auth can-i get pods
auth can-i --list
cluster-info
describe pods
explain pods
events
logs x
cp x:/a b
exec x -- ls
top pods
label pods x a=b
scale deploy x --replicas=1
rollout status deploy/x
wait --for=delete pod/x
cordon x
"""
USERS: dict[str, dict[str, Any]] = {
    "unknown": {"token": "bad"},
    "forbidden": {"as": "system:anonymous", "as-groups": ["system:unauthenticated"]},
}


@pytest.mark.parametrize("who", USERS)
def test_both_clients_say_the_same(pair: Pair, tmp_path: Path, who: str) -> None:
    configs = {}
    for side in ("stock", "ours"):
        home = tmp_path / who / side
        home.mkdir(parents=True)
        document = yaml.safe_load(pair.kubeconfig.read_text())
        for entry in document["users"]:
            entry["user"] = USERS[who] if "token" in USERS[who] else {**entry["user"], **USERS[who]}
        configs[side] = home / "kubeconfig"
        configs[side].write_text(json.dumps(document))
        (home / "cm.yaml").write_text(OBJECT)
    refused = Pair(pair.stock, pair.kubeconfig, tmp_path)
    differences = refused.compared(LINES.splitlines(), configs)
    assert not differences, "\n\n".join(map(str, differences))
