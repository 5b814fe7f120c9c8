"""`explain` of what the stock client at hand does not show yet: `externalDocs` (v1.36)."""

from types import SimpleNamespace
from typing import Any

from pybernetes.kubectl.commands.explain import Kinds, _print

SCHEMA = {
    "description": "A thing.",
    "externalDocs": {"description": "All about it.", "url": "https://example.com/thing"},
    "properties": {"size": {"type": "integer", "externalDocs": {"url": "https://example.com/size"}}},
}


def _explained(schema: dict[str, Any], *path: str, recursive: bool = False) -> list[str]:
    lines: list[str] = []
    session: Any = SimpleNamespace(
        print=lambda *shown: lines.extend(shown), flags=SimpleNamespace(on=lambda name: recursive)
    )
    _print(session, Kinds({}), schema, list(path))
    return lines


def test_external_docs_come_after_the_description_and_with_each_field() -> None:
    assert _explained(SCHEMA) == [
        "DESCRIPTION:",
        "    A thing.",
        "    ",
        "",
        "EXTERNAL DOCS:",
        "    All about it.",
        "    URL: https://example.com/thing",
        "FIELDS:",
        "  size\t<integer>",
        "    <no description>",
        "",
        "    EXTERNAL DOCS:",
        "      URL: https://example.com/size",
        "",
        "",
    ]


def test_a_list_of_names_has_no_room_for_docs_of_fields() -> None:
    assert _explained(SCHEMA, recursive=True)[-2:] == ["  size\t<integer>", ""]
