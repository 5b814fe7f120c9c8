"""A kubelet's text becomes points."""

import pytest

from pybernetes.metrics.exposition import read
from pybernetes.metrics.points import Point

NOW = 1_767_225_600.0
WEB = 'container="web",namespace="default",pod="web-1"'
WHOLE = f"""
# HELP container_cpu_usage_seconds_total Cumulative cpu time consumed by the container in core-seconds
# TYPE container_cpu_usage_seconds_total counter
container_cpu_usage_seconds_total{{{WEB}}} 3.25 1767225500250
container_memory_working_set_bytes{{{WEB}}} 1.048576e+06 1767225500300
container_swap_usage_bytes{{{WEB}}} 4096 1767225500300
container_start_time_seconds{{{WEB}}} 1.7672e+09
node_cpu_usage_seconds_total 812.5 1767225500500
node_memory_working_set_bytes 2.5e+09 1767225500500
pod_cpu_usage_seconds_total{{namespace="default",pod="web-1"}} 9 1767225500500
resource_scrape_error 0
scrape_error 0
"""


def test_a_container_and_its_node() -> None:
    look = read(WHOLE, "n1", NOW)
    assert look.nodes == {"n1": Point(1767225500.5, 812_500_000_000, 2_500_000_000)}
    expected = Point(1767225500.25, 3_250_000_000, 1 << 20, 4096, 1.7672e9)
    assert look.pods == {("default", "web-1"): {"web": expected}}


def test_samples_without_a_time_stamp_are_of_now() -> None:
    text = f"container_cpu_usage_seconds_total{{{WEB}}} 1\ncontainer_memory_working_set_bytes{{{WEB}}} 2\n"
    assert read(text, "n1", NOW).pods["default", "web-1"]["web"].at == NOW


@pytest.mark.parametrize(
    "rest",
    [
        "",
        'container_memory_working_set_bytes{container="b",namespace="default",pod="web-1"} 0\n',
        'container_memory_working_set_bytes{container="b",namespace="default",pod="web-1"} 5\n',
        'container_cpu_usage_seconds_total{container="b",namespace="default",pod="web-1"} NaNsense\n',
    ],
)
def test_a_pod_of_which_a_part_is_missing_is_left_out(rest: str) -> None:
    text = f"container_cpu_usage_seconds_total{{{WEB}}} 1\n" + rest
    assert read(text, "n1", NOW).pods == {}


def test_a_container_that_only_has_a_start_does_not_run() -> None:
    ended = 'container_start_time_seconds{container="init",namespace="default",pod="web-1"} 1.7672e+09\n'
    assert list(read(WHOLE + ended, "n1", NOW).pods["default", "web-1"]) == ["web"]


def test_a_node_of_which_a_part_is_missing_is_left_out() -> None:
    assert read("node_cpu_usage_seconds_total 812.5\n", "n1", NOW).nodes == {}


def test_labels_in_any_order_and_escaped() -> None:
    labels = 'pod="a\\"b",container="c\\\\d",namespace="e"'
    text = f"container_cpu_usage_seconds_total{{{labels}}} 1\ncontainer_memory_working_set_bytes{{{labels}}} 2\n"
    assert list(read(text, "n1", NOW).pods) == [("e", 'a"b')]


def test_what_is_no_sample_is_passed_over() -> None:
    assert read("container_cpu_usage_seconds_total{ 1\nnode_\n\nhello 1\n", "n1", NOW).pods == {}
