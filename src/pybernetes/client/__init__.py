"""The client side of the API: what every component stands on.

* `client.py` `Client`: one typed method per verb over any `App`. Read this first.
* `view.py`: how a kind (a Struct class, or a resource for custom kinds) is addressed and decoded.
* `in_process.py` `InProcessTransport`: the API server of the same process as a transport.
* `kubeconfig.py`, `config.py`: kubeconfig files, TLS material, in-cluster configuration -> a transport.
* `watch.py`: the list-then-watch state machine. `informer.py`, `informers.py`: cached, indexed collections over it.
* `events.py` `EventRecorder`: what `kubectl get events` shows. `leader.py` `LeaderElector`: one active of several.

    async with running("informers", informers.serve):
        pods = informers.of(Pod).list("default")
"""
