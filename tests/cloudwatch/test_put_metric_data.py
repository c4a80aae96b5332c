"""CloudWatch: metrics that applications put, in every protocol of the API, and where they are seen."""

import datetime
import gzip
import json
import math
import re
import uuid

import cbor2
import pytest

from harness.clients import aws_client
from harness.lab import Lab, refused
from harness.wire import FORM_TYPE, Wire, credential

TARGET = "GraniteServiceVersion20100801"
PATH = f"/service/{TARGET}/operation/PutMetricData"
RPC = {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}


def fresh() -> str:
    """A namespace that no other test uses."""
    return f"Test/{uuid.uuid4().hex[:8]}"


def shown(lab: Lab, namespace: str) -> dict[str, float]:
    """What `/metrics` shows of a namespace: the value by the rest of the name and the labels that follow the namespace."""
    text = Wire(lab.server.host).ask("GET", "/metrics").text
    pattern = rf'^waystation_cloudwatch_(\w+)\{{account="\d+",region="[^"]*",namespace="{re.escape(namespace)}",(.*)\}} (\S+)$'
    return {f"{name} {labels}": float(value) for name, labels, value in re.findall(pattern, text, re.MULTILINE)}


def test_a_metric_is_summed_up_by_series(lab: Lab):
    cloudwatch, namespace = aws_client("cloudwatch", lab.server.url), fresh()
    own = [{"Name": "Worker", "Value": "w"}, {"Name": "Operation", "Value": "o"}]
    cloudwatch.put_metric_data(
        Namespace=namespace,
        MetricData=[
            {"MetricName": "Time", "Dimensions": own, "Value": 3.0, "Unit": "Milliseconds"},
            {"MetricName": "Time", "Dimensions": own[::-1], "Values": [1.0, 5.0], "Counts": [2.0, 1.0], "Unit": "Milliseconds"},
            {"MetricName": "Other", "StatisticValues": {"SampleCount": 4, "Sum": 8, "Minimum": 1, "Maximum": 3}},
        ],
    )
    labels = 'metric="Time",dimensions="Operation=o,Worker=w",unit="Milliseconds"'
    other = 'metric="Other",dimensions="",unit="None"'
    assert shown(lab, namespace) == {
        f"samples_total {labels}": 4,
        f"sum {labels}": 10,
        f"minimum {labels}": 1,
        f"maximum {labels}": 5,
        f"samples_total {other}": 4,
        f"sum {other}": 8,
        f"minimum {other}": 1,
        f"maximum {other}": 3,
    }


def test_a_large_request_comes_compressed(lab: Lab):
    cloudwatch, namespace = aws_client("cloudwatch", lab.server.url), fresh()
    bodies = []
    cloudwatch.meta.events.register("before-send.cloudwatch.PutMetricData", lambda request, **_: bodies.append(request.headers) or None)
    data = [{"MetricName": "Many", "Value": float(number), "Unit": "Count"} for number in range(1000)]
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)
    assert b"gzip" in str(bodies[0].get("Content-Encoding")).encode()
    assert shown(lab, namespace)['samples_total metric="Many",dimensions="",unit="Count"'] == 1000


@pytest.mark.parametrize("packed", [False, True])
def test_every_protocol_takes_the_same(lab: Lab, packed: bool):
    namespace = fresh()
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    form = (
        f"Action=PutMetricData&Version=2010-08-01&Namespace={namespace.replace('/', '%2F')}"
        f"&MetricData.member.1.MetricName=M&MetricData.member.1.Value=1&MetricData.member.1.Timestamp={now:%Y-%m-%dT%H%%3A%M%%3A%SZ}"
    )
    document = {"Namespace": namespace, "MetricData": [{"MetricName": "M", "Value": 1.0}]}
    timed = {"Namespace": namespace, "MetricData": [{"MetricName": "M", "Value": 1.0, "Timestamp": now}]}
    signed = credential(service="monitoring")
    wire = Wire(lab.server.host)
    asked = [
        ("/", form.encode(), {"Content-Type": FORM_TYPE}),
        ("/", json.dumps(document).encode(), {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"{TARGET}.PutMetricData"}),
        (PATH, cbor2.dumps(timed, datetime_as_timestamp=True), RPC),
    ]
    for path, body, headers in asked:
        if packed:
            body, headers = gzip.compress(body), headers | {"Content-Encoding": "gzip"}
        answer = wire.ask("POST", path, body, signed | headers)
        assert answer.status == 200, answer.body
        if path == PATH:
            assert (answer.body, answer.headers["smithy-protocol"]) == (b"", "rpc-v2-cbor")
            assert "content-type" not in answer.headers
    assert shown(lab, namespace)['samples_total metric="M",dimensions="",unit="None"'] == 3


def test_a_path_leads_to_the_service_without_a_signature(lab: Lab):
    namespace = fresh()
    body = cbor2.dumps({"Namespace": namespace, "MetricData": [{"MetricName": "M", "Value": 1}]})
    assert Wire(lab.server.host).ask("POST", PATH, body, RPC).status == 200
    assert shown(lab, namespace)


BAD = [
    ({"MetricData": []}, "MissingParameter", "The parameter MetricData is required."),
    ({"Namespace": "AWS/SQS"}, "InvalidParameterValue", "The value AWS/SQS for parameter Namespace is invalid."),
    ({"MetricData": [{"MetricName": "M"}]}, "MissingParameter", "The parameter MetricData.member.1.Value is required."),
    (
        {"MetricData": [{"MetricName": "M", "Value": 1.0, "Values": [1.0]}]},
        "InvalidParameterCombination",
        "The parameters MetricData.member.1.Value and MetricData.member.1.Values are mutually exclusive and you have specified both.",
    ),
    ({"MetricData": [{"MetricName": "M", "Value": math.nan}]}, "InvalidParameterValue", None),
    ({"MetricData": [{"MetricName": "M", "Value": 1e120}]}, "InvalidParameterValue", None),
    ({"MetricData": [{"MetricName": "M", "Values": [1.0] * 151}]}, "InvalidParameterValue", None),
    ({"MetricData": [{"MetricName": "M", "Values": [1.0], "Counts": [1.0, 2.0]}]}, "InvalidParameterCombination", None),
    ({"MetricData": [{"MetricName": "M", "Value": 1.0, "StorageResolution": 5}]}, "InvalidParameterValue", None),
    ({"MetricData": [{"MetricName": "M", "Value": 1.0, "Timestamp": "2001-01-01T00:00:00Z"}]}, "InvalidParameterValue", None),
    ({"MetricData": [{"MetricName": "M", "Value": 1.0, "Timestamp": "2099-01-01T00:00:00Z"}]}, "InvalidParameterValue", None),
    ({"MetricData": [{"MetricName": "M", "Value": 1.0}] * 1001}, "InvalidParameterValue", None),
    ({"MetricData": [{"MetricName": "", "Value": 1.0}]}, "ValidationError", None),
    ({"MetricData": [{"MetricName": "M", "Value": 1.0, "Unit": "Bananas"}]}, "ValidationError", None),
]


@pytest.mark.parametrize(("change", "code", "text"), BAD)
def test_a_bad_request_is_refused_and_nothing_of_it_is_kept(lab: Lab, change: dict, code: str, text: str | None):
    cloudwatch, namespace = aws_client("cloudwatch", lab.server.url, validate=False), fresh()
    good = {"Namespace": namespace, "MetricData": [{"MetricName": "M", "Value": 1.0}]}
    asked = good | change
    if "MetricData" in change and change["MetricData"]:
        # The bad one comes last.
        asked["MetricData"] = change["MetricData"] + ([] if text else good["MetricData"])
    with refused(code, text):
        cloudwatch.put_metric_data(**asked)
    assert shown(lab, namespace) == {}


def test_what_reads_metrics_says_that_it_is_not_here(lab: Lab):
    with refused("NotImplemented", status=501):
        aws_client("cloudwatch", lab.server.url).list_metrics()
