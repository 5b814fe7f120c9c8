"""The cluster's memory: every operation in order, and the cluster as it was.

`journal.py` stands between the API server and its store: it writes who did what beside each revision, lets clients see
only the recent past, as upstream does, and forgets the rest when `retention.py` says so. `operations.py` reads the past
as a list of operations, `moment.py` finds the revision of a moment, and `page.py` serves both over HTTP.
"""
