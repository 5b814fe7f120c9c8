"""The vocabulary of Kubernetes: what objects look like, and pure functions over them. Nothing here does I/O.

Objects come in three forms. Bytes are JSON as stored and sent. A **wire dict** is that JSON parsed: the API server
works on it, whatever the kind. A **Struct** is one of the generated classes: components work on those.

    from pybernetes.api.core import Pod              # Structs: core, apps, batch, networking, ... and meta.py
    codec.decode(Pod, data)   codec.encode(pod)      # bytes <-> Struct, with the API's formats for times
    schema_for("v1", "Pod").decode(obj)              # schema/: check and normalise a wire dict as Go would
    apply_defaults(obj, "v1", "Pod")                 # defaulting/: upstream's defaults
    apply_patch(content_type, obj, body, schema)     # patch/: JSON patch, merge patch, strategic merge patch

Everything is driven by the tables in `data/` (types, defaults, resources, printer columns, well-known names). The
Structs are generated from them by `tools/generate_api.py`; `docs/decisions/0003` tells why there are three forms.

`status.py` has the one error that reaches clients, `resource.py` what is served under which path, `field.py` the errors
of validation. `quantity.py`, `selectors/`, `names.py`, `intstr.py`, `duration.py` and `instants.py` read and write the
small languages inside objects; `protobuf/` is the other encoding that Go clients speak.
"""
