"""The data-driven schema of every type: what the API server knows about objects without having classes for them.

    schema = schema_for("apps/v1", "Deployment")
    warnings = schema.decode(obj, unknown="warn")      # normalises the wire dict in place

`table.py` reads the type table, `decoding.py` compiles one decoder per type when it is first used, `scalars.py` holds
the rules of scalar values and `loading.py` finds duplicate keys. Start with `objects.py`.
"""

from .loading import duplicates, load
from .objects import ObjectSchema, schema_for, schema_of_type
from .table import FieldSchema

__all__ = ["FieldSchema", "ObjectSchema", "duplicates", "load", "schema_for", "schema_of_type"]
