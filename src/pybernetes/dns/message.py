"""The DNS message codec (RFC 1035, RFC 6891): bytes in, `Query` out; `Answer` in, bytes out. No I/O.

Names are lower-case text with a final dot ("web.default.svc.cluster.local."); case is folded for look-up and the
question is echoed byte for byte, so that resolvers that randomise case are answered in theirs.
"""

import struct
from ipaddress import IPv4Address, IPv6Address

import msgspec

A, NS, CNAME, SOA, PTR, TXT, AAAA, SRV, OPT, ANY = 1, 2, 5, 6, 12, 16, 28, 33, 41, 255
CLASS_IN = 1
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = 0, 1, 2, 3, 4, 5
_POINTER = 0xC0
_PLAIN_UDP = 512
_MAX_UDP = 1232


class MalformedMessage(Exception):
    """The bytes are not a DNS query; `identifier` is the message's if it could be read."""

    def __init__(self, why: str, identifier: int | None = None) -> None:
        super().__init__(why)
        self.identifier = identifier


class Query(msgspec.Struct, frozen=True):
    """One question. `wire` is the question section as sent; `udp_size` what the client can take over UDP."""

    identifier: int
    name: str
    type: int
    wire: bytes
    recursion_desired: bool = True
    udp_size: int = _PLAIN_UDP
    edns: bool = False


class Record(msgspec.Struct, frozen=True):
    """One resource record; `data` is encoded rdata except that names in it are compressed nowhere."""

    name: str
    type: int
    ttl: int
    data: bytes


class Answer(msgspec.Struct):
    """What is replied: a code and three sections."""

    code: int = NOERROR
    records: list[Record] = []
    authority: list[Record] = []
    additional: list[Record] = []
    authoritative: bool = False


def encode_name(name: str) -> bytes:
    """A name without compression. ValueError when a label is longer than 63 bytes."""
    found = bytearray()
    for label in name.rstrip(".").split("."):
        raw = label.encode("utf-8", "surrogateescape")
        if len(raw) > 63:
            raise ValueError(f"DNS label is too long: {label}")
        if raw:
            found.append(len(raw))
            found += raw
    return bytes(found) + b"\0"


def decode_name(data: bytes, offset: int) -> tuple[str, int]:
    """The name at an offset and the offset behind it; pointers are followed, loops refused."""
    labels: list[str] = []
    end = 0
    budget = 128
    while True:
        budget -= 1
        if offset >= len(data) or budget < 0:
            raise MalformedMessage("name runs out of the message")
        length = data[offset]
        if length & _POINTER == _POINTER:
            if offset + 1 >= len(data):
                raise MalformedMessage("name runs out of the message")
            end = end or offset + 2
            offset = (length & 0x3F) << 8 | data[offset + 1]
            continue
        if length & _POINTER:
            raise MalformedMessage("reserved label type")
        offset += 1
        if not length:
            return ".".join(labels).lower() + ".", end or offset
        labels.append(data[offset : offset + length].decode("utf-8", "surrogateescape"))
        offset += length


def decode_query(data: bytes) -> Query:
    """Read a query. MalformedMessage when it is none (a response, several questions, cut short)."""
    if len(data) < 12:
        raise MalformedMessage("shorter than a header")
    identifier, flags, questions, _, _, additional = struct.unpack_from("!6H", data)
    if flags & 0x8000:
        raise MalformedMessage("a response")
    if flags & 0x7800 or questions != 1:
        raise MalformedMessage("not a single standard query", identifier)
    name, offset = decode_name(data, 12)
    if offset + 4 > len(data):
        raise MalformedMessage("question is cut short", identifier)
    kind, _ = struct.unpack_from("!2H", data, offset)
    end = offset + 4
    udp_size, edns = _PLAIN_UDP, False
    if additional and len(data) >= end + 11 and data[end] == 0:
        option, size = struct.unpack_from("!2H", data, end + 1)
        if option == OPT:
            udp_size, edns = max(_PLAIN_UDP, min(size, _MAX_UDP)), True
    return Query(identifier, name, kind, data[12:end], bool(flags & 0x0100), udp_size, edns)


def encode_query(identifier: int, name: str, kind: int) -> bytes:
    """A recursive query with EDNS, for asking other servers."""
    header = struct.pack("!6H", identifier, 0x0100, 1, 0, 0, 1)
    option = b"\0" + struct.pack("!2HIH", OPT, _MAX_UDP, 0, 0)
    return header + encode_name(name) + struct.pack("!2H", kind, CLASS_IN) + option


def encode_answer(query: Query, answer: Answer, *, udp: bool = False) -> bytes:
    """The reply to a query. Over UDP what does not fit is left out and TC is set, so that the client asks over TCP."""
    limit = query.udp_size if udp else 65535
    body, counts, truncated = _sections(query, answer, limit)
    flags = 0x8000 | 0x0080 | answer.code
    if query.recursion_desired:
        flags |= 0x0100
    if answer.authoritative:
        flags |= 0x0400
    if truncated:
        flags |= 0x0200
    if query.edns:
        body += b"\0" + struct.pack("!2HIH", OPT, _MAX_UDP, 0, 0)
        counts[2] += 1
    return struct.pack("!6H", query.identifier, flags, 1, *counts) + query.wire + body


def _sections(query: Query, answer: Answer, limit: int) -> tuple[bytes, list[int], bool]:
    names = {query.name: 12}
    base = 12 + len(query.wire)
    room = limit - base - (11 if query.edns else 0)
    body = bytearray()
    counts = [0, 0, 0]
    for section, records in enumerate((answer.records, answer.authority, answer.additional)):
        for record in records:
            encoded = _encode_record(record, names, base + len(body))
            if len(body) + len(encoded) > room:
                return bytes(body), counts, section == 0
            body += encoded
            counts[section] += 1
    return bytes(body), counts, False


def _encode_record(record: Record, names: dict[str, int], offset: int) -> bytes:
    """Owner names that stood before become pointers; that is nearly all there is to gain."""
    known = names.get(record.name)
    if known is not None:
        owner = struct.pack("!H", _POINTER << 8 | known)
    else:
        owner = encode_name(record.name)
        if offset < 0x3FFF:
            names[record.name] = offset
    return owner + struct.pack("!2HIH", record.type, CLASS_IN, record.ttl, len(record.data)) + record.data


def failure(identifier: int, code: int) -> bytes:
    """A reply without sections, for messages that could not be read."""
    return struct.pack("!6H", identifier, 0x8000 | code, 0, 0, 0, 0)


def address(name: str, ip: str, ttl: int) -> Record:
    """An A or AAAA record."""
    if ":" in ip:
        return Record(name, AAAA, ttl, IPv6Address(ip).packed)
    return Record(name, A, ttl, IPv4Address(ip).packed)


def alias(name: str, target: str, ttl: int) -> Record:
    return Record(name, CNAME, ttl, encode_name(target))


def pointer(name: str, target: str, ttl: int) -> Record:
    return Record(name, PTR, ttl, encode_name(target))


def service(name: str, target: str, port: int, weight: int, ttl: int) -> Record:
    """An SRV record of priority 0."""
    return Record(name, SRV, ttl, struct.pack("!3H", 0, weight, port) + encode_name(target))


def text(name: str, value: str, ttl: int) -> Record:
    raw = value.encode()
    return Record(name, TXT, ttl, bytes([len(raw)]) + raw)


def authority(zone: str, serial: int, ttl: int) -> Record:
    """The zone's SOA; its last field is how long a negative answer may be kept."""
    numbers = struct.pack("!5I", serial, 7200, 1800, 86400, ttl)
    return Record(zone, SOA, ttl, encode_name("ns.dns." + zone) + encode_name("hostmaster." + zone) + numbers)


def min_ttl(data: bytes) -> int:
    """The smallest TTL in a reply from another server (0 when it cannot be read): how long it may be kept."""
    try:
        counts = struct.unpack_from("!4H", data, 4)
        offset = 12
        for _ in range(counts[0]):
            offset = decode_name(data, offset)[1] + 4
        found: list[int] = []
        for _ in range(sum(counts[1:])):
            offset = decode_name(data, offset)[1]
            kind, _, ttl, length = struct.unpack_from("!2HIH", data, offset)
            if kind != OPT:
                found.append(ttl)
            offset += 10 + length
    except (MalformedMessage, struct.error):
        return 0
    return min(found, default=0)


def answers_of(data: bytes) -> list[Record]:
    """The answer section of another server's reply, names decompressed; [] when it cannot be read."""
    found: list[Record] = []
    try:
        questions, answers = struct.unpack_from("!2H", data, 4)
        offset = 12
        for _ in range(questions):
            offset = decode_name(data, offset)[1] + 4
        for _ in range(answers):
            name, offset = decode_name(data, offset)
            kind, _, ttl, length = struct.unpack_from("!2HIH", data, offset)
            offset += 10
            rdata = data[offset : offset + length]
            if kind in (CNAME, PTR, NS):
                rdata = encode_name(decode_name(data, offset)[0])
            found.append(Record(name, kind, ttl, rdata))
            offset += length
    except (MalformedMessage, struct.error):
        return []
    return found
