"""Candidates of coordinated leader election (coordination.k8s.io LeaseCandidate; KEP-4355)."""

from .. import field
from ..cel.functions.semver import Semver, parse_semver
from .lease import strategy_name
from .values import Errors, Object, immutable

_OLDEST = "OldestEmulationVersion"
_NOT_A_VERSION = "must be a valid semantic version"


def validate_create(candidate: Object) -> Errors:
    spec = candidate.get("spec") or {}
    errors: Errors = [] if spec.get("leaseName") else [field.required("spec.leaseName")]
    versions: dict[str, Semver] = {}
    for key in ("emulationVersion", "binaryVersion"):
        text = spec.get(key)
        if not text:
            continue
        try:
            versions[key] = parse_semver(text)
        except ValueError:
            errors.append(field.invalid(f"spec.{key}", text, _NOT_A_VERSION))
    if len(versions) == 2 and versions["binaryVersion"].compare(versions["emulationVersion"]) < 0:
        words = "must be greater than or equal to `emulationVersion`"
        errors.append(field.invalid("spec.binaryVersion", spec["binaryVersion"], words))
    strategy = spec.get("strategy") or ""
    if not strategy:
        return [*errors, field.required("spec.strategy")]
    if strategy == _OLDEST:
        words = f"must be specified when `strategy` is '{_OLDEST}'"
        errors += [
            field.required(f"spec.{key}", words) for key in ("binaryVersion", "emulationVersion") if key not in versions
        ]
    return errors + strategy_name(strategy, "spec.strategy.strategy")


def validate_update(new: Object, old: Object) -> Errors:
    after, before = new.get("spec") or {}, old.get("spec") or {}
    return validate_create(new) + immutable(after.get("leaseName"), before.get("leaseName"), "spec.leaseName")
