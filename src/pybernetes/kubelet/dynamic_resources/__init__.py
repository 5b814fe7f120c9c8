"""Dynamic resource allocation on the node (KEP-4381): drivers prepare the devices of claims before a pod's containers.

drivers.py   plugins of type DRAPlugin, which publish ResourceSlices for themselves
claims.py    which claims a pod has, whose devices they are, what a container gets of them: pure
cdi.py       CDI names ──▶ environment, mounts, device nodes, from the files drivers write
manager.py   prepare, unprepare, and who has what across restarts. Read this first.
"""
