"""Protobuf as Kubernetes speaks it, driven by the same type table as the JSON schema.

    data = encode(obj)          # a wire dict with apiVersion and kind -> envelope `k8s\\0` + runtime.Unknown
    obj = decode(data)          # the other way; give the result to `ObjectSchema.decode` next

Protobuf knows neither empty lists nor null: what comes back is what a Go server would show after storing the object.
`envelope.py` is the outside, `messages.py` compiles one writer and one reader per type, `values.py` holds the scalar
types with a message of their own (Time, Quantity, IntOrString …), `wire.py` the encoding of numbers and tags.
"""

from .envelope import (
    MEDIA_TYPE,
    decode,
    decode_message,
    encode,
    encode_event,
    item_encoder,
    list_around,
)
from .wire import ProtobufError

__all__ = [
    "MEDIA_TYPE",
    "ProtobufError",
    "decode",
    "decode_message",
    "encode",
    "encode_event",
    "item_encoder",
    "list_around",
]
