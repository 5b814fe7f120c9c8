"""Cases of `../test_upstream_rules.py`."""
