"""Which representation an Accept header gets."""

import orjson
import pytest

from pybernetes.api.status import StatusError
from pybernetes.apiserver.formats import PartialFormat
from pybernetes.apiserver.negotiation import NO_FORMS, PLAIN, Representation, negotiate
from pybernetes.apiserver.table import partial_metadata
from pybernetes.apiserver.yaml_body import load

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", PLAIN),
        ("*/*", PLAIN),
        ("application/json, */*", PLAIN),
        ("application/vnd.kubernetes.protobuf,application/json", PLAIN),
        (f"{TABLE},application/json", Representation(form="Table")),
        ("application/json;as=Table;v=v9;g=meta.k8s.io,application/json", PLAIN),
        ("application/yaml", Representation("application/yaml")),
        ("application/yaml;q=0.1, application/json;q=0.9", PLAIN),
        (
            "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
            Representation(form="PartialObjectMetadataList"),
        ),
        ("application/json;as=Table;v=v1beta1;g=meta.k8s.io", Representation(form="Table", form_version="v1beta1")),
        (
            f"application/json;as=Table;v=v1beta1;g=meta.k8s.io,{TABLE}",
            Representation(form="Table", form_version="v1beta1"),
        ),
        ("application/json;v=v1;g=meta.k8s.io, application/yaml", Representation("application/yaml")),
        ("application/json;stream=watch", PLAIN),
        ("application/json;stream=chat, application/yaml", Representation("application/yaml")),
        ("application/json;sv=v2, application/yaml", Representation("application/yaml")),
        ("application/json;unknown=1", PLAIN),
        (
            "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
            Representation("application/vnd.kubernetes.protobuf", "PartialObjectMetadata"),
        ),
    ],
)
def test_the_first_acceptable_form_is_taken(accept: str, expected: Representation) -> None:
    assert negotiate(accept) == expected


@pytest.mark.parametrize(
    "accept",
    [
        "text/html",
        "application/vnd.kubernetes.protobuf",
        "application/json;as=Chart",
        TABLE.replace("json", "vnd.kubernetes.protobuf"),
    ],
)
def test_nothing_acceptable(accept: str) -> None:
    with pytest.raises(StatusError, match="only the following media types are accepted"):
        negotiate(accept)


def test_a_review_has_no_table() -> None:
    assert negotiate(f"{TABLE},application/json", forms=NO_FORMS) == PLAIN
    with pytest.raises(StatusError, match="only the following media types are accepted"):
        negotiate(TABLE, forms=NO_FORMS)


def test_yaml_keeps_timestamps_as_text() -> None:
    assert load(b"a: 2020-01-01T00:00:00Z\nb: '2020-01-01'\nc: 12:30\nd: yes\ne: [8080, 0.5, 1e3, 1.2.3, 010]") == {
        "a": "2020-01-01T00:00:00Z",
        "b": "2020-01-01",
        "c": "12:30",
        "e": [8080, 0.5, 1000.0, "1.2.3", 8],
        "d": True,
    }


@pytest.mark.parametrize("text", [b"a: [", b"a: &x [1]\nb: *x", b"\xff", b"{null: 1}", b"a: .inf", b"a: !!binary aGk="])
def test_yaml_that_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"alias|YAML"):
        load(text)


def test_yaml_keys_become_text() -> None:
    assert load(b"{2: a, true: b, 1.5: c}") == {"2": "a", "true": "b", "1.5": "c"}


@pytest.mark.parametrize(
    "obj",
    [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "a", "labels": {"x": "{\\"}},
            "spec": {"metadata": {}},
        },
        {"spec": {"metadata": 1}, "metadata": {"name": "\u00e4"}, "kind": "Pod"},
        {"kind": "Pod"},
    ],
)
def test_metadata_alone_is_that_of_the_object(obj: dict[str, object]) -> None:
    assert orjson.loads(PartialFormat().encode(orjson.dumps(obj))) == partial_metadata(obj)
