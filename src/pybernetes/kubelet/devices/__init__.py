"""Device plugins: devices of the node that containers ask for as extended resources (`vendor.com/gpu: 1`).

    plugin ──Register──▶ registration.py ──▶ manager.py ◀──ListAndWatch── plugin
    manager ──▶ the node's capacity and allocatable
    container starts ──▶ manager.allocate ──▶ allocation.py chooses ──Allocate──▶ environment, mounts, devices

`plugin.py` is the contract of a plugin and its client (v1beta1), `allocation.py` decides (pure), `checkpoint.py` keeps
who has what across restarts of the kubelet. Follows the page "Device Plugins". Read `manager.py` first.
"""
