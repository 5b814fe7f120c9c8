"""Programs beside the kubelet that add to what a node can do: CSI drivers register here.

    plugins_registry/*.sock ──inotify──▶ watcher.py ──GetInfo──▶ handler of the plugin's type ──NotifyRegistrationStatus
    socket gone ──────────────────────▶ handler.deregister

`watcher.py` finds the sockets and speaks the registration protocol (pluginregistration v1), `channel.py` carries gRPC
calls over a unix socket. What a plugin does once it is registered is the business of its handler: `kubelet/csi`.
"""
