"""Label and field selectors (apimachinery `labels` and `fields`).

`parse_labels` reads the query form (`app=web,tier in (a,b),!old`), `from_label_selector` the object form (matchLabels,
matchExpressions); both give a `Labels` (labels.py, label_parser.py). `parse_fields` reads `a=b,c!=d` into a `Fields`
(fields.py). Text that is no selector raises StatusError 400 with upstream's message.
"""

from .fields import FieldRequirement, Fields, escape_field_value, parse_fields
from .label_parser import parse_labels
from .labels import (
    DOES_NOT_EXIST,
    DOUBLE_EQUALS,
    EQUALS,
    EVERYTHING,
    EXISTS,
    GREATER_THAN,
    IN,
    LESS_THAN,
    NOT_EQUALS,
    NOT_IN,
    NOTHING,
    Labels,
    Requirement,
    from_label_selector,
    from_labels,
    requirement,
)

__all__ = [
    "DOES_NOT_EXIST",
    "DOUBLE_EQUALS",
    "EQUALS",
    "EVERYTHING",
    "EXISTS",
    "GREATER_THAN",
    "IN",
    "LESS_THAN",
    "NOTHING",
    "NOT_EQUALS",
    "NOT_IN",
    "FieldRequirement",
    "Fields",
    "Labels",
    "Requirement",
    "escape_field_value",
    "from_label_selector",
    "from_labels",
    "parse_fields",
    "parse_labels",
    "requirement",
]
