"""The Common Expression Language as Kubernetes has it (Reference, "Common Expression Language in Kubernetes").

    environment = Environment({"self": schema_type})
    program = environment.compile("self.replicas <= self.maxReplicas", expect=BOOL)
    value, error, cost = program.run({"self": obj}, PER_CALL_LIMIT)

`lexer` and `parser` make the tree of `ast`, `checker` types it, `compiler` turns it into a Python function that counts
its cost; `estimate` bounds that cost before there is any data. `functions` holds the libraries, `values` what Python
has no type for, `schema_types` the types of structural schemas and built-in kinds. Read `program.py` first.
"""

from .errors import CelError, CompileError, CostExceeded, EvaluationError
from .program import PER_CALL_LIMIT, Environment, Program

__all__ = [
    "PER_CALL_LIMIT",
    "CelError",
    "CompileError",
    "CostExceeded",
    "Environment",
    "EvaluationError",
    "Program",
]
