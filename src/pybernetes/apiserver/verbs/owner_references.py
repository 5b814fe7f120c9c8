"""Owner references that name one owner twice: all but the first go, with a warning (upstream since v1.20)."""

from typing import Any

from ..resources.strategy import Object, Write

_WARNING = (
    ".metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may reject "
    "such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: [{}]"
)


def deduplicate(obj: Object, write: Write) -> None:
    """In place. References are the same when they are equal in everything."""
    references: Any = (obj.get("metadata") or {}).get("ownerReferences")
    if not isinstance(references, list) or len(references) < 2:
        return
    seen: list[Any] = []
    kept: list[Any] = []
    twice: list[str] = []
    for reference in references:
        if reference in seen:
            uid = str(reference.get("uid", ""))
            twice += [uid] if uid not in twice else []
            continue
        seen.append(reference)
        kept.append(reference)
    if twice:
        obj["metadata"]["ownerReferences"] = kept
        write.warnings.append(_WARNING.format(" ".join(twice)))
