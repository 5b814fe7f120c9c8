"""Routes to the pods of nodes in the cloud's network: `plan.py` is pure, `controller.py` does it."""
