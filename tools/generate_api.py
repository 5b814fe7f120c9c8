"""Writes the Structs of `src/pybernetes/api/<group>/<kind>.py` from the type table `api/data/types.json`.

    .venv/bin/python tools/generate_api.py

Every root kind of the group versions below gets one file holding the kind and the types that it reaches first, in the
order of `_PRECEDENCE` (Pod before all that embeds a PodSpec), so imports always point to an earlier file and never
in a circle. The large parts of a pod (`_FILES_OF_PARTS`) come before all kinds. meta/v1 is one file. `__init__.py` of a
group names its types and imports a file when a name is first used.

How a field becomes an attribute is decided in docs/decisions/0003-object-representation.md:

* pointer, or omitted when empty      -> `T | None = None`
* struct held by value                -> `T`, made by its own class (upstream always writes it)
* scalar upstream always writes       -> `T`, made by a factory, so an explicit zero is written
* list or map upstream always writes  -> `T | None`, made by a factory (the wire may hold null)
"""

import keyword
import re
import subprocess
import sys
from pathlib import Path
from textwrap import wrap
from typing import Any

import msgspec

ROOT = Path(__file__).resolve().parents[1]
API = ROOT / "src/pybernetes/api"
TYPES: dict[str, Any] = msgspec.json.decode((API / "data/types.json").read_bytes())

# (group folder, alias of the group version, module of all its types or "" for one module per kind)
GROUP_VERSIONS = (
    ("core", "core/v1", ""),
    ("apps", "apps/v1", ""),
    ("batch", "batch/v1", ""),
    ("autoscaling", "autoscaling/v2", ""),
    ("autoscaling", "autoscaling/v1", "v1"),
    ("networking", "networking/v1", ""),
    ("discovery", "discovery/v1", ""),
    ("policy", "policy/v1", ""),
    ("rbac", "rbac/v1", ""),
    ("storage", "storage/v1", ""),
    ("coordination", "coordination/v1", ""),
    ("admissionregistration", "admissionregistration/v1", ""),
    ("apiextensions", "apiextensions/v1", ""),
    ("apiregistration", "apiregistration/v1", ""),
    ("authentication", "authentication/v1", ""),
    ("authorization", "authorization/v1", ""),
    ("certificates", "certificates/v1", ""),
    ("events", "events/v1", ""),
    ("flowcontrol", "flowcontrol/v1", ""),
    ("node", "node/v1", ""),
    ("dynamic_resource", "resource/v1", ""),
    ("scheduling", "scheduling/v1", ""),
    ("admission", "admission/v1", ""),
)
_PRECEDENCE = (
    "core/v1.Pod",
    "core/v1.Binding",
    "core/v1.PodTemplate",
    "core/v1.PersistentVolumeClaim",
    "core/v1.Service",
)
_FILES_OF_PARTS = {
    "core/volume.py": ("core/v1.Volume",),
    "core/container.py": ("core/v1.EphemeralContainer", "core/v1.Container"),
    "core/affinity.py": ("core/v1.Affinity",),
    "core/container_status.py": ("core/v1.ContainerStatus",),
}
"""Parts of a pod that are large enough for a file of their own."""
_META_LEFT_OUT = {"Timestamp", "TypeMeta", "InternalEvent", "Patch"}

_SCALARS = {
    "string": "str",
    "int32": "int",
    "int64": "int",
    "bool": "bool",
    "double": "float",
    "bytes": "bytes",
    "Quantity": "str",
    "Duration": "str",
    "Time": "datetime",
    "MicroTime": "MicroTime",
    "IntOrString": "int | str",
    "RawExtension": "dict[str, Any]",
    "FieldsV1": "dict[str, Any]",
    "JSON": "Any",
    "any": "Any",
    "Object": "dict[str, Any]",
}
_FACTORIES = {"str": "str", "int": "int", "bool": "bool", "float": "float", "int | str": "int"}
_BUILTIN_NAMES = {"int", "str", "bool", "bytes", "float", "list", "dict", "type_"}
_WORD = re.compile(r"[A-Z]{2,}s(?![a-z])|[A-Z]+[0-9]*(?![a-z])|[A-Z][a-z0-9]*|[a-z0-9]+")
_WRAPPED = re.compile(r"^(\[\]|map\[string\])")


def snake(name: str) -> str:
    """`podIPs` -> `pod_ips`, `from` -> `from_`, `x-kubernetes-int-or-string` -> `x_kubernetes_int_or_string`."""
    if name == "openAPIV3Schema":
        return "open_api_v3_schema"
    found = "_".join(word.lower() for word in _WORD.findall(name))
    return found + "_" if keyword.iskeyword(found) or found in _BUILTIN_NAMES else found


def resolved(type_name: str) -> str:
    """A type expression with named aliases replaced by what they stand for."""
    if type_name.startswith("apiextensions/v1.JSONSchemaPropsOr"):
        return "any"  # a schema, or a list, a boolean or names in its place
    wrapped = _WRAPPED.match(type_name)
    if wrapped:
        return wrapped[0] + resolved(type_name[wrapped.end() :])
    alias = TYPES.get(type_name, {}).get("alias")
    return resolved(alias) if alias else type_name


def leaf(type_name: str) -> str:
    while wrapped := _WRAPPED.match(type_name):
        type_name = type_name[wrapped.end() :]
    return type_name


def fields(type_name: str) -> list[dict[str, Any]]:
    """The fields of a type as they appear in JSON: inlined structs flattened."""
    found: list[dict[str, Any]] = []
    for field in TYPES[type_name]["f"]:
        if field.get("inl"):
            found += fields(resolved(field["t"]))
        else:
            found.append({**field, "t": resolved(field["t"])})
    return found


def reached(type_name: str, into: dict[str, None]) -> None:
    """All struct types a type refers to, dependencies first, itself last."""
    if type_name in into:
        return
    into[type_name] = None
    for field in fields(type_name):
        target = leaf(field["t"])
        if "/" in target:
            reached(target, into)
    del into[type_name]
    into[type_name] = None


class Module:
    """One generated file: the types it defines, in order of definition."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.types: list[str] = []

    @property
    def dotted(self) -> str:
        return "pybernetes.api." + self.path.removesuffix(".py").replace("/", ".")


def plan() -> tuple[list[Module], dict[str, Module]]:
    """Which type goes to which file."""
    owner: dict[str, Module] = {}
    modules: dict[str, Module] = {}

    def claim(path: str, root: str) -> None:
        module = modules.setdefault(path, Module(path))
        order: dict[str, None] = {}
        reached(root, order)
        for type_name in order:
            if type_name not in owner:
                owner[type_name] = module
                module.types.append(type_name)

    for name, row in TYPES.items():
        if name.startswith("meta/v1.") and "f" in row and name.removeprefix("meta/v1.") not in _META_LEFT_OUT:
            claim("meta.py", name)
    for path, roots in _FILES_OF_PARTS.items():
        for root in roots:
            claim(path, root)
    for folder, alias, single in GROUP_VERSIONS:
        kinds = [
            name
            for name, row in TYPES.items()
            if name.startswith(alias + ".") and row.get("root") and not row.get("list")
        ]
        kinds.sort(key=lambda name: _PRECEDENCE.index(name) if name in _PRECEDENCE else len(_PRECEDENCE))
        for root in kinds:
            claim(f"{folder}/{single or snake(root.rpartition('.')[2])}.py", root)
    return list(modules.values()), owner


def class_name(type_name: str) -> str:
    return type_name.rpartition(".")[2]


def annotation(type_name: str, inside: str) -> str:
    wrapped = _WRAPPED.match(type_name)
    if wrapped:
        inner = annotation(type_name[wrapped.end() :], inside)
        return f"list[{inner}]" if wrapped[0] == "[]" else f"dict[str, {inner}]"
    if type_name in _SCALARS:
        return _SCALARS[type_name]
    name = class_name(type_name)
    return f'"{name}"' if type_name == inside or _recursive(type_name, inside) else name


def _recursive(type_name: str, inside: str) -> bool:
    """Whether `inside` is needed by `type_name`, which therefore is defined after it."""
    order: dict[str, None] = {}
    reached(type_name, order)
    return inside in order and type_name != inside


def attribute(field: dict[str, Any], inside: str) -> str:
    """One line of a class body."""
    name, wire, type_name = snake(field["n"]), field["n"], field["t"]
    hint = annotation(type_name, inside)
    pointer, omitted = field.get("ptr"), field.get("oe")
    factory, optional = "", True
    if _WRAPPED.match(type_name):
        if not omitted:
            factory = "empty_list" if type_name.startswith("[]") else "empty_dict"
    elif "/" in type_name and not pointer:
        factory, optional = class_name(type_name), False
    elif not omitted and not pointer:
        factory = "zero_quantity" if type_name == "Quantity" else _FACTORIES.get(hint, "")
        optional = not factory
    if optional and hint != "Any":
        hint = f'"{hint.strip(chr(34))} | None"' if hint.startswith('"') else f"{hint} | None"
    rename = f'name="{wire}"' if wire != name else ""
    if factory:
        arguments = ", ".join(part for part in (rename, f"default_factory={factory}") if part)
        return f"    {name}: {hint} = msgspec.field({arguments})"
    if rename:
        return f"    {name}: {hint} = msgspec.field({rename}, default=None)"
    return f"    {name}: {hint} = None"


def class_text(type_name: str) -> str:
    row = TYPES[type_name]
    alias = type_name.rpartition(".")[0]
    lines = [f"class {class_name(type_name)}(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):"]
    if row.get("root"):
        group_version = "v1" if alias == "meta/v1" else TYPES["_gv"][alias]
        if type_name in ("meta/v1.Table", "meta/v1.PartialObjectMetadata", "meta/v1.PartialObjectMetadataList"):
            group_version = "meta.k8s.io/v1"
        lines += [
            f'    API_VERSION: ClassVar[str] = "{group_version}"',
            f'    KIND: ClassVar[str] = "{class_name(type_name)}"',
            f'    api_version: str = msgspec.field(name="apiVersion", default_factory=lambda: "{group_version}")',
            f'    kind: str = msgspec.field(default_factory=lambda: "{class_name(type_name)}")',
        ]
    rows = fields(type_name)
    names = [snake(field["n"]) for field in rows]
    assert len(set(names)) == len(names), (type_name, names)
    lines += [attribute(field, type_name) for field in rows]
    if len(lines) == 1:
        lines.append("    pass")
    return "\n".join(lines)


def module_text(module: Module, owner: dict[str, Module]) -> str:
    body = "\n\n\n".join(class_text(name) for name in module.types)
    imports: dict[str, set[str]] = {}
    for name in module.types:
        for field in fields(name):
            target = leaf(field["t"])
            if "/" in target and owner[target] is not module:
                imports.setdefault(owner[target].dotted, set()).add(class_name(target))
    for name in ("empty_list", "empty_dict", "zero_quantity"):
        if f"default_factory={name})" in body:
            imports.setdefault("pybernetes.api.always", set()).add(name)
    if "MicroTime |" in body:
        imports["pybernetes.api.instants"] = {"MicroTime"}
    typing = [name for name in ("Any", "ClassVar") if re.search(rf"\b{name}\b", body)]
    versions = sorted({name.rpartition(".")[0] for name in module.types})
    head = [
        f'"""{", ".join(versions)}: {class_name(module.types[-1])} and the types it is made of.',
        "",
        'Generated by tools/generate_api.py from api/data/types.json: change those, not this file.\n"""',
        "",
    ]
    if re.search(r"\bdatetime\b", body):
        head.append("from datetime import datetime")
    if typing:
        head.append(f"from typing import {', '.join(typing)}")
    head += ["", "import msgspec", ""]
    head += [f"from {source} import {', '.join(sorted(names))}" for source, names in sorted(imports.items())]
    return "\n".join(head) + "\n\n\n" + body + "\n"


def package_text(folder: str, modules: list[Module]) -> str:
    """`__init__.py` of a group: names only, each module imported on first use."""
    names: dict[str, str] = {}
    for module in modules:
        for type_name in module.types:
            names.setdefault(class_name(type_name), Path(module.path).stem)
    lines = [
        f'"""The {folder} API: each name is imported from its own module on first use.',
        "",
        'Generated by tools/generate_api.py from api/data/types.json: change those, not this file.\n"""',
        "",
        "from typing import TYPE_CHECKING",
        "",
        "from pybernetes.api.lazy import lazy_names",
        "",
        "if TYPE_CHECKING:",
    ]
    for name, stem in sorted(names.items()):
        lines.append(f"    from pybernetes.api.{folder}.{stem} import {name} as {name}")
    lines += ["else:", "    __getattr__, __dir__ = lazy_names(", "        __name__,", "        {"]
    by_module: dict[str, list[str]] = {}
    for name, stem in sorted(names.items()):
        by_module.setdefault(stem, []).append(name)
    for stem, found in sorted(by_module.items()):
        texts = wrap(" ".join(found), 100, initial_indent=" " * len(stem))
        lines.append(f'            "{stem}": "{texts[0].strip()}"')
        lines += [f'            " {text}"' for text in texts[1:]]
        lines[-1] += ","
    lines += ["        },", "    )", ""]
    return "\n".join(lines)


def main() -> None:
    modules, owner = plan()
    written = []
    for folder in dict.fromkeys(folder for folder, _, _ in GROUP_VERSIONS):
        (API / folder).mkdir(exist_ok=True)
        inside = [module for module in modules if module.path.startswith(folder + "/")]
        for stale in {*(API / folder).glob("*.py")} - {API / module.path for module in inside}:
            stale.unlink()
        (API / folder / "__init__.py").write_text(package_text(folder, inside))
        written.append(API / folder)
    for module in modules:
        (API / module.path).write_text(module_text(module, owner))
    written.append(API / "meta.py")
    ruff = [sys.executable, "-m", "ruff"]
    paths = [str(path) for path in written]
    subprocess.run([*ruff, "check", "--quiet", "--fix", "--ignore", "E501", *paths], cwd=ROOT, check=True)
    subprocess.run([*ruff, "format", "--quiet", *paths], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
