"""The forms objects of one served version are answered in: whatever the cache holds goes through `shown` first."""

import orjson

from ..formats import Formats, Object, PlainFormat
from ..table import Included, Rows
from .columns import CustomRows
from .version import CustomVersion


class CustomPlain(PlainFormat):
    def __init__(self, version: CustomVersion) -> None:
        super().__init__(version.info)
        self._version = version

    def encode(self, data: bytes) -> bytes:
        return self._version.shown(data)


class CustomFormats(Formats):
    """See the module docstring."""

    def __init__(self, version: CustomVersion) -> None:
        super().__init__(version.info, None)
        self._version = version
        self.plain = CustomPlain(version)

    def _rows(self, included: Included) -> Rows:
        return CustomRows(self._version.version.columns, included)

    def _read(self, data: bytes) -> Object:
        obj: Object = orjson.loads(self._version.shown(data))
        return obj
