"""Deletion of any kind: read, plan (`deletion.py`), then remove from the store or store the marked object."""

from ...api.status import StatusError
from ...store.store import Conflict
from ..watch_cache.entry import encode, respliced, splice
from . import deletion
from .deletion import DeleteOptions
from .generic import GenericResource, Written
from .strategy import Write


async def delete(resource: GenericResource, namespace: str, name: str, options: DeleteOptions, write: Write) -> Written:
    """Delete one object; `deleted` tells whether it is gone. StatusError: not found, conflict, refused by admission."""
    key = resource.cache.key(namespace, name)
    cache, strategy = resource.cache, resource.strategy
    entry = cache.get(key)
    fresh = entry is None
    if fresh:
        entry = await resource.fetch(key)
    while entry is not None:
        old = await strategy.loaded(entry.copy()) if strategy.converts else cache.peek(entry)
        try:
            deletion.check_preconditions(resource.info, old, options)
            request = resource.admission_request("DELETE", write, namespace, name, None, old)
            await resource.admission.admit(request)
            await resource.admission.validate(request)
        except StatusError:
            if fresh:
                raise
            entry, fresh = await resource.fetch(key), True
            continue
        plan = deletion.plan(strategy, old, options, resource.clock.now())
        try:
            if plan.remove:
                if write.dry_run:
                    return Written(await strategy.shown(entry.data), deleted=True)
                revision = await resource.remove(entry, old)
                await strategy.after_delete(old, write)
                await resource.seen(revision)
                if strategy.converts:
                    return Written(splice(encode(old), cache.head_size, revision), deleted=True)
                return Written(respliced(entry.data, cache.head_size, revision), deleted=True)
            if plan.obj is None:
                if not fresh:
                    latest, fresh = await resource.fetch(key), True
                    if latest is None or latest.revision != entry.revision:
                        entry = latest
                        continue
                return Written(await strategy.shown(entry.data))
            value = encode(plan.obj)
            if write.dry_run:
                return Written(splice(value, cache.head_size, entry.revision))
            kept = encode(await strategy.stored(plan.obj)) if strategy.converts else value
            revision = await resource.put(key, kept, entry, old, plan.obj)
            await resource.seen(revision)
            return Written(resource.served(key, value, revision))
        except Conflict as lost:
            entry, fresh = (cache.entry(lost.current) if lost.current is not None else None), True
    raise resource.not_found(name)
