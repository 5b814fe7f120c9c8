"""Paths inside volumes and the like: relative ones stay below where they start."""

from .. import field
from .values import Errors

FILE_MODE = "must be a number between 0 and 0777 (octal), both inclusive"


def no_backsteps(value: str, path: str) -> Errors:
    return [field.invalid(path, value, "must not contain '..'")] if ".." in value.split("/") else []


def descending(value: str, path: str) -> Errors:
    """Relative and without `..`."""
    errors: Errors = [field.invalid(path, value, "must be a relative path")] if value.startswith("/") else []
    return errors + no_backsteps(value, path)


def descending_unreserved(value: str, path: str) -> Errors:
    """As `descending`, and not beginning with two dots, which atomic volume writers use."""
    errors = descending(value, path)
    if value.startswith("..") and not value.startswith("../"):
        errors.append(field.invalid(path, value, "must not start with '..'"))
    return errors


def file_mode(value: int | None, path: str) -> Errors:
    return [] if value is None or 0 <= value <= 0o777 else [field.invalid(path, value, FILE_MODE)]
