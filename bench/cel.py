"""What does a CEL expression cost, compiled to Python, beside the C++ evaluator?

    .venv/bin/python bench/cel.py [--rounds 7]

Expressions of policies on one pod of 5 KB. `ours` runs the compiled function on the pod's dict as it is, counting cost;
`c++` is cel-expr-python: `reused` keeps one converted activation, `request` converts the dict once per evaluation, as a
request would have to. Every figure is the median of the rounds, in microseconds; the two run interleaved.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.representation import sample

from pybernetes.api.cel import PER_CALL_LIMIT, Environment
from pybernetes.api.cel.types import DYN

EXPRESSIONS = {
    "one field": "object.spec.nodeName == 'node-1'",
    "all images": "object.spec.containers.all(c, c.image.startsWith('registry.local/'))",
    "limits": "object.spec.containers.all(c, has(c.resources.limits) && has(c.resources.limits.memory))",
    "no root": "!has(object.spec.securityContext) || !has(object.spec.securityContext.runAsUser) || "
    "object.spec.securityContext.runAsUser > 0",
    "labels": "has(object.metadata.labels) && 'app' in object.metadata.labels && "
    "object.metadata.labels['app'].matches('^[a-z-]+$')",
}


def timed(call: Callable[[], Any], seconds: float = 0.05) -> float:
    """Microseconds a call."""
    count, begun = 0, time.perf_counter()
    while True:
        for _ in range(100):
            call()
        count += 100
        spent = time.perf_counter() - begun
        if spent > seconds:
            return spent / count * 1e6


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    from cel_expr_python import cel

    pod = sample()
    variables = {"object": pod}
    ours, theirs = Environment({"object": DYN}), cel.NewEnv(variables={"object": cel.Type.DYN})
    activation = theirs.Activation(variables)
    print(f"{'expression':<12}{'ours':>8}{'reused':>9}{'request':>9}{'ratio':>8}{'compile ours':>14}{'c++':>8}   (us)")
    for name, source in EXPRESSIONS.items():
        program, expression = ours.compile(source), theirs.compile(source)
        value, error, _ = program.run(variables, PER_CALL_LIMIT)
        assert error is None and value == expression.eval(activation=activation).plain_value(), name
        cases: dict[str, Callable[[], Any]] = {
            "ours": lambda program=program: program.run(variables, PER_CALL_LIMIT),
            "reused": lambda expression=expression: expression.eval(activation=activation),
            "request": lambda expression=expression: expression.eval(data=variables),
            "compile": lambda source=source: ours.compile(source),
            "their compile": lambda source=source: theirs.compile(source),
        }
        figures: dict[str, list[float]] = {case: [] for case in cases}
        for _ in range(rounds):
            for case, call in cases.items():
                figures[case].append(timed(call))
        median = {case: statistics.median(found) for case, found in figures.items()}
        print(
            f"{name:<12}{median['ours']:>8.2f}{median['reused']:>9.2f}{median['request']:>9.1f}"
            f"{median['request'] / median['ours']:>7.0f}x{median['compile']:>14.0f}{median['their compile']:>8.0f}"
        )


if __name__ == "__main__":
    main()
