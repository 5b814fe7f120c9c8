"""ServiceAccounts (core/v1): nothing beyond their metadata."""

from .values import Errors, Object


def validate_create(account: Object) -> Errors:
    return []


def validate_update(new: Object, old: Object) -> Errors:
    return []
