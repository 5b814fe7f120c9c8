"""The text format, and that counting counts."""

import pytest

from pybernetes.base.metrics import Registry, process_metrics


def test_a_counter_with_labels() -> None:
    registry = Registry()
    requests = registry.counter("requests_total", "Requests.", ("verb", "code"))
    requests.labels("GET", "200").inc()
    requests.labels("GET", "200").inc(2)
    requests.labels("LIST", "500").inc()
    assert registry.render() == (
        "# HELP requests_total Requests.\n"
        "# TYPE requests_total counter\n"
        'requests_total{verb="GET",code="200"} 3\n'
        'requests_total{verb="LIST",code="500"} 1\n'
    )


def test_histogram_buckets_are_cumulative_and_inclusive() -> None:
    registry = Registry()
    seconds = registry.histogram("seconds", "Time.", ("verb",), buckets=(0.1, 1))
    for value in (0.1, 0.5, 5):
        seconds.labels("GET").observe(value)
    assert registry.render().splitlines()[2:] == [
        'seconds_bucket{verb="GET",le="0.1"} 1',
        'seconds_bucket{verb="GET",le="1"} 2',
        'seconds_bucket{verb="GET",le="+Inf"} 3',
        'seconds_sum{verb="GET"} 5.6',
        'seconds_count{verb="GET"} 3',
    ]


def test_label_values_are_escaped() -> None:
    registry = Registry()
    registry.gauge("g", "Line one\nline two.", ("text",)).labels('a "b"\\\n').set(-1.5)
    assert registry.render() == '# HELP g Line one\\nline two.\n# TYPE g gauge\ng{text="a \\"b\\"\\\\\\n"} -1.5\n'


def test_a_metric_is_registered_once() -> None:
    registry = Registry()
    registry.counter("c", "C.").labels().inc()
    assert registry.counter("c", "C.").labels().value == 1


def test_the_wrong_number_of_labels_is_an_error() -> None:
    with pytest.raises(ValueError, match="has labels"):
        Registry().counter("c", "C.", ("a",)).labels()


def test_a_removed_series_is_gone() -> None:
    registry = Registry()
    gauge = registry.gauge("g", "G.", ("pod",))
    gauge.labels("a").set(1)
    gauge.remove("a")
    assert "pod=" not in registry.render()


def test_read_gauges_are_read_at_each_rendering() -> None:
    registry = Registry()
    values = iter([1.0, float("nan"), float("inf")])
    registry.read_gauge("g", "G.", lambda: next(values))
    assert [registry.render().splitlines()[-1] for _ in range(3)] == ["g 1", "g NaN", "g +Inf"]


def test_process_metrics_are_plausible() -> None:
    registry = Registry()
    process_metrics(registry)
    values = dict(line.split() for line in registry.render().splitlines() if not line.startswith("#"))
    assert 1e6 < float(values["process_resident_memory_bytes"]) < 4e9
    assert float(values["process_start_time_seconds"]) > 1.7e9
    assert float(values["process_open_fds"]) > 2
