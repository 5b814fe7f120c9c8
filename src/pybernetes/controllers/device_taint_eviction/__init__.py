"""Device taint eviction: pods leave devices whose NoExecute taints their claims do not tolerate (KEP-5055).

`plan.py` says when, `controller.py` does it.
"""
