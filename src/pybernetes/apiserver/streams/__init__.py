"""Subresources that connect through to somewhere else: logs, exec, attach, port-forward, and the proxies.

    kubectl logs|exec|attach|port-forward -> API server -> https://NODE:10250 of the pod's kubelet -> container runtime
    .../pods|services|nodes/NAME/proxy/   -> API server -> the pod, an endpoint of the service, the kubelet

`handlers.py` gives one handler per subresource. `kubelet_dialer.py` knows where kubelets are; `relay.py` passes
upgraded connections through byte by byte. Clients since kubectl 1.30 speak WebSocket forms that no kubelet understands;
these are translated: `stream_translator.py` (v5.channel.k8s.io to SPDY) and `tunnel.py` (SPDY inside a WebSocket).
"""
