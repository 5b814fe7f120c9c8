"""Storage drivers (Container Storage Interface): their registration, and the volumes of pods they make.

    plugins/watcher ──▶ drivers.py ──▶ csi_node.py: CSINode, annotation and labels of the Node
    volumes/manager ──▶ volumes.py ──▶ attachments.py: attached? ──▶ driver.py: stage, publish, ... over gRPC

`driver.py` is the contract of a driver and its client, `source.py` decides (pure) what a driver is told, `layout.py` is
where things lie on disk and all the state there is. Read `volumes.py` first.
"""
