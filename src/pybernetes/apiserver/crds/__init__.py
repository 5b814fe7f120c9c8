"""CustomResourceDefinitions: resources that users define, served by the same verbs, stores and caches as built-in ones.

    definition object changes -> `serving.CustomResources` (a listener of the watch cache, so before the writer is
    answered) -> `definition.py` reads it -> `endpoints.py` makes one `Endpoint` per served version ->
    discovery and OpenAPI follow

A version is `version.CustomVersion` (schema, pruning, defaults, conversion) and `strategy.CustomStrategy` (validation,
generation, status). Every served version has a `GenericResource` of its own that works in that version and converts at
the store: what a client speaks is what is admitted and validated, as upstream does it. `naming.py` decides whether the
names of a definition are free, `deleting.py` empties what is being deleted, `conversion.py` calls webhooks,
`columns.py` makes table columns, `published.py` OpenAPI schemas.
"""
