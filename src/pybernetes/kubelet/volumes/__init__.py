"""Volumes: what a pod's containers find mounted.

    VolumeManager.mount(pod) ──▶ KINDS[kind].set_up(MountContext) ──▶ host path per volume
                  changes of config maps, secrets, token age ──▶ refresh(pod)

* `volume.py` is the contract of a kind; `registry.py` lists the kinds; one file per kind.
* `manager.py` owns directories, order, locks, clean-up and recovery after a crash.
* `payload.py` turns config maps, secrets, downward API items and tokens into files; `atomic_writer.py` swaps them in;
  `ownership.py` gives them to the pod's group.
* `objects.py` follows the objects a pod refers to; `tokens.py` fetches and rotates service-account tokens.
* `subpath.py` opens a path inside a volume without leaving it.

Read `volume.py` first. A pod's directories are those of upstream: `ROOT/pods/UID/volumes/kubernetes.io~KIND/NAME`.
"""
