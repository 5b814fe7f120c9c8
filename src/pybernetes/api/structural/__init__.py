"""Structural schemas: what a CustomResourceDefinition says about its objects (KEP-1693, "Structural Schemas").

`schema.py` reads an OpenAPI v3 schema into `Structural` nodes, `rules.py` says what a schema must keep to be accepted.
With a schema, objects are pruned (`pruning.py`), given defaults (`defaulting.py`), checked value by value
(`validation.py`) and by CEL rules (`cel_rules.py`). `formats.py` are the named string formats.
"""
