"""A revisioned key-value store with watch, in the model of etcd; knows bytes, not objects.

* `store.py`: the contract (`Store`), its data and its errors. Read this first.
* `memory.py`: `MemoryStore`, for tests and throw-away clusters. `sqlite.py`: `SqliteStore`, durable in one file.
* `mvcc.py`: the pure index from keys to revisions; `broadcast.py`: fan-out to watchers; `lease.py`: keys that expire;
  `sqlite_file.py`: the data file and its statements.

Every implementation keeps the contract of `tests/contract/store.py`. Only the API server and the assembly import this.
"""
