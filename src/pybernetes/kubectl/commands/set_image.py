"""`kubectl set image`: the images of a pod template's containers."""

from __future__ import annotations

from ..errors import CommandError
from ..objects.pairs import parsed, split
from ..objects.settings import SET, change_each, check_flags, containers_of, pod_spec, prepared, selected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session import Session

FLAGS = SET


def run(session: Session) -> int:
    prepared(session, "image updated")
    names, words = split(session.args, "image")
    images, _ = parsed(words, "image", removing=False)
    found = selected(session, names)
    check_flags(session)
    if not images:
        raise CommandError("at least one image update is required")
    if "*" in images and len(images) > 1:
        raise CommandError(
            "all containers are already specified by *, but saw more than one container_name=container_image pairs"
        )

    def change(obj: dict[str, Any]) -> None:
        spec = pod_spec(obj)
        for name, image in images.items():
            matching = containers_of(spec) if name == "*" else [c for c in containers_of(spec) if c["name"] == name]
            if not matching:
                raise CommandError(f'unable to find container named "{name}"')
            for container in matching:
                container["image"] = image

    change_each(session, found, change, "image updated", what="image update to pod template:")
    return 0
