"""Pybernetes: Kubernetes, the whole system, written in Python.

Start with ARCHITECTURE.md, then read downwards: `cluster` wires the components, `apiserver` serves the objects,
`controllers`, `scheduler` and `kubelet` act on them, `api` is the vocabulary they share.
"""

__version__ = "0.1.0"

KUBERNETES_VERSION = "v1.36.2"
"""The upstream release whose behaviour is served."""

GIT_VERSION = f"{KUBERNETES_VERSION}+pybernetes{__version__}"
"""What `/version` and nodes report as `gitVersion`."""
