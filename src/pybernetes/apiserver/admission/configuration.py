"""`--admission-control-config-file`: an AdmissionConfiguration (apiserver.config.k8s.io/v1), settings by plugin."""

from pathlib import Path
from typing import Any

Object = dict[str, Any]


def plugin_settings(path: str) -> dict[str, Object]:
    """Plugin name -> its configuration, given in place or as a file beside this one. ValueError, OSError."""
    if not path:
        return {}
    body = _document(Path(path))
    if body.get("kind") != "AdmissionConfiguration":
        raise ValueError(f"{path}: expected an AdmissionConfiguration, found {body.get('kind')}")
    found: dict[str, Object] = {}
    for row in body.get("plugins") or ():
        settings = row.get("configuration")
        if settings is None and row.get("path"):
            settings = _document(Path(path).parent / str(row["path"]))
        found[str(row.get("name"))] = settings or {}
    return found


def _document(path: Path) -> Object:
    from ..yaml_body import load

    body = load(path.read_bytes())
    if not isinstance(body, dict):
        raise ValueError(f"{path}: not an object")
    return body
