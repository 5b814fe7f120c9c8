"""The text format, and that counting counts."""

import math

from pybernetes.base.metrics import Counter, Gauge, Histogram, Registry, add_process_metrics


def lines(*metrics: Counter | Histogram) -> list[str]:
    return Registry(metrics).text().decode().splitlines()


def test_a_counter_has_one_sample_per_label_values() -> None:
    requests = Counter("requests_total", "Requests.", ("verb", "code"))
    requests.inc(("GET", "200"))
    requests.inc(("GET", "200"), 2)
    requests.inc(("LIST", "500"))
    assert lines(requests) == [
        "# HELP requests_total Requests.",
        "# TYPE requests_total counter",
        'requests_total{verb="GET",code="200"} 3',
        'requests_total{verb="LIST",code="500"} 1',
    ]


def test_a_metric_without_labels_is_shown_before_it_counts() -> None:
    assert lines(Counter("c", "C."))[-1] == "c 0"


def test_histogram_buckets_are_cumulative_and_inclusive() -> None:
    seconds = Histogram("seconds", "Time.", ("verb",), buckets=(0.1, 1))
    for value in (0.1, 0.5, 5):
        seconds.observe(value, ("GET",))
    assert lines(seconds)[2:] == [
        'seconds_bucket{verb="GET",le="0.1"} 1',
        'seconds_bucket{verb="GET",le="1"} 2',
        'seconds_bucket{verb="GET",le="+Inf"} 3',
        'seconds_sum{verb="GET"} 5.6',
        'seconds_count{verb="GET"} 3',
    ]


def test_label_values_and_help_are_escaped() -> None:
    gauge = Gauge("g", "Line one\nline two.", ("text",))
    gauge.set(-1.5, ('a "b"\\\n',))
    assert lines(gauge) == ["# HELP g Line one\\nline two.", "# TYPE g gauge", 'g{text="a \\"b\\"\\\\\\n"} -1.5']


def test_numbers_that_are_none_have_names() -> None:
    gauge = Gauge("g", "G.", ("n",))
    for name, value in {"nan": math.nan, "inf": math.inf, "minus": -math.inf}.items():
        gauge.set(value, (name,))
    assert [line.split()[-1] for line in lines(gauge)[2:]] == ["NaN", "+Inf", "-Inf"]


def test_a_removed_series_is_gone() -> None:
    gauge = Gauge("g", "G.", ("pod",))
    gauge.set(1, ("a",))
    gauge.remove(("a",))
    assert len(lines(gauge)) == 2


def test_collect_functions_run_before_each_rendering() -> None:
    gauge = Gauge("g", "G.")
    registry = Registry([gauge])
    registry.on_collect(gauge.inc)
    assert [registry.text().split()[-1] for _ in range(2)] == [b"1", b"2"]


def test_process_metrics_are_plausible() -> None:
    registry = Registry()
    add_process_metrics(registry)
    values = dict(line.split() for line in registry.text().decode().splitlines() if not line.startswith("#"))
    assert 1e6 < float(values["process_resident_memory_bytes"]) < 4e9
    assert float(values["process_start_time_seconds"]) > 1.7e9
    assert float(values["process_open_fds"]) > 2
