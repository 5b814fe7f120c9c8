"""`--admission-control-config-file`: an AdmissionConfiguration (apiserver.config.k8s.io/v1), settings by plugin."""

from pathlib import Path
from typing import Any

Object = dict[str, Any]
_KINDS = {"PodSecurity": "PodSecurityConfiguration"}
"""What the configurations of plugins are whose shape is checked here."""


def plugin_settings(path: str) -> dict[str, Object]:
    """Plugin name -> its configuration, given in place or as a file beside this one. ValueError, OSError."""
    if not path:
        return {}
    body = _document(Path(path))
    if body.get("kind") != "AdmissionConfiguration":
        raise ValueError(f"{path}: expected an AdmissionConfiguration, found {body.get('kind')}")
    from ..config_documents import fitted

    found: dict[str, Object] = {}
    for row in fitted(body, path).get("plugins") or ():
        settings = row.get("configuration")
        if settings is None and row.get("path"):
            settings = _document(Path(path).parent / str(row["path"]))
        settings, kind = settings or {}, _KINDS.get(str(row.get("name")))
        found[str(row.get("name"))] = settings if kind is None else fitted({**settings, "kind": kind}, path)
    return found


def _document(path: Path) -> Object:
    from ..yaml_body import load

    body = load(path.read_bytes())
    if not isinstance(body, dict):
        raise ValueError(f"{path}: not an object")
    return body
