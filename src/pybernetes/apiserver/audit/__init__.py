"""What happened, for the record: the audit log (Auditing).

`policy.py` decides how much of a request is recorded, `filter.py` follows it, `event.py` is the record, `backends.py`
writes it to a file or a webhook; `annotations.py` is how any part of the server adds to the record of the request it is
working for.
"""

from .annotations import annotate

__all__ = ["annotate"]
