"""The front door's own pages: health for scripts that wait, metrics for Prometheus, and nothing else below /_waystation/."""

import re

from harness.lab import Lab
from harness.wire import Wire


def test_health_says_what_runs(lab: Lab):
    answer = Wire(lab.server.host).ask("GET", "/_waystation/health")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json["services"] == {name: "running" for name in ("sqs", "sns", "kinesis", "sts", "cloudwatch")}
    assert answer.json["mode"] == "open"
    assert re.fullmatch(r"\d+\.\d+\.\d+", answer.json["version"])


def test_health_has_no_body_for_head(lab: Lab):
    answer = Wire(lab.server.host).ask("HEAD", "/_waystation/health")
    assert (answer.status, answer.body) == (200, b"")


def metric(lab: Lab, name: str) -> float:
    """The sum of a metric over its labels."""
    text = Wire(lab.server.host).ask("GET", "/metrics").text
    values = re.findall(rf"^{name}(?:_total)?(?:\{{[^}}]*\}})? (\S+)$", text, re.MULTILINE)
    assert values, f"no metric {name} in:\n{text}"
    return sum(map(float, values))


def test_metrics_count_what_the_journal_does(lab: Lab):
    queue = lab.queue()
    before = metric(lab, "waystation_journal_flushes")
    for number in range(3):
        queue.send(str(number))
    assert metric(lab, "waystation_journal_flushes") >= before + 3
    assert metric(lab, "waystation_storage_full") == 0


def test_metrics_are_in_the_open_metrics_format(lab: Lab):
    answer = Wire(lab.server.host).ask("GET", "/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


def test_other_methods_and_pages_are_refused(lab: Lab):
    wire = Wire(lab.server.host)
    assert wire.ask("POST", "/_waystation/health", "x").status == 405
    assert wire.ask("GET", "/_waystation/nothing").status == 404


def test_the_clock_exists_only_where_tests_asked_for_it(lab: Lab, clocked: Lab):
    body = '{"advance_ms": 1}'
    assert Wire(lab.server.host).ask("POST", "/_waystation/clock", body).status == 404
    assert Wire(clocked.server.host).ask("POST", "/_waystation/clock", body).status == 200


def test_the_clock_never_runs_backwards(clocked: Lab):
    wire = Wire(clocked.server.host)
    assert wire.ask("POST", "/_waystation/clock", '{"set": "1999-01-01T00:00:00Z"}').status == 400
    assert wire.ask("POST", "/_waystation/clock", '{"advance_ms": -1}').status == 400
    assert wire.ask("POST", "/_waystation/clock", "{}").status == 400


def test_the_clock_can_be_set_to_a_moment(clocked: Lab):
    queue = clocked.queue()
    queue.send("later", DelaySeconds=900)
    now_ms = Wire(clocked.server.host).ask("POST", "/_waystation/clock", '{"advance_ms": 0}').json["now_ms"]
    year = 1970 + now_ms // 31_556_952_000 + 1
    clocked.server.set_clock(f"{year + 1}-01-01T00:00:00Z")
    assert queue.bodies() == []
    assert queue.counts() == (0, 0, 0), "two years later the message has expired"
