"""What happened, for the record: the audit log (Auditing).

`annotations.py` is how any part of the server adds to the record of the request it is working for.
"""

from .annotations import annotate

__all__ = ["annotate"]
