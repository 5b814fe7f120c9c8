"""`up --kube-apiserver-arg NAME=VALUE`: flags of upstream's kube-apiserver for the API server of this machine.

    words ─▶ kept: looked at, paths made absolute ─▶ cluster.json ─▶ adjusted: the API server's settings at each start

Which flags there are is in kube_flags.py. They are this machine's own, since most of them name files of it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...apiserver import flags as api_flags
from ...apiserver.config import ApiServerConfig
from .. import kube_flags
from . import kube_apiserver
from .flag_values import of_words
from .settings import CommandError

_FILES = frozenset({*api_flags.FILES, "audit-log-path", "oidc-ca-file"})


def kept(words: Sequence[str]) -> tuple[str, ...]:
    """The words as later starts find them. CommandError when one cannot be."""
    found = tuple(_absolute(word.strip().removeprefix("--")) for word in words if word.strip())
    kube_apiserver.adjusted(ApiServerConfig(), _flags(found))
    return found


def adjusted(config: ApiServerConfig, words: Sequence[str], more: Mapping[str, Any]) -> ApiServerConfig:
    """The settings of a cluster's own API server with these words, and flags that count more. CommandError."""
    return kube_apiserver.adjusted(config, {**_flags(words), **more})


def _absolute(word: str) -> str:
    name, _, value = word.partition("=")
    if name not in _FILES:
        return word
    if not value or value == "-":
        raise CommandError(f"--kube-apiserver-arg {word}: give it a file, such as {name}=/etc/kubernetes/{name}")
    return f"{name}={Path(value).expanduser().absolute()}"


def _flags(words: Sequence[str]) -> dict[str, Any]:
    for word in words:
        name = word.partition("=")[0]
        if name in api_flags.SWITCHES:
            raise CommandError(f"--kube-apiserver-arg {word}: give it as --{name}")
    return of_words("--kube-apiserver-arg", words, kube_flags.FLAGS, "see: pybernetes apiserver --help")
