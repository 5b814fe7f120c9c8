"""The forms objects of one served version are answered in: whatever the cache holds goes through `shown` first."""

from ...api import status
from ..negotiation import Formats, PartialFormat, PlainFormat, TableFormat
from .columns import CustomColumns, CustomTableFormat
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
        self._partial = PartialFormat()
        self._columns = CustomColumns(version.version.columns)

    def table(self, include_object: str) -> TableFormat:
        include_object = include_object or "Metadata"
        if include_object not in ("None", "Metadata", "Object"):
            words = f'includeObject: Invalid value: "{include_object}": must be Metadata, Object or None'
            raise status.bad_request(words)
        found = self._tables.get(include_object)
        if found is None:
            found = self._tables[include_object] = CustomTableFormat(self._columns, include_object, self._version.shown)
        return found
