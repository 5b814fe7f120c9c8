"""KubeSchedulerConfiguration (kubescheduler.config.k8s.io/v1): the file that `pybernetes scheduler --config` reads.

`types.py` is the document with its defaults, `load.py` reads and checks it, `validation.py` has upstream's rules and
words, `plugin_sets.py` works out which plugins act where.
"""
