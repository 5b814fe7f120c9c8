"""`--kubelet-arg NAME=VALUE`: flags of upstream's kubelet for the node on this machine.

words ─▶ kept: looked at ─▶ cluster.json ─▶ adjusted: the kubelet's settings at each start

`config=FILE` names a KubeletConfiguration (`kubelet/configuration.py`), which is read at each start, before the flags.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ...kubelet.config import KubeletConfig
from ...kubelet.configuration_checks import ConfigurationError, check
from ...kubelet.eviction_thresholds import parse_thresholds
from ...kubelet.flags import FIELDS
from ..config import ClusterConfig
from ..kubelet_flags import EVICTION_HARD, FLAGS
from .flag_values import duration_seconds, of_words
from .settings import CommandError

_OPTION = "--kubelet-arg"
_RESERVABLE = ("cpu", "memory", "ephemeral-storage")


def kept(words: Sequence[str]) -> tuple[str, ...]:
    """The words as later starts find them. CommandError when one cannot be."""
    found = tuple(_from_anywhere(word.strip().removeprefix("--")) for word in words if word.strip())
    adjusted(KubeletConfig(node_name=""), found)
    return found


def _from_anywhere(word: str) -> str:
    """The file's name as it is meant, whatever the directory of a later start."""
    name, _, path = word.partition("=")
    return f"{name}={Path(path).expanduser().absolute()}" if name == "config" and path else word


def adjusted(config: KubeletConfig, words: Sequence[str]) -> KubeletConfig:
    """The settings of a kubelet with these words. CommandError names the flag that cannot be."""
    given = of_words(_OPTION, words, FLAGS, "see docs/cluster.md")
    if given.get("config"):
        config = _of_file(config, given["config"])
    changes: dict[str, Any] = {field: given[name] for name, field in FIELDS.items() if name in given}
    if "root-dir" in given:
        _check_link(Path(given["root-dir"]))
    if "labels" in changes:
        changes["labels"] = {**config.labels, **changes["labels"]}
    for name in ("eviction-hard", "eviction-soft"):
        if name in given:
            changes[name.replace("-", "_")] = _thresholds(name, given[name])
    if "eviction-soft-grace-period" in given:
        periods = given["eviction-soft-grace-period"]
        changes["eviction_soft_grace_seconds"] = {
            signal: duration_seconds("eviction-soft-grace-period", text) for signal, text in periods.items()
        }
    found = msgspec.structs.replace(config, **changes)
    _check(found)
    return found


def root_link(config: ClusterConfig) -> Path | None:
    """Where a link leads to the kubelet's directory, None for nowhere."""
    given = of_words(_OPTION, config.kubelet_args, FLAGS, "see docs/cluster.md")
    return Path(given["root-dir"]) if given.get("root-dir") else None


def shutdown_seconds(config: ClusterConfig) -> float:
    """How long the pods of this machine's kubelet may take to end when it is told to."""
    try:
        found = adjusted(KubeletConfig(node_name=""), config.kubelet_args)
    except CommandError:  # the file is gone, or was changed: what runs goes by what it said before
        return 0.0
    return found.shutdown_grace_seconds or float(sum(seconds for _, seconds in found.shutdown_by_priority))


def _of_file(config: KubeletConfig, path: str) -> KubeletConfig:
    from ...kubelet.configuration import configured

    try:
        return configured(config, Path(path).read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"--config {path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    except ConfigurationError as error:
        raise CommandError(f"--config {path}: {error}") from None


def eviction_hard(config: ClusterConfig) -> Mapping[str, str]:
    """The thresholds of this machine's kubelet."""
    return adjusted(KubeletConfig(node_name="", eviction_hard=EVICTION_HARD), config.kubelet_args).eviction_hard


def _check_link(path: Path) -> None:
    if not path.is_absolute() or (path.exists() and not path.is_symlink()):
        raise CommandError(f"--root-dir {path}: name an absolute path where nothing is; a link is made there")


def _check(config: KubeletConfig) -> None:
    high, low = config.image_gc_high_percent, config.image_gc_low_percent
    if high > 100 or low > 100:
        raise CommandError(f"--image-gc-high-threshold {high}, --image-gc-low-threshold {low}: at most 100")
    if low >= high:
        raise CommandError(f"--image-gc-low-threshold {low} must be below --image-gc-high-threshold {high}")
    if not config.max_pods:
        raise CommandError("--max-pods 0: a node without pods is none; cordon it instead")
    try:
        check(config)
    except ConfigurationError as error:
        raise CommandError(str(error)) from None
    for name in config.system_reserved:
        if name not in _RESERVABLE:
            raise CommandError(f"--system-reserved {name}: there are {', '.join(_RESERVABLE)}")


def _thresholds(name: str, text: str) -> dict[str, str]:
    """`memory.available<100Mi,nodefs.available<10%` as a mapping; what is not named has no threshold, as upstream."""
    found: dict[str, str] = {}
    for part in (part.strip() for part in text.split(",") if part.strip()):
        signal, sign, amount = part.partition("<")
        if not sign:
            raise CommandError(f"--{name} {part}: give it as SIGNAL<AMOUNT, such as memory.available<100Mi")
        if signal in found:
            raise CommandError(f"--{name}: {signal} is there twice")
        found[signal] = amount
    try:
        parse_thresholds(found)
    except ValueError as error:
        raise CommandError(f"--{name} {error}") from None
    return found
