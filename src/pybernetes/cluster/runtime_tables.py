"""What the container runtime of a node has, as lines for a terminal: containers and images."""

from collections.abc import Iterable, Sequence

from ..api.age import human
from ..kubelet.cri.messages import Container, Image, PodSandbox

_STATES = ("Created", "Running", "Exited", "Unknown")
_ID_LENGTH = 13
_GAP = 3
_UNITS = ("B", "kB", "MB", "GB", "TB")


def containers(
    found: Iterable[Container],
    sandboxes: Iterable[PodSandbox],
    images: Iterable[Image],
    *,
    now: float,
    ended: bool = False,
) -> list[str]:
    """The newest container first; those that do not run only with `ended`. `now`: seconds since the epoch."""
    pods = {sandbox.id: sandbox.metadata for sandbox in sandboxes}
    names = {image.id: image.repo_tags[0] for image in images if image.repo_tags}
    rows = [("CONTAINER", "IMAGE", "AGE", "STATE", "NAME", "ATTEMPT", "POD", "NAMESPACE")]
    for container in sorted(found, key=lambda one: -one.created_at):
        state = _STATES[container.state] if container.state < len(_STATES) else _STATES[-1]
        if state != "Running" and not ended:
            continue
        pod, named = pods.get(container.pod_sandbox_id), container.metadata
        image = container.image.image if container.image is not None else container.image_ref
        rows.append(
            (
                container.id[:_ID_LENGTH],
                names.get(image) or names.get(container.image_ref) or image,
                human(now - container.created_at / 1e9),
                state,
                named.name if named is not None else "",
                str(named.attempt) if named is not None else "",
                pod.name if pod is not None else "",
                pod.namespace if pod is not None else "",
            )
        )
    return _lines(rows)


def images(found: Iterable[Image]) -> list[str]:
    """One line a name, in the order of the names."""
    rows = [("IMAGE", "ID", "SIZE")]
    for image in found:
        identity = image.id.removeprefix("sha256:")[:_ID_LENGTH]
        rows += [(name, identity, size(image.size)) for name in image.repo_tags or image.repo_digests or ["<none>"]]
    return _lines([rows[0], *sorted(rows[1:])])


def size(count: int) -> str:
    """Bytes as docker shows them: `1.09MB`, `54.4kB`."""
    power = 0
    while count >= 1000 ** (power + 1) and power < len(_UNITS) - 1:
        power += 1
    return f"{count / 1000**power:.3g}{_UNITS[power]}"


def _lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """The cells of a column below each other."""
    widths = [max(map(len, column)) + _GAP for column in zip(*rows, strict=True)]
    return ["".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
