"""Default values of built-in kinds, as upstream's versioned defaulting sets them.

    apply_defaults(obj, "apps/v1", "Deployment")      # in place, on a dict that `ObjectSchema.decode` has normalised

Plain defaults are data (`api/data/defaults.json`) and compiled per type by `compiled.py`; those with a condition are
code: `pods.py`, `workloads.py`, `services.py`, `cluster.py`, each a table from type to function. Fields that upstream's
conversion keeps in step (`podIP` and `podIPs`, `stringData` into `data`) are among them. What create strategies and
admission set is not done here.
"""

from .compiled import apply_defaults

__all__ = ["apply_defaults"]
