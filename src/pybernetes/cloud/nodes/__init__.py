"""Nodes as instances of a cloud: `plan.py` is pure, `controller.py` initialises, `lifecycle.py` removes."""
