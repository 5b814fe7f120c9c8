"""Names of a package that are imported from their own module when first used (PEP 562).

A component that needs Pod alone should not pay for sixty other kinds at start.
"""

import sys
from collections.abc import Callable
from importlib import import_module


def lazy_names(package: str, modules: dict[str, str]) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` for a package; `modules` maps a module to the names it holds, parted by spaces."""
    where = {name: module for module, names in modules.items() for name in names.split()}

    def get(name: str) -> object:
        module = where.get(name)
        if module is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        found: object = getattr(import_module(f"{package}.{module}"), name)
        setattr(sys.modules[package], name, found)
        return found

    return get, lambda: sorted(where)
