"""Environment variables from a file in one of the pod's volumes: `fileKeyRef` (KEP-3721). Pure.

The syntax is a small part of the shell's, so that nothing has to be guessed (page "Define Environment Variable Values
Using An Init Container"): `NAME='value'` with the value taken literally, over several lines if it has any; blank lines
and lines that begin with `#` are skipped, and so is a comment after the closing quote.
"""

MAXIMUM_BYTES = 64 * 1024


class EnvFileError(ValueError):
    """The file is not an environment file; the message names the line."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(f"invalid environment variable format at line {line}: {why}")


def variables(text: str) -> dict[str, str]:
    """Every variable of the file; the first of a name counts. EnvFileError."""
    found: dict[str, str] = {}
    number, at = 1, 0
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        line = text[at:end].lstrip(" \t")
        if not line.strip() or line.startswith("#"):
            at, number = end + 1, number + 1
            continue
        name, equals, rest = line.partition("=")
        if not equals:
            raise EnvFileError(number, "missing '='")
        if not name.strip():
            raise EnvFileError(number, "empty variable name")
        if name != name.rstrip(" \t"):
            raise EnvFileError(number, "whitespace before '='")
        value = ""
        if rest.startswith("'"):
            begins = end - len(rest) + 1
            closes = text.find("'", begins)
            if closes < 0:
                raise EnvFileError(number, "unclosed single quote")
            value = text[begins:closes]
            end = text.find("\n", closes)
            end = len(text) if end < 0 else end
            after = text[closes + 1 : end].strip()
            if after and not after.startswith("#"):
                raise EnvFileError(number + value.count("\n"), "unexpected content after the closing quote")
        elif rest.strip() and not rest.startswith((" ", "\t")):
            raise EnvFileError(number, "value must be enclosed in single quotes")
        found.setdefault(name, value)
        at, number = end + 1, number + 1 + value.count("\n")
    return found
