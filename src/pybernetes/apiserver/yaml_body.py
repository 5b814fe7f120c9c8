"""YAML bodies: one document as JSON values, and JSON values as one document.

YAML 1.1 as the API reads it: timestamps stay text, duplicate keys and aliases are refused.
"""

from typing import Any

import yaml

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Loader(_Base):  # type: ignore[misc]
    """SafeLoader without timestamps and sexagesimal integers."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in _Base.yaml_implicit_resolvers.items()
}


def load(data: bytes) -> Any:
    """The first document. ValueError when the text is not YAML or uses an alias."""
    try:
        text = data.decode()
        if (
            any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text, Loader=_Loader))
            if b"*" in data
            else False
        ):
            raise ValueError("aliases are not supported")
        return yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError("error converting YAML to JSON: yaml: " + str(error).replace("\n", " ")) from None


def dump(value: Any) -> bytes:
    text: str = yaml.dump(value, Dumper=_Dumper, default_flow_style=False, sort_keys=True, allow_unicode=True)
    return text.encode()
