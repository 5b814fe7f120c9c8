"""What names may look like: DNS labels and subdomains, qualified names, label values, keys, ports.

Every check returns upstream's messages, none when the value is good (apimachinery `util/validation`). They go into
the detail of an "Invalid value" field error, joined by the caller with `"; "` or one error each.
"""

import random
import re

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = _LABEL + r"(\." + _LABEL + ")*"
_DNS1035 = r"[a-z]([-a-z0-9]*[a-z0-9])?"
_QUALIFIED = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"

_NAME_CHARACTERS = "bcdfghjklmnpqrstvwxz2456789"
_GENERATED_BASE_LIMIT = 58


class _Rule:
    """A regular expression with the message upstream gives when it does not match."""

    def __init__(self, pattern: str, message: str, *examples: str) -> None:
        self.matches = re.compile(pattern, re.ASCII).fullmatch
        shown = " or ".join(f"'{example}', " for example in examples)
        start = f"(e.g. {shown}" if examples else "("
        self.message = f"{message} {start}regex used for validation is '{pattern}')"


_label = _Rule(
    _LABEL,
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
    "and must start and end with an alphanumeric character",
    "my-name",
    "123-abc",
)
_subdomain = _Rule(
    _SUBDOMAIN,
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
    "and must start and end with an alphanumeric character",
    "example.com",
)
_dns1035 = _Rule(
    _DNS1035,
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', "
    "start with an alphabetic character, and end with an alphanumeric character",
    "my-name",
    "abc-123",
)
_wildcard = _Rule(
    r"\*\." + _SUBDOMAIN,
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of "
    "lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
    "*.example.com",
)
_qualified = _Rule(
    _QUALIFIED,
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    "MyName",
    "my.name",
    "123-abc",
)
_label_value = _Rule(
    f"({_QUALIFIED})?",
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "
    "and must start and end with an alphanumeric character",
    "MyValue",
    "my_value",
    "12345",
)
_c_identifier = _Rule(
    "[A-Za-z_][A-Za-z0-9_]*",
    "a valid C identifier must start with alphabetic character or '_', "
    "followed by a string of alphanumeric characters or '_'",
    "my_name",
    "MY_NAME",
    "MyName",
)
_environment = _Rule(
    "[-._a-zA-Z][-._a-zA-Z0-9]*",
    "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', "
    "and must not start with a digit",
    "my.env-name",
    "MY_ENV.NAME",
    "MyEnvName1",
)
_relaxed_environment = re.compile(r"[ -<>-~]+").fullmatch
_config_key = _Rule(
    "[-._a-zA-Z0-9]+",
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
    "key.name",
    "KEY_NAME",
    "key-name",
)
_header = _Rule("[-A-Za-z0-9]+", "a valid HTTP header must consist of alphanumeric characters or '-'", "X-Header-Name")
_percent = _Rule("[0-9]+%", "a valid percent string must be a numeric string followed by an ending '%'", "1%", "93%")
_port_characters = re.compile("[-a-z0-9]+").fullmatch
_letter = re.compile("[a-z]").search


def max_length(limit: int) -> str:
    return f"must be no more than {limit} bytes"


def _checked(value: str, rule: _Rule, limit: int = 0) -> list[str]:
    messages = [max_length(limit)] if limit and len(value) > limit else []
    if rule.matches(value) is None:
        messages.append(rule.message)
    return messages


def dns1123_label(value: str) -> list[str]:
    """Names of namespaces, containers, volumes: at most 63 characters, no dots."""
    messages = [max_length(63)] if len(value) > 63 else []
    if _label.matches(value) is None:
        messages.append("must not contain dots" if _subdomain.matches(value) else _label.message)
    return messages


def dns1123_subdomain(value: str) -> list[str]:
    """Names of most objects: labels joined by dots, at most 253 characters."""
    return _checked(value, _subdomain, 253)


def dns1035_label(value: str) -> list[str]:
    """Names of services (before relaxed names): a label that starts with a letter."""
    return _checked(value, _dns1035, 63)


def wildcard_subdomain(value: str) -> list[str]:
    """`*.example.com`."""
    return _checked(value, _wildcard, 253)


def fully_qualified_domain(value: str) -> list[str]:
    """A subdomain of at least two labels, with or without the final dot."""
    if not value:
        return ["must be non-empty"]
    messages = dns1123_subdomain(value.removesuffix("."))
    if messages:
        return messages
    if value.removesuffix(".").count(".") < 1:
        return ["should be a domain with at least two segments separated by dots"]
    return []


def qualified_name(value: str) -> list[str]:
    """Keys of labels, annotations, resources: `[prefix/]name`."""
    prefix, slash, name = value.partition("/")
    messages: list[str] = []
    if not slash:
        name = value
    elif "/" in name:
        return [
            f"a qualified name {_qualified.message} "
            "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        ]
    elif not prefix:
        messages.append("prefix part must be non-empty")
    else:
        messages += [f"prefix part {message}" for message in dns1123_subdomain(prefix)]
    if not name:
        messages.append("name part must be non-empty")
    elif len(name) > 63:
        messages.append(f"name part {max_length(63)}")
    if _qualified.matches(name) is None:
        messages.append(f"name part {_qualified.message}")
    return messages


def label_value(value: str) -> list[str]:
    return _checked(value, _label_value, 63)


def c_identifier(value: str) -> list[str]:
    return _checked(value, _c_identifier)


def environment_name(value: str) -> list[str]:
    """The strict form of environment variable names."""
    return _checked(value, _environment) + _no_directory(value)


def relaxed_environment_name(value: str) -> list[str]:
    """Environment variable names as pods may use them: any printable ASCII but `=`."""
    if not value:
        return ["environment variable name must be non-empty"]
    if _relaxed_environment(value) is None:
        return ["a valid environment variable name must consist only of printable ASCII characters other than '='"]
    return []


def config_key(value: str) -> list[str]:
    """Keys of config maps and secrets."""
    return _checked(value, _config_key, 253) + _no_directory(value)


def header_name(value: str) -> list[str]:
    return _checked(value, _header)


def percent(value: str) -> list[str]:
    return _checked(value, _percent)


def port_number(value: int) -> list[str]:
    return [] if 1 <= value <= 65535 else ["must be between 1 and 65535, inclusive"]


def port_name(value: str) -> list[str]:
    """IANA service names: at most 15 of a-z, 0-9 and single inner hyphens, one letter at least."""
    messages = [max_length(15)] if len(value) > 15 else []
    if _port_characters(value) is None:
        messages.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if _letter(value) is None:
        messages.append("must contain at least one letter (a-z)")
    if "--" in value:
        messages.append("must not contain consecutive hyphens")
    if value and (value[0] == "-" or value[-1] == "-"):
        messages.append("must not begin or end with a hyphen")
    return messages


def path_segment(value: str) -> list[str]:
    """Names of kinds that allow almost anything, such as roles: what fits between two slashes of a URL."""
    if value in (".", ".."):
        return [f"may not be '{value}'"]
    return [f"may not contain '{character}'" for character in "/%" if character in value]


def without_trailing_dash(prefix: str) -> str:
    """A generateName as its checks see it: the dash that the suffix follows stands for a letter."""
    return prefix[:-2] + "a" if len(prefix) > 1 and prefix.endswith("-") else prefix


def generated_name(prefix: str) -> str:
    """generateName cut to 58 characters and five random ones that spell no words. They are no secret, so they are not
    asked of the kernel, which would take 8 us."""
    return prefix[:_GENERATED_BASE_LIMIT] + "".join(random.choices(_NAME_CHARACTERS, k=5))


def _no_directory(value: str) -> list[str]:
    if value in (".", ".."):
        return [f"must not be '{value}'"]
    return ["must not start with '..'"] if value.startswith("..") else []
