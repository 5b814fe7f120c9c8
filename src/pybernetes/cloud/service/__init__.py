"""Services of type LoadBalancer: `plan.py` decides what is due, `controller.py` has the provider do it."""
