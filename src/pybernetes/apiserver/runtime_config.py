"""Which of the known resources are served: `--runtime-config`.

    api/all=true|false            everything, or nothing that is not named
    api/ga api/beta api/alpha     versions by their stability
    GROUP/VERSION=true            a group version; the core group is `api/v1` or `v1`
    GROUP/VERSION/RESOURCE=true   one resource

The more exact setting wins. Group versions that are on by default are served unless switched off (server
`ResourceConfig`, k8s.io/apiserver `pkg/server/resourceconfig`).
"""

import re
from collections.abc import Iterable, Mapping

from ..api.resource import ResourceInfo

_ALPHA, _BETA, _GA = (re.compile(pattern) for pattern in (r"^v\d+alpha\d+$", r"^v\d+beta\d+$", r"^v\d+$"))
_STAGES = {"api/alpha": _ALPHA, "api/beta": _BETA, "api/ga": _GA}
_TRUE = ("", "1", "t", "true")
_FALSE = ("0", "f", "false")


def parse_runtime_config(text: str) -> dict[str, bool]:
    """`api/beta=true,apps/v1=false`; a key alone means true. ValueError."""
    found = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        key, _, value = part.partition("=")
        if value.lower() not in (*_TRUE, *_FALSE):
            raise ValueError(f'invalid value {key}={value}, err: strconv.ParseBool: parsing "{value}": invalid syntax')
        found[key] = value.lower() in _TRUE
    return found


def served(
    infos: Iterable[ResourceInfo], settings: Mapping[str, bool], gates: Mapping[str, bool]
) -> list[ResourceInfo]:
    """The resources that are served under these settings; some need a feature gate besides. ValueError for a key that
    names nothing known."""
    infos = list(infos)
    _check(infos, settings)
    return [info for info in infos if _is_served(info, settings) and (not info.gate or gates[info.gate])]


def _check(infos: list[ResourceInfo], settings: Mapping[str, bool]) -> None:
    known = {"api/all", "api/ga", "api/beta", "api/alpha", "api/legacy"}
    groups = {info.group for info in infos}
    for info in infos:
        known.update((_version_key(info), _resource_key(info)))
    for key in settings:
        if key in known or key == "v1" or key.startswith("v1/"):
            continue
        group = key.split("/")[0]
        if group not in groups:
            raise ValueError(f"unknown api groups {group}")


def _version_key(info: ResourceInfo) -> str:
    return info.group_version if info.group else f"api/{info.version}"


def _resource_key(info: ResourceInfo) -> str:
    return f"{_version_key(info)}/{info.plural}"


def _is_served(info: ResourceInfo, settings: Mapping[str, bool]) -> bool:
    names = [_resource_key(info), _version_key(info)]
    if not info.group:
        names += [f"v1/{info.plural}", "v1"]
    for name in names:
        if name in settings:
            return settings[name]
    for key, pattern in _STAGES.items():
        if key in settings and pattern.match(info.version):
            return settings[key]
    return settings.get("api/all", info.enabled)
