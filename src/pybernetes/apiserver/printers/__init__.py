"""Server-side printing: what `kubectl get` shows, computed here so that every client shows the same.

`columns.py` compiles the simple column keys of `api/data/printcolumns.json` (a path, an age, a count, a join); the
other modules hold one function per cell that needs a decision (a pod's state, a service's external address), gathered
in `cells.py`. `apiserver/table.py` assembles a meta/v1 Table from them.
"""
