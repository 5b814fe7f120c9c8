"""A cluster in one file: saved while it runs, restored into a data directory, with the store that is wanted.

archive.py   the file: a tar with checksums        save.py      from a cluster to the file
restore.py   from the file to a directory          exchange.py  the one moment at which a directory's cluster changes
"""
