"""The conformance suite of Kubernetes v1.20, built from Debian's source package and run against a cluster of ours.

`python -m tools.conformance` builds (`suite.py`), makes the images that its tests run (`images.py`), starts two nodes
in namespaces of their own (`cluster.py`), runs the tests in groups beside each other and sums up (`results.py`). What
is built once stays in a cache directory. Read `__main__.py` first; docs/conformance-suite.md tells how to use it.
"""
