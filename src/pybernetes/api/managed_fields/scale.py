"""Owners of the number of replicas, as the `scale` subresource shows them and gives them back (KEP-555).

Seen through `scale` an object's managers are those that own its replicas, in terms of autoscaling/v1. After a write to
`scale` a manager that is not among them any more has lost the replicas, and new ones own just those.
"""

from .field_set import FieldSet, difference, has, of_path
from .managers import Key, Managers, Owned

SCALE_VERSION = "autoscaling/v1"
_REPLICAS: FieldSet = of_path(("f:spec", "f:replicas"))

Path = tuple[str, ...]


def path_elements(json_path: str) -> Path:
    """`.spec.replicas` -> `("f:spec", "f:replicas")`."""
    return tuple("f:" + name for name in json_path.strip(".").split("."))


def to_scale(managers: Managers, paths: dict[str, Path]) -> Managers:
    """The managers of the replicas. `paths` leads to them in each version of the object's kind."""
    return {
        _seen(key): Owned(_REPLICAS, SCALE_VERSION, owned.time)
        for key, owned in managers.items()
        if owned.api_version in paths and has(owned.fields, paths[owned.api_version])
    }


def _seen(key: Key) -> Key:
    return Key(key.manager, key.operation, SCALE_VERSION if key.api_version else "", key.subresource)


def to_parent(managers: Managers, scale: Managers, paths: dict[str, Path], api_version: str) -> Managers:
    """The managers of the object after a write to its scale; `api_version` is the version it is served in."""
    found: Managers = {}
    left = dict(scale)
    for key, owned in managers.items():
        path = paths.get(owned.api_version)
        if path is None or not has(owned.fields, path) or left.pop(_seen(key), None) is not None:
            found[key] = owned
        else:
            rest = difference(owned.fields, of_path(path))
            if rest:
                found[key] = owned.having(rest)
    for key, owned in left.items():
        new = Key(key.manager, key.operation, api_version if key.api_version else "", key.subresource)
        found[new] = Owned(of_path(paths[api_version]), api_version, owned.time)
    return found
