"""The watch cache: the whole store in memory as bytes, with recent history, served to readers and watchers.

One store watch over `/registry` (`feed.py`, `WatchCache`) is cut by key prefix into one `ResourceCache` per stored
resource (`resource_cache.py`): the objects as ready-to-send bytes (`entry.py`), the keys in order, the last changes.
Each change goes through the `Fanout` (`fanout.py`), which finds the watchers it concerns by index, encodes each event
line once per event type and format, and pushes the same bytes to all of them. A `Watcher` (`watcher.py`) begins with
what was before (`opening.py`). What a list or watch selects is a `Selection` (`selection.py`).

Everything runs on the event loop without a suspension point between "the store said so" and "every watcher has it",
so `WatchCache.revision` is exact: a reader at that revision sees all of it, a bookmark with it misses nothing.

Read `feed.py` first.
"""

from .entry import Entry
from .fanout import Change
from .feed import WatchCache
from .resource_cache import ResourceCache
from .selection import Selection
from .watcher import Watcher

__all__ = ["Change", "Entry", "ResourceCache", "Selection", "WatchCache", "Watcher"]
