"""The template of pods inside workloads, and the annotations that mean something for pods."""

import re

from .. import field
from . import selectors
from .object_meta import validate_annotations, validate_labels
from .pod_spec import KINDS_OF_CONTAINERS, pod_spec
from .values import Errors, Object, one_of

MIRROR = "kubernetes.io/config.mirror"
_DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
_integer = re.compile(r"[+-]?[0-9]{1,10}").fullmatch


def pod_template(template: Object, path: str) -> Errors:
    """`template` of a workload: labels, annotations and the spec of its pods."""
    metadata = template.get("metadata") or {}
    spec = template.get("spec") or {}
    errors: Errors = []
    if labels := metadata.get("labels"):
        errors += validate_labels(labels, f"{path}.labels")
    if annotations := metadata.get("annotations"):
        errors += validate_annotations(annotations, f"{path}.annotations")
        errors += pod_annotations(annotations, spec, f"{path}.annotations")
    errors += pod_spec(spec, f"{path}.spec")
    if spec.get("ephemeralContainers"):
        words = "ephemeral containers not allowed in pod template"
        errors.append(field.forbidden(f"{path}.spec.ephemeralContainers", words))
    return errors


def pod_annotations(annotations: dict[str, str], spec: Object, path: str) -> Errors:
    """Mirror pods name their node; the cost of deletion is a number; AppArmor profiles belong to a container."""
    errors: Errors = []
    if MIRROR in annotations and not spec.get("nodeName"):
        words = "must set spec.nodeName if mirror pod annotation is set"
        errors.append(field.invalid(f"{path}[{MIRROR}]", annotations[MIRROR], words))
    cost = annotations.get(_DELETION_COST)
    if cost is not None and (_integer(cost) is None or not -(2**31) <= int(cost) < 2**31):
        errors.append(field.invalid(f"{path}[{_DELETION_COST}]", cost, "must be a 32bit integer"))
    for key, profile in annotations.items():
        if key.startswith(_APPARMOR):
            name = key.removeprefix(_APPARMOR)
            if not any(c.get("name") == name for kind in KINDS_OF_CONTAINERS for c in spec.get(kind) or ()):
                errors.append(field.invalid(f"{path}[{key}]", name, "container not found"))
            if profile not in ("", "runtime/default", "unconfined") and not profile.startswith("localhost/"):
                words = f'invalid AppArmor profile name: "{profile}"'
                errors.append(field.invalid(f"{path}[{key}]", profile, words))
    return errors


def selected_template(template: Object, selector: Object | None, path: str, kind: str) -> Errors:
    """A template whose pods its own selector finds and that run for ever."""
    errors = unselected(template, selector, path)
    errors += pod_template(template, path)
    spec = template.get("spec") or {}
    if spec.get("restartPolicy") and spec["restartPolicy"] != "Always":
        errors.append(field.not_supported(f"{path}.spec.restartPolicy", spec["restartPolicy"], ("Always",)))
    elif not spec.get("restartPolicy"):
        errors += one_of("", ("Always",), f"{path}.spec.restartPolicy")
    if spec.get("activeDeadlineSeconds") is not None:
        words = f"activeDeadlineSeconds in {kind} is not Supported"
        errors.append(field.forbidden(f"{path}.spec.activeDeadlineSeconds", words))
    return errors


def unselected(template: Object, selector: Object | None, path: str) -> Errors:
    """Whether a (good) selector misses the template's own pods."""
    labels = (template.get("metadata") or {}).get("labels") or {}
    if selectors.is_empty(selector) or selectors.matches(selector or {}, labels):
        return []
    words = "`selector` does not match template `labels`"
    return [field.invalid(f"{path}.metadata.labels", labels, words)]
