"""From changes of objects to keys of controllers: which key a change of which object wakes.

    source(informer, controller.enqueue)                        the object itself
    source(informer, controller.enqueue, keys=owner_key("ReplicaSet"))   its managing controller
    source(informer, controller.enqueue, keys=lambda pod: [...])         anything else

Both the state before and the state after a change are mapped, so that whoever loses an object is woken too.
"""

from collections.abc import Callable, Iterable
from typing import Any

from ..client.informer import Informer
from ..client.view import key_of
from .ownership import controller_of

Keys = Callable[[Any], Iterable[str]]


def source(
    informer: Informer[Any],
    enqueue: Callable[[str], None],
    *,
    keys: Keys | None = None,
    when: Callable[[Any, Any], bool] | None = None,
) -> None:
    """Enqueue the keys of every changed object; `when(old, new)` may veto."""
    keys_of: Keys = keys or (lambda obj: (key_of(obj),))

    def changed(old: Any, new: Any) -> None:
        if when is not None and not when(old, new):
            return
        woken = [] if new is None else list(keys_of(new))
        if old is not None:
            woken += [key for key in keys_of(old) if key not in woken]
        for key in woken:
            enqueue(key)

    informer.add_handler(changed)


def owner_key(kind: str) -> Keys:
    """The key of an object's managing controller, if it is of that kind (same namespace)."""

    def keys(obj: Any) -> Iterable[str]:
        reference = controller_of(obj)
        if reference is not None and reference.kind == kind:
            namespace = obj.metadata.namespace
            yield f"{namespace}/{reference.name}" if namespace else reference.name

    return keys
