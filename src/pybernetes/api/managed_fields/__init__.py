"""Who owns which field of an object: `metadata.managedFields` and server-side apply (KEP-555).

    fields = FieldManager(schema)                       # one per served version of a kind
    fields.created(obj, "kubectl-create", now)          # in place, before admission
    fields.updated(live, obj, "controller", now)        # in place, live is only read
    obj = fields.applied(live, config, "helm", now, force=False)

A field set is the JSON of `fieldsV1` itself, as nested dicts (`field_set.py`), so what is stored needs no decoding.
What a value's type says about merging is a tree of nodes (`nodes.py`), made from the type table (`builtin.py`) or from
a structural schema (`structural.py`). On these work: `compare.py` (what did a write change), `config.py` (what does a
configuration name, and does it fit), `merging.py` (put a configuration into an object, take given-up fields out).
`updating.py` moves ownership between managers, `managers.py` reads and writes the list of entries, `last_applied.py`
takes over from client-side apply, `scale.py` maps the entries of the `scale` subresource.

Everything is pure. Read `manager.py` first.
"""

from .conflicts import ApplyConflict
from .manager import FieldManager
from .nodes import DEDUCED, Deduced, Items, Leaf, Members, MergeSchema, Node, Unconverted

__all__ = [
    "DEDUCED",
    "ApplyConflict",
    "Deduced",
    "FieldManager",
    "Items",
    "Leaf",
    "Members",
    "MergeSchema",
    "Node",
    "Unconverted",
]
