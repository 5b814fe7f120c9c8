"""`ObjectSchema`: everything the server does with a type without knowing it — decode, look up fields."""

from collections.abc import Sequence
from functools import cache
from typing import Any, Literal

from ..status import bad_request
from .decoding import struct_decoder, unknown_paths
from .joining import joined
from .loading import Duplicates
from .scalars import Found
from .table import FieldSchema, fields, is_struct, table, type_of
from .wrong import WrongValue

_LISTED_PROBLEMS = 100


class ObjectSchema:
    """One struct type of the table."""

    __slots__ = ("_decode", "api_version", "fields", "kind", "name", "type")

    def __init__(self, type_name: str, api_version: str) -> None:
        self.type = type_name
        self.name = type_name.rpartition(".")[2]
        self.kind = self.name
        self.api_version = api_version
        self.fields: dict[str, FieldSchema] = fields(type_name)
        self._decode = struct_decoder(type_name)

    def decode(
        self,
        obj: dict[str, Any],
        *,
        unknown: Literal["ignore", "warn", "strict"] = "ignore",
        duplicates: Sequence[str] = (),
        by_path: bool = False,
    ) -> list[str]:
        """Normalises a wire dict in place; returns what upstream would warn of (`unknown field "spec.foo"`).

        `duplicates` are those of `load` or other messages, reported with the unknown fields. Unknown fields come in
        the order of the document, or `by_path` in that of a document with sorted keys, which is what upstream sees of
        YAML and patches. StatusError 400 when a value has the wrong type, and under `strict` when there is anything to
        warn of.
        """
        found: Found = []
        try:
            self._decode(obj, found)
        except WrongValue as error:
            raise bad_request(self._unusable(error.text())) from None
        if unknown == "ignore" or not (found or duplicates):
            return []
        paths = unknown_paths(obj, found)
        unknown_fields = list(dict.fromkeys(joined(path) for path in (sorted(paths) if by_path else paths)))
        if isinstance(duplicates, Duplicates) and not by_path:
            problems = duplicates.with_unknown(unknown_fields)
        else:
            problems = [*duplicates, *(f'unknown field "{path}"' for path in unknown_fields)]
        problems = list(dict.fromkeys(problems))[:_LISTED_PROBLEMS]
        if unknown == "strict":
            raise bad_request(self._unusable(f"strict decoding error: {', '.join(problems)}"))
        return problems

    def _unusable(self, why: str) -> str:
        version = self.api_version.rpartition("/")[2]
        return f'{self.kind} in version "{version}" cannot be handled as a {self.kind}: {why}'

    def struct(self, name: str) -> "ObjectSchema | None":
        """The schema of a field's struct type (of the items or values, for lists and maps), if it has one."""
        field = self.fields.get(name)
        return schema_of_type(field.element) if field is not None and is_struct(field.element) else None


@cache
def schema_of_type(name: str) -> ObjectSchema:
    """The schema of a struct type: `schema_of_type("core/v1.PodSpec")`. KeyError when there is none."""
    if not is_struct(name):
        raise KeyError(name)
    return ObjectSchema(name, table()["_gv"][name.rpartition(".")[0]])


@cache
def schema_for(api_version: str, kind: str) -> ObjectSchema | None:
    """The schema of a kind: `schema_for("apps/v1", "Deployment")`. None when the table does not know it."""
    name = type_of(api_version, kind)
    return None if name is None else ObjectSchema(name, api_version)
