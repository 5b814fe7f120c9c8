"""How should an object be held: as bytes, as a dict, or as a Struct, and which kind of Struct?

    .venv/bin/python bench/representation.py [--rounds 7] [--objects 2000]

One 5 KB pod as a kubelet reports it. Every figure is the best of the rounds (a shared machine only ever adds time);
memory is what tracemalloc counts for the given number of decoded objects.

Cases: `bytes` (as stored), `dict`, `struct` (the generated classes: absent is None, gc off), `struct, gc` (the same,
seen by the garbage collector), `struct, no omit` (written with all its nulls).
"""

import argparse
import gc
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from functools import cache
from typing import Any, get_type_hints

import msgspec

from pybernetes.api.codec import decode, encode, from_wire, to_wire
from pybernetes.api.core import Pod
from pybernetes.api.defaulting import apply_defaults
from pybernetes.api.patch import STRATEGIC_MERGE_PATCH, apply_patch
from pybernetes.api.schema import load, schema_for


def _container(number: int) -> dict[str, Any]:
    def probe(path: str) -> dict[str, Any]:
        return {"httpGet": {"path": path, "port": 8080}, "periodSeconds": 10}

    return {
        "name": f"app-{number}",
        "image": "registry.local/team/app:1.2.3",
        "command": ["/bin/app", "--port=8080"],
        "ports": [{"name": "http", "containerPort": 8080}],
        "env": [
            {"name": "MODE", "value": "production"},
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "app", "key": "token"}}},
        ],
        "resources": {"limits": {"cpu": "500m", "memory": "256Mi"}, "requests": {"cpu": "250m", "memory": "128Mi"}},
        "volumeMounts": [
            {"name": "data", "mountPath": "/data"},
            {"name": "access", "readOnly": True, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"},
        ],
        "livenessProbe": probe("/healthz"),
        "readinessProbe": probe("/ready"),
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }


def _status(number: int) -> dict[str, Any]:
    return {
        "name": f"app-{number}",
        "state": {"running": {"startedAt": "2026-11-23T10:00:01Z"}},
        "ready": True,
        "restartCount": 0,
        "image": "registry.local/team/app:1.2.3",
        "imageID": "sha256:" + "a" * 64,
        "containerID": "containerd://" + "b" * 64,
        "started": True,
    }


def sample() -> dict[str, Any]:
    """A running pod of two containers, checked and defaulted."""
    conditions = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    toleration = {"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
    sources = [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
    ]
    pod: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "web-6d4cf56db6-abcde",
            "generateName": "web-6d4cf56db6-",
            "namespace": "default",
            "uid": "d8f4f3d2-4b7e-4a58-9d0e-0d2f4cb2b6a1",
            "resourceVersion": "12345",
            "creationTimestamp": "2026-11-23T10:00:00Z",
            "labels": {"app": "web", "pod-template-hash": "6d4cf56db6"},
            "annotations": {"example.com/note": "n" * 100},
            "ownerReferences": [
                {
                    "apiVersion": "apps/v1",
                    "kind": "ReplicaSet",
                    "name": "web-6d4cf56db6",
                    "uid": "aaaaaaaa-4b7e-4a58-9d0e-0d2f4cb2b6a1",
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": {
            "volumes": [{"name": "data"}, {"name": "access", "projected": {"sources": sources}}],
            "containers": [_container(0), _container(1)],
            "serviceAccountName": "default",
            "nodeName": "node-1",
            "tolerations": [
                {"key": "node.kubernetes.io/not-ready", **toleration},
                {"key": "node.kubernetes.io/unreachable", **toleration},
            ],
            "priority": 0,
            "preemptionPolicy": "PreemptLowerPriority",
        },
        "status": {
            "phase": "Running",
            "conditions": [
                {"type": name, "status": "True", "lastTransitionTime": "2026-11-23T10:00:02Z"} for name in conditions
            ],
            "hostIP": "10.0.0.1",
            "hostIPs": [{"ip": "10.0.0.1"}],
            "podIP": "10.244.0.5",
            "podIPs": [{"ip": "10.244.0.5"}],
            "startTime": "2026-11-23T10:00:00Z",
            "containerStatuses": [_status(0), _status(1)],
            "qosClass": "Burstable",
        },
    }
    schema = schema_for("v1", "Pod")
    assert schema is not None
    schema.decode(pod, unknown="strict")
    apply_defaults(pod, "v1", "Pod")
    return pod


@cache
def variant(cls: type[msgspec.Struct], omit: bool, collected: bool) -> type[msgspec.Struct]:
    """A generated class and all it refers to, built again with other settings."""
    hints = get_type_hints(cls)
    fields = [
        (
            field.encode_name.replace("-", "_").strip("$") + "_",
            _replaced(hints[field.name], omit, collected),
            _default(field),
        )
        for field in msgspec.structs.fields(cls)
    ]
    names = {name: field.encode_name for (name, *_), field in zip(fields, msgspec.structs.fields(cls), strict=True)}
    return msgspec.defstruct(cls.__name__, fields, rename=names, kw_only=True, omit_defaults=omit, gc=collected)


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is msgspec.NODEFAULT:
        return field.default
    factory = field.default_factory
    nested = isinstance(factory, type) and issubclass(factory, msgspec.Struct)
    return None if nested else msgspec.field(default_factory=factory)


def _replaced(hint: Any, omit: bool, collected: bool) -> Any:
    """A type with the generated classes in it exchanged for their variants."""
    arguments = getattr(hint, "__args__", ())
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return variant(hint, omit, collected) | None
    if not arguments:
        return hint
    inner = tuple(_replaced(argument, omit, collected) for argument in arguments)
    if hint.__class__.__name__ == "UnionType":
        union = inner[0]
        for part in inner[1:]:
            union = union | part
        return union
    return hint.__origin__[inner if len(inner) > 1 else inner[0]]


def best(work: Callable[[], object], rounds: int, repeats: int) -> float:
    """Microseconds of one run."""
    found = []
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(repeats):
            work()
        found.append((time.perf_counter() - start) / repeats)
    return min(found) * 1e6


def kibibytes(make: Callable[[], object], count: int) -> float:
    """Memory of one object held."""
    gc.collect()
    tracemalloc.start()
    held = [make() for _ in range(count)]
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(held) == count
    return size / count / 1024


def collection(make: Callable[[], object], count: int) -> float:
    """Milliseconds of a full garbage collection while that many objects are held."""
    held = [make() for _ in range(count)]
    gc.collect()
    start = time.perf_counter()
    gc.collect()
    took = time.perf_counter() - start
    assert len(held) == count
    return took * 1e3


def import_milliseconds(statement: str) -> float:
    script = f"import msgspec, time; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
    runs = [
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True) for _ in range(5)
    ]
    return min(float(run.stdout) for run in runs) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--objects", type=int, default=2000)
    options = parser.parse_args()
    wire = sample()
    data = msgspec.json.encode(wire)
    collected = msgspec.json.Decoder(variant(Pod, True, True))
    unomitted = msgspec.json.Decoder(variant(Pod, False, False))
    plain = msgspec.json.Decoder()
    cases: dict[str, Callable[[], Any]] = {
        "bytes": lambda: bytes(bytearray(data)),
        "dict": lambda: plain.decode(data),
        "struct": lambda: decode(Pod, data),
        "struct, gc": lambda: collected.decode(data),
        "struct, no omit": lambda: unomitted.decode(data),
    }
    print(f"{len(data)} bytes of JSON\n")
    print(f"{'':16} {'decode us':>10} {'encode us':>10} {'bytes out':>10} {'KiB each':>10} {'collect ms':>11}")
    for name, make in cases.items():
        obj = make()
        written = len(data) if isinstance(obj, bytes) else len(msgspec.json.encode(obj))
        encoding = 0.0 if isinstance(obj, bytes) else best(lambda obj=obj: encode(obj), options.rounds, 300)  # type: ignore[misc]
        print(
            f"{name:16} {best(make, options.rounds, 300):10.1f} {encoding:10.1f} {written:10} "
            f"{kibibytes(make, options.objects):10.1f} {collection(make, options.objects):11.1f}"
        )
    schema = schema_for("v1", "Pod")
    assert schema is not None
    pod = decode(Pod, data)
    patch = b'{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"app-0","image":"x:2"}]}}'
    steps: dict[str, Callable[[], object]] = {
        "load (duplicates found)": lambda: load(data),
        "load + schema": lambda: schema.decode(load(data)[0], unknown="strict"),
        "load + schema + defaults": lambda: _read(data),
        "strategic merge patch": lambda: apply_patch(STRATEGIC_MERGE_PATCH, wire, patch, schema),
        "dict -> struct": lambda: from_wire(Pod, wire),
        "struct -> dict": lambda: to_wire(pod),
    }
    print()
    for name, work in steps.items():
        print(f"{name:26} {best(work, options.rounds, 200):8.1f} us")
    print()
    for statement in (
        "from pybernetes.api.core import Pod",
        "from pybernetes.api.core import Pod; msgspec.json.Decoder(Pod)",
        "from pybernetes.api.core import Pod, Node, Service; from pybernetes.api.apps import Deployment, ReplicaSet",
        "from pybernetes.api.schema import schema_for; schema_for('v1', 'Pod')",
    ):
        print(f"{import_milliseconds(statement):6.1f} ms  {statement}")


def _read(data: bytes) -> dict[str, Any]:
    schema = schema_for("v1", "Pod")
    obj: dict[str, Any] = load(data)[0]
    assert schema is not None
    schema.decode(obj, unknown="strict")
    apply_defaults(obj, "v1", "Pod")
    return obj


if __name__ == "__main__":
    main()
