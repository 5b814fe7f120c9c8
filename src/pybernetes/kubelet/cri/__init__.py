"""The door to the container runtime.

`protocol.py` is the contract; `containerd.py` speaks it over gRPC, `fake.py` is an in-memory twin for tests and for
machines without containers. `messages.py` holds the CRI's messages as Structs and `base/protobuf.py` turns them into
protocol buffers from a table of field numbers. Read `protocol.py` first.
"""

from .protocol import ContainerRuntime, RuntimeEvent, RuntimeServiceError, is_runtime_not_found

__all__ = ["ContainerRuntime", "RuntimeEvent", "RuntimeServiceError", "is_runtime_not_found"]
