"""The controllers: each brings one aspect of the cluster from what is to what is wanted.

One file or folder per controller, named after it: decisions are pure functions (`plan.py`, or at the top of the file),
the class below reads caches, decides and calls the API. Controllers are strangers to each other and meet at the API;
what several need lives in `reconcile/`. `manager.py` is the table of all, with the names `--controllers` takes.

To add one: write `controllers/<name>.py` with a class built from a `ControllerContext` that has `serve(ready)`, give
it a row in `CONTROLLERS`, and test it against the API server in memory (`tests/support/control_plane.py`).
"""
