"""The EndpointSlice controller: the pods behind each Service, at most 100 endpoints a slice (KEP-752).

`plan.py` decides what the slices of a Service should hold and which to create, update or delete; `controller.py` reads
and writes.
"""
