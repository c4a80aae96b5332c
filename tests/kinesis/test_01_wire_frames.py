"""Reference section 10.1: event streams, frame by frame, over both versions of HTTP and in both encodings."""

import base64
import json

import pytest

from harness.behaviours import behaviour
from harness.kinesis_wire import CBOR_TYPE, JSON_TYPE, STREAM_TYPE, KinesisWire, Milliseconds, frames, uncbor
from harness.streams import Streams
from harness.waiting import eventually

KINDS = [(content_type, http2) for content_type in (JSON_TYPE, CBOR_TYPE) for http2 in (False, True)]


def consumer(streams: Streams):
    """A stream and the ARN of an active consumer of it."""
    stream = streams.stream()
    arn = stream.kinesis.register_stream_consumer(StreamARN=stream.arn, ConsumerName="c")["Consumer"]["ConsumerARN"]
    described = lambda: stream.kinesis.describe_stream_consumer(ConsumerARN=arn)["ConsumerDescription"]["ConsumerStatus"]
    eventually(lambda: described() == "ACTIVE", "the consumer is ACTIVE", 30)
    return stream, arn


def subscription(arn: str) -> dict:
    """What SubscribeToShard asks for."""
    return {"ConsumerARN": arn, "ShardId": "shardId-000000000000", "StartingPosition": {"Type": "TRIM_HORIZON"}}


@behaviour("KIN-195", "KIN-196", "KIN-199", "KIN-200", "KIN-201", "KIN-202", "KIN-019", "KIN-175", "KIN-177")
@pytest.mark.parametrize(("content_type", "http2"), KINDS)
def test_frames_come_as_records_are_put(streams: Streams, content_type: str, http2: bool):
    stream, arn = consumer(streams)
    wire = KinesisWire(streams.lab.server.url, http2=http2)
    with wire.stream("SubscribeToShard", subscription(arn), content_type) as answer:
        assert (answer.status_code, answer.headers["content-type"]) == (200, STREAM_TYPE)
        assert answer.headers.get("transfer-encoding") == (None if http2 else "chunked")
        coming = frames(answer)
        first = next(coming)
        assert first.headers == {":message-type": "event", ":event-type": "initial-response", ":content-type": content_type}
        for number in range(3):
            # Each is there before the next one is put: nothing waits for a buffer to fill.
            stream.kinesis.put_record(StreamName=stream.name, PartitionKey="k", Data=b"record %d" % number)
            record = None
            while record is None:
                frame = next(coming)
                assert frame.headers == first.headers | {":event-type": "SubscribeToShardEvent"}
                said = json.loads(frame.payload) if content_type == JSON_TYPE else uncbor(frame.payload)
                record = said["Records"][0] if said["Records"] else None
            if content_type == JSON_TYPE:
                assert base64.b64decode(record["Data"], validate=True) == b"record %d" % number
                assert isinstance(record["ApproximateArrivalTimestamp"], float)
            else:
                assert record["Data"] == b"record %d" % number
                assert isinstance(record["ApproximateArrivalTimestamp"], Milliseconds)


@behaviour("KIN-197")
@pytest.mark.parametrize("content_type", [JSON_TYPE, CBOR_TYPE])
def test_a_stream_that_is_deleted_ends_with_an_exception(streams: Streams, content_type: str):
    stream, arn = consumer(streams)
    wire = KinesisWire(streams.lab.server.url)
    with wire.stream("SubscribeToShard", subscription(arn), content_type) as answer:
        coming = frames(answer)
        next(coming)
        stream.kinesis.delete_stream(StreamName=stream.name, EnforceConsumerDeletion=True)
        rest = list(coming)
    last = rest[-1]
    assert last.headers == {
        ":message-type": "exception",
        ":exception-type": "ResourceNotFoundException",
        ":content-type": content_type,
    }
    said = json.loads(last.payload) if content_type == JSON_TYPE else uncbor(last.payload)
    assert set(said) == {"message"}


@behaviour("KIN-176")
def test_an_error_before_the_stream_is_an_ordinary_answer(streams: Streams):
    wire = KinesisWire(streams.lab.server.url)
    stream, arn = consumer(streams)
    answer = wire.json("SubscribeToShard", subscription(arn + "0"))
    assert (answer.status, answer.headers["content-type"]) == (400, JSON_TYPE)
    assert answer.json["__type"] == "ResourceNotFoundException"
