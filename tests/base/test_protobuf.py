"""The protocol buffer codec."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.base.protobuf import WireError, decode, encode
from pybernetes.kubelet.cri import messages as m


@pytest.mark.parametrize(
    ("message", "data"),
    [
        (m.ContainerMetadata(), b""),
        (m.ContainerMetadata(name="a", attempt=300), b"\x0a\x01a\x10\xac\x02"),
        (m.LinuxContainerSecurityContext(run_as_user=0), b"\x2a\x00"),
        (m.LinuxContainerSecurityContext(run_as_user=5, privileged=True), b"\x10\x01\x2a\x02\x08\x05"),
        (m.LinuxContainerResources(oom_score_adj=-997), b"\x28\x9b\xf8\xff\xff\xff\xff\xff\xff\xff\x01"),
        (m.PortForwardRequest(port=[80, 300]), b"\x12\x03\x50\xac\x02"),
        (m.ImageSpec(annotations={"k": "v"}), b"\x12\x06\x0a\x01k\x12\x01v"),
        (m.ExecSyncResponse(stdout=b"\xff", exit_code=1), b"\x0a\x01\xff\x18\x01"),
    ],
)
def test_known_bytes(message: m.Message, data: bytes) -> None:
    assert encode(message) == data
    assert decode(type(message), data) == message


def test_unknown_fields_are_skipped() -> None:
    data = b"\x0a\x01a" + b"\x7a\x02zz" + b"\x70\x05" + b"\x75abcd" + b"\x71abcdefgh" + b"\x10\x02"
    assert decode(m.ContainerMetadata, data) == m.ContainerMetadata(name="a", attempt=2)


def test_unpacked_numbers_are_read() -> None:
    assert decode(m.PortForwardRequest, b"\x10\x50\x10\x51").port == [80, 81]


@pytest.mark.parametrize("data", [b"\x0a", b"\x0a\x05a", b"\x0a\x01\xff", b"\x0b", b"\x10\x80"])
def test_malformed_bytes_raise(data: bytes) -> None:
    with pytest.raises(WireError):
        decode(m.ContainerMetadata, data)


texts = st.text(max_size=20)
int64 = st.integers(-(2**63), 2**63 - 1)


@given(
    st.builds(
        m.ContainerConfig,
        metadata=st.none() | st.builds(m.ContainerMetadata, name=texts, attempt=st.integers(0, 2**32 - 1)),
        command=st.lists(texts),
        envs=st.lists(st.builds(m.KeyValue, key=texts, value=texts)),
        labels=st.dictionaries(texts, texts),
        tty=st.booleans(),
        linux=st.none()
        | st.builds(
            m.LinuxContainerConfig,
            resources=st.none() | st.builds(m.LinuxContainerResources, cpu_quota=int64, cpuset_cpus=texts),
            security_context=st.none()
            | st.builds(
                m.LinuxContainerSecurityContext,
                run_as_user=st.none() | int64,
                supplemental_groups=st.lists(int64),
            ),
        ),
    )
)
def test_round_trip(config: m.ContainerConfig) -> None:
    assert decode(m.ContainerConfig, encode(config)) == config
