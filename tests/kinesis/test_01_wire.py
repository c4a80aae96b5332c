"""Reference section 1: the wire protocol in JSON and in CBOR, without an SDK."""

import base64
import json
import re
import time
from email.utils import parsedate_to_datetime

import cbor2
import pytest

from harness.behaviours import behaviour
from harness.kinesis_wire import CBOR_TYPE, JSON_TYPE, KinesisWire, Milliseconds, cbor, uncbor
from harness.streams import Stream, Streams

TYPES = [JSON_TYPE, CBOR_TYPE]


@pytest.fixture(scope="module")
def wire(streams: Streams) -> KinesisWire:
    """Plain HTTP/1.1 to the server."""
    return KinesisWire(streams.lab.server.url)


@pytest.fixture(scope="module")
def stream(streams: Streams) -> Stream:
    """A stream with a record of every byte."""
    made = streams.stream()
    made.kinesis.put_record(StreamName=made.name, PartitionKey="k", Data=bytes(range(256)))
    return made


def call(wire: KinesisWire, content_type: str, operation: str, payload):
    """A call in either encoding; the answer and what it says."""
    if content_type == JSON_TYPE:
        answer = wire.json(operation, payload)
        return answer, answer.json if answer.body else None
    answer = wire.cbor(operation, payload)
    return answer, uncbor(answer.body)


def first_record(wire: KinesisWire, content_type: str, stream: Stream) -> tuple[dict, dict]:
    """A record and the whole answer of GetRecords, in either encoding."""
    where = {"StreamName": stream.name, "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON"}
    iterator = call(wire, content_type, "GetShardIterator", where)[1]["ShardIterator"]
    said = call(wire, content_type, "GetRecords", {"ShardIterator": iterator})[1]
    return said["Records"][0], said


@behaviour("KIN-001")
def test_the_target_names_the_operation_and_nothing_else_does(wire: KinesisWire, stream: Stream):
    payload = json.dumps({"StreamName": stream.name})
    for path in ("/", "/anything/at/all?and=more"):
        answer = wire.ask("POST", path, payload, wire.headers("DescribeStreamSummary"))
        assert answer.json["StreamDescriptionSummary"]["StreamName"] == stream.name


@behaviour("KIN-002")
@pytest.mark.parametrize("content_type", TYPES)
@pytest.mark.parametrize("parameters", ["", "; charset=utf-8", ";charset=UTF-8"])
def test_an_answer_is_in_the_encoding_of_the_request(wire: KinesisWire, content_type: str, parameters: str):
    body = b"{}" if content_type == JSON_TYPE else cbor({})
    for operation, status in [("DescribeLimits", 200), ("DescribeStream", 400)]:
        answer = wire.ask("POST", "/", body, wire.headers(operation, content_type + parameters))
        assert (answer.status, answer.headers["content-type"]) == (status, content_type)
        said = answer.json if content_type == JSON_TYPE else uncbor(answer.body)
        assert ("__type" in said) == (status == 400)


@behaviour("KIN-003")
@pytest.mark.parametrize("content_type", TYPES)
def test_every_answer_carries_ids_and_one_date(wire: KinesisWire, stream: Stream, content_type: str):
    seen = set()
    for operation, payload in [("DescribeLimits", {}), ("DescribeStream", {"StreamName": "none"}), ("NoSuch", {}), ("PutRecord", {})]:
        answer, _ = call(wire, content_type, operation, payload)
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", answer.headers["x-amzn-requestid"])
        assert len(base64.b64decode(answer.headers["x-amz-id-2"], validate=True)) >= 32
        assert int(answer.headers["content-length"]) == len(answer.body)
        assert answer.headers["content-type"] == content_type
        # httpx joins repeated headers, and a second date would spoil the first.
        assert abs(parsedate_to_datetime(answer.headers["date"]).timestamp() - time.time()) < 10
        seen |= {answer.headers["x-amzn-requestid"], answer.headers["x-amz-id-2"]}
    assert len(seen) == 8


@behaviour("KIN-004")
@pytest.mark.parametrize("content_type", TYPES)
def test_an_operation_without_output_says_nothing(wire: KinesisWire, stream: Stream, content_type: str):
    answer, said = call(wire, content_type, "AddTagsToStream", {"StreamName": stream.name, "Tags": {"a": "b"}})
    assert (answer.status, answer.body, said) == (200, b"", None)
    assert answer.headers["content-length"] == "0"


@behaviour("KIN-005")
def test_json_writes_blobs_in_base64_times_in_seconds_and_large_numbers_in_digits(wire: KinesisWire, stream: Stream):
    record, said = first_record(wire, JSON_TYPE, stream)
    assert base64.b64decode(record["Data"], validate=True) == bytes(range(256))
    assert record["Data"].endswith("=")
    arrival = record["ApproximateArrivalTimestamp"]
    assert abs(arrival - time.time()) < 600 and round(arrival, 3) == arrival
    assert re.fullmatch(r"\d{56}", record["SequenceNumber"])
    shard = wire.json("ListShards", {"StreamName": stream.name}).json["Shards"][0]
    assert shard["HashKeyRange"] == {"StartingHashKey": "0", "EndingHashKey": str(2**128 - 1)}


@behaviour("KIN-006")
@pytest.mark.parametrize("content_type", TYPES)
def test_what_is_absent_is_left_out(wire: KinesisWire, stream: Stream, content_type: str):
    shard = call(wire, content_type, "ListShards", {"StreamName": stream.name})[1]["Shards"][0]
    assert "ParentShardId" not in shard and "EndingSequenceNumber" not in shard["SequenceNumberRange"]
    assert None not in shard.values()


@behaviour("KIN-007", "KIN-008")
@pytest.mark.parametrize("content_type", TYPES)
def test_null_is_absent_and_unknown_members_are_ignored(wire: KinesisWire, stream: Stream, content_type: str):
    payload = {"StreamName": stream.name, "StreamARN": None, "Limit": None, "Unknown": {"deep": [1, {"x": None}]}, "More": "x"}
    answer, said = call(wire, content_type, "DescribeStream", payload)
    assert answer.status == 200, said
    assert said["StreamDescription"]["StreamName"] == stream.name


@behaviour("KIN-009", "KIN-010", "KIN-011")
@pytest.mark.parametrize("content_type", TYPES)
def test_an_error_is_a_bare_code_and_a_text(wire: KinesisWire, streams: Streams, content_type: str):
    missing = streams.missing()
    answer, said = call(wire, content_type, "DescribeStream", {"StreamName": missing.name})
    assert answer.status == 400
    assert said == {"__type": "ResourceNotFoundException", "message": missing.missing_text}
    answer, said = call(wire, content_type, "NoSuchOperation", {})
    assert (answer.status, said) == (400, {"__type": "UnknownOperationException"})


@behaviour("KIN-012")
def test_lengths_in_cbor_may_be_known_or_open(wire: KinesisWire, streams: Streams):
    stream = streams.stream()
    name = stream.name.encode()
    text = lambda value: bytes([0x60 | len(value)]) + value
    open_text = lambda value: b"\x7f" + text(value[:3]) + text(value[3:]) + b"\xff"
    open_bytes = b"\x5f\x42ab\x40\x41c\xff"
    record = b"\xbf" + text(b"Data") + open_bytes + text(b"PartitionKey") + open_text(b"open-key") + b"\xff"
    known = b"\xa2" + text(b"Data") + b"\x43abc" + text(b"PartitionKey") + text(b"open-key")
    for records in (b"\x9f" + record + known + b"\xff", b"\x82" + record + known):
        body = b"\xbf" + text(b"StreamName") + open_text(name) + text(b"Records") + records + b"\xff"
        answer = wire.cbor("PutRecords", body)
        assert answer.status == 200, answer.body
        assert uncbor(answer.body)["FailedRecordCount"] == 0
    where = {"StreamName": stream.name, "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON"}
    iterator = wire.json("GetShardIterator", where).json["ShardIterator"]
    found = uncbor(wire.cbor("GetRecords", {"ShardIterator": iterator}).body)["Records"]
    assert [(record["Data"], record["PartitionKey"]) for record in found] == [(b"abc", "open-key")] * 4


@behaviour("KIN-013", "KIN-015", "KIN-017")
def test_cbor_writes_bytes_milliseconds_and_integers(wire: KinesisWire, stream: Stream):
    record, said = first_record(wire, CBOR_TYPE, stream)
    assert record["Data"] == bytes(range(256))
    assert isinstance(record["ApproximateArrivalTimestamp"], Milliseconds)
    assert abs(record["ApproximateArrivalTimestamp"] / 1000 - time.time()) < 600
    assert said["MillisBehindLatest"] == 0 and type(said["MillisBehindLatest"]) is int
    in_json = first_record(wire, JSON_TYPE, stream)[0]["ApproximateArrivalTimestamp"]
    assert round(in_json * 1000) == record["ApproximateArrivalTimestamp"]


@behaviour("KIN-013")
def test_a_blob_in_cbor_is_no_text(wire: KinesisWire, stream: Stream):
    answer = wire.cbor("PutRecord", {"StreamName": stream.name, "PartitionKey": "k", "Data": "YWJj"})
    assert answer.status == 400
    assert uncbor(answer.body)["__type"] == "SerializationException"


@behaviour("KIN-014", "KIN-016")
def test_a_time_in_cbor_is_milliseconds_or_a_fraction_of_seconds(wire: KinesisWire, streams: Streams):
    stream = streams.stream()
    stream.kinesis.put_record(StreamName=stream.name, PartitionKey="k", Data=b"x")
    where = {"StreamName": stream.name, "ShardId": "shardId-000000000000", "ShardIteratorType": "AT_TIMESTAMP"}
    hour = 3600
    past, now = time.time() - hour, time.time()
    for moment, found in [
        (Milliseconds(past * 1000), 1),
        (cbor2.CBORTag(1, past), 1),
        (cbor2.CBORTag(1, float(round(past))), 1),
    ]:
        answer = wire.cbor("GetShardIterator", where | {"Timestamp": moment})
        assert answer.status == 200, uncbor(answer.body)
        records = uncbor(wire.cbor("GetRecords", {"ShardIterator": uncbor(answer.body)["ShardIterator"]}).body)["Records"]
        assert len(records) == found
    # Taken for milliseconds, this is 1970; taken for seconds, what follows is in the far future.
    assert wire.cbor("GetShardIterator", where | {"Timestamp": Milliseconds(now)}).status == 200


@behaviour("KIN-019")
def test_both_versions_of_http_are_served(streams: Streams, stream: Stream):
    wire = KinesisWire(streams.lab.server.url, http2=True)
    for content_type in TYPES:
        answer, said = call(wire, content_type, "DescribeStreamSummary", {"StreamName": stream.name})
        assert said["StreamDescriptionSummary"]["StreamName"] == stream.name
    answer = wire.client.post("/", content="{}", headers=wire.headers("DescribeLimits"))
    assert answer.http_version == "HTTP/2"
