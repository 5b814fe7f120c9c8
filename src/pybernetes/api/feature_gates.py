"""Feature gates by name, with v1.36's stages and defaults (`--feature-gates`).

gates = FeatureGates({"AllBeta": True, "PodCertificateRequest": False})
gates["PodCertificateRequest"]       # False
"""

from collections.abc import Iterator, Mapping
from functools import cache

import msgspec

from .resource import load_data

_ALL = {"AllAlpha": "Alpha", "AllBeta": "Beta"}


class Gate(msgspec.Struct, frozen=True):
    """`stage` is Alpha, Beta, GA or Deprecated; a locked gate cannot be set to anything but its default."""

    stage: str
    default: bool
    locked: bool


@cache
def known_gates() -> dict[str, Gate]:
    """Every gate of v1.36 that any component knows."""
    rows = load_data("wellknown")["featureGates"]
    return {
        name: Gate(row[0], bool(row[1]), len(row) > 2 and bool(row[2]))
        for name, row in rows.items()
        if not name.startswith("_")
    }


class FeatureGates(Mapping[str, bool]):
    """All gates with their values. ValueError for unknown gates and locked ones, in upstream's words."""

    def __init__(self, settings: Mapping[str, bool] | None = None) -> None:
        settings = settings or {}
        self.are_defaults = not settings
        known = known_gates()
        self._values = {name: gate.default for name, gate in known.items()}
        for name, stage in _ALL.items():
            if name in settings:
                for gate_name, gate in known.items():
                    if gate.stage == stage and not gate.locked:
                        self._values[gate_name] = settings[name]
        for name, value in settings.items():
            if name in _ALL:
                continue
            found = known.get(name)
            if found is None:
                raise ValueError(f"unrecognized feature gate: {name}")
            if found.locked and value != found.default:
                locked = str(found.default).lower()
                raise ValueError(
                    f"cannot set feature gate {name} to {str(value).lower()}, feature is locked to {locked}"
                )
            self._values[name] = value

    @staticmethod
    def stage(name: str) -> str:
        """How metrics write a gate's stage: ALPHA, BETA, DEPRECATED, and nothing for GA."""
        stage = known_gates()[name].stage
        return "" if stage == "GA" else stage.upper()

    def __getitem__(self, name: str) -> bool:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def parse_gates(text: str) -> dict[str, bool]:
    """The value of `--feature-gates`: `A=true,B=false`. ValueError."""
    found = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = part.partition("=")
        if not equals:
            raise ValueError(f"missing bool value for {name}")
        if value.lower() not in ("true", "false"):
            raise ValueError(
                f'invalid value of {name}={value}, err: strconv.ParseBool: parsing "{value}": invalid syntax'
            )
        found[name] = value.lower() == "true"
    return found
