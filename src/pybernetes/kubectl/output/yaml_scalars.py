"""Scalars of YAML as libyaml analyses and writes them: plain, single quoted, double quoted, literal."""

from __future__ import annotations

WIDTH = 80
_BREAKS = "\n\r\x85\u2028\u2029"


class Analysis:
    """Which styles a text may have in a block context."""

    __slots__ = ("block_allowed", "multiline", "plain_allowed", "single_allowed")

    def __init__(self, text: str) -> None:
        if not text:
            self.block_allowed, self.multiline, self.plain_allowed, self.single_allowed = False, False, False, True
            return
        indicators = text.startswith(("---", "..."))
        line_breaks = special = False
        leading_space = leading_break = trailing_space = trailing_break = break_space = space_break = False
        before_space = True
        previous_space = previous_break = False
        last = len(text) - 1
        for position, letter in enumerate(text):
            after = text[position + 1] if position < last else ""
            followed = not after or after in " \t" or after in _BREAKS
            if position == 0:
                if letter in "#,[]{}&*!|>'\"%@`" or (letter in "?:-" and followed):
                    indicators = True
            elif (letter == ":" and followed) or (letter == "#" and before_space):
                indicators = True
            if not _printable(letter):
                special = True
            if letter in _BREAKS:
                line_breaks = True
            if letter == " ":
                leading_space |= position == 0
                trailing_space |= position == last
                break_space |= previous_break
                previous_space, previous_break = True, False
            elif letter in _BREAKS:
                leading_break |= position == 0
                trailing_break |= position == last
                space_break |= previous_space
                previous_space, previous_break = False, True
            else:
                previous_space = previous_break = False
            before_space = letter in " \t" or letter in _BREAKS
        self.multiline = line_breaks
        self.plain_allowed = not (
            leading_space
            or leading_break
            or trailing_space
            or trailing_break
            or break_space
            or space_break
            or special
            or line_breaks
            or indicators
        )
        self.single_allowed = not (break_space or space_break or special)
        self.block_allowed = not (trailing_space or space_break or special)


def _printable(letter: str) -> bool:
    """May a letter stand for itself? U+0085 may in YAML, but reads back as a blank: here it is escaped always."""
    number = ord(letter)
    return (
        number == 0x0A
        or 0x20 <= number <= 0x7E
        or 0xA0 <= number <= 0xD7FF
        or (0xE000 <= number <= 0xFFFD and number != 0xFEFF)
    )


_TABLE = frozenset(
    "y Y yes Yes YES true True TRUE on On ON n N no No NO false False FALSE off Off OFF ~ null "
    "Null NULL .nan .NaN .NAN "
    ".inf .Inf .INF +.inf +.Inf +.INF -.inf -.Inf -.INF <<".split()
) | {""}


def reads_as_text(text: str) -> bool:
    """Would it read back as a text when written without quotes?"""
    if text in _TABLE:
        return text == "<<"
    first = text[0]
    if first == ".":
        return not _is_float(text)
    if first not in "+-0123456789":
        return True
    if ":" in text and _is_base60(text):
        return False
    if first.isdigit() and len(text) > 4 and text[:4].isdigit() and text[4] == "-" and _is_time(text):
        return False
    bare = text.replace("_", "")
    return not (_is_int(bare) or _is_yaml_float(bare))


def _is_int(text: str) -> bool:
    digits = text[1:] if text[:1] in "+-" else text
    if not digits.isascii():
        return False
    lower = digits.lower()
    if lower[:2] in ("0x", "0o", "0b"):
        try:
            int(digits, 0)
        except ValueError:
            return False
        return True
    if not digits.isdigit():
        return False
    if len(digits) > 1 and digits[0] == "0":
        return not any(digit in "89" for digit in digits) or _is_yaml_float(text)
    return int(digits) < 2**64 or True


def _is_yaml_float(text: str) -> bool:
    """`[-+]?[0-9]*\\.?[0-9]+([eE][-+]?[0-9]+)?`, or a number with a point at its end."""
    body = text[1:] if text[:1] in "+-" else text
    mantissa, mark, exponent = body.lower().partition("e")
    if mark and not (exponent[1:] if exponent[:1] in ("+", "-") else exponent).isdigit():
        return False
    whole, _, fraction = mantissa.partition(".")
    if not (whole + fraction).isdigit() or not mantissa.isascii():
        return False
    return "_" not in text


def _is_float(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_base60(text: str) -> bool:
    body = text[1:] if text[:1] in "+-" else text
    head, *parts = body.split(":")
    if not head[:1].isdigit() or head.replace("_", "").strip("0123456789"):
        return False
    for number, part in enumerate(parts):
        if number == len(parts) - 1:
            part, point, fraction = part.partition(".")
            if point and fraction.replace("_", "").strip("0123456789"):
                return False
        if not part.isdigit() or len(part) > 2 or (len(part) == 2 and part[0] > "5"):
            return False
    return True


def _is_time(text: str) -> bool:
    """The forms of a timestamp that yaml.v2 knows."""
    date, mark, clock = text, "", ""
    for sign in "Tt ":
        if sign in text:
            date, mark, clock = text.partition(sign)
            break
    parts = date.split("-")
    if len(parts) != 3 or not all(part.isdigit() for part in parts) or len(parts[0]) != 4:
        return False
    if len(parts[1]) > 2 or len(parts[2]) > 2 or not 1 <= int(parts[1]) <= 12 or not 1 <= int(parts[2]) <= 31:
        return False
    return not mark or _is_clock(clock, zone=mark != " ")


def _is_clock(text: str, *, zone: bool) -> bool:
    if zone:
        if text.endswith("Z"):
            text = text[:-1]
        elif len(text) > 6 and text[-3] == ":" and text[-6] in "+-":
            text = text[:-6]
        else:
            return False
    whole, point, fraction = text.partition(".")
    if point and not fraction.isdigit():
        return False
    parts = whole.split(":")
    return len(parts) == 3 and all(part.isdigit() and len(part) <= 2 for part in parts)


def folded_plain(text: str, column: int, indent: int, *, breaks: bool) -> str:
    """Plain; broken at a single space once the line is longer than the width."""
    if not breaks or column + len(text) <= WIDTH or " " not in text:
        return text
    return _folded(text, column, indent, quote="")


def single_quoted(text: str, column: int, indent: int, *, breaks: bool) -> str:
    if (not breaks or column + len(text) + text.count("'") < WIDTH or " " not in text) and text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    return "'" + _folded(text, column + 1 if breaks else -1_000_000, indent, quote="'") + "'"


def _folded(text: str, column: int, indent: int, *, quote: str) -> str:
    parts: list[str] = []
    spaces = False
    last = len(text) - 1
    for position, letter in enumerate(text):
        if position and text[position - 1] in _BREAKS and letter not in _BREAKS:
            parts.append(" " * indent)
            column = indent
        if letter == " ":
            foldable = not spaces and column > WIDTH and position < last and text[position + 1] != " "
            if quote and position == 0:
                foldable = False
            if foldable:
                parts.append("\n" + " " * indent)
                column = indent
            else:
                parts.append(" ")
                column += 1
            spaces = True
            continue
        shown = letter * 2 if letter == quote else letter
        parts.append(shown)
        column += len(shown)
        spaces = False
    return "".join(parts)


_SHORT = {0: "0", 7: "a", 8: "b", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r", 0x1B: "e", 0x22: '"', 0x5C: "\\"}
_SHORT |= {0x85: "N", 0xA0: "_", 0x2028: "L", 0x2029: "P"}


def double_quoted(text: str, column: int, indent: int, *, breaks: bool) -> str:
    parts = ['"']
    column += 1
    marked = text[:1] == "\ufeff"  # the emitter looks for a byte order mark at the beginning only, for every letter
    spaces = False
    last = len(text) - 1
    for position, letter in enumerate(text):
        number = ord(letter)
        if marked or not _printable(letter) or letter in _BREAKS or letter in '"\\':
            if number in _SHORT:
                shown = "\\" + _SHORT[number]
            elif number <= 0xFF:
                shown = f"\\x{number:02X}"
            elif number <= 0xFFFF:
                shown = f"\\u{number:04X}"
            else:
                shown = f"\\U{number:08X}"
            parts.append(shown)
            column += len(shown)
            spaces = False
        elif letter == " ":
            if breaks and not spaces and column > WIDTH and 0 < position < last:
                parts.append("\n" + " " * indent)
                column = indent
                if text[position + 1] == " ":
                    parts.append("\\")
                    column += 1
            else:
                parts.append(" ")
                column += 1
            spaces = True
        else:
            parts.append(letter)
            column += 1
            spaces = False
    return "".join(parts) + '"'


def literal(text: str, indent: int) -> str:
    """A literal block: header with its hints, then the lines."""
    hint = "2" if text[0] == " " or text[0] in _BREAKS else ""
    if text[-1] not in _BREAKS:
        chomp = "-"
    elif len(text) == 1 or text[-2] in _BREAKS:
        chomp = "+"
    else:
        chomp = ""
    margin = " " * indent
    if "\u2028" in text or "\u2029" in text:
        return f"|{hint}{chomp}\n{_indented(text, margin)}".removesuffix("\n")
    lines = text.split("\n")
    body = "".join("\n" + (margin + line if line else "") for line in (lines if lines[-1] else lines[:-1]))
    return f"|{hint}{chomp}{body}"


def _indented(text: str, margin: str) -> str:
    """The margin stands before the first letter after any break, those of Unicode included."""
    parts: list[str] = []
    fresh = True
    for letter in text:
        if letter in _BREAKS:
            fresh = True
        elif fresh:
            parts.append(margin)
            fresh = False
        parts.append(letter)
    return "".join(parts)
