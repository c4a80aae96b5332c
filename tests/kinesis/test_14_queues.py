"""Section 14: queues over a stream."""

import pytest

from harness.behaviours import behaviour
from harness.lab import fresh_name, refused
from harness.streams import Stream, Streams
from harness.waiting import eventually


class Queue:
    """A queue over a stream by its ARN."""

    def __init__(self, stream: Stream, attributes: dict | None = None, position: dict | None = None, name: str | None = None):
        self.kinesis = stream.kinesis
        self.stream = stream
        configuration = {"StreamARN": stream.arn} | ({"StartingPosition": position} if position else {})
        more = {"QueueAttributes": attributes} if attributes else {}
        self.name = name or fresh_name()
        answer = self.kinesis.create_queue(QueueName=self.name, StreamConfigurationList=[configuration], **more)
        self.created = answer["QueueDescription"]
        self.arn = self.created["QueueARN"]

    def active(self) -> "Queue":
        """Waits until the queue is ACTIVE."""
        eventually(lambda: self.describe()["QueueStatus"] == "ACTIVE", f"{self.name} is ACTIVE")
        return self

    def describe(self) -> dict:
        """DescribeQueue."""
        return self.kinesis.describe_queue(QueueARN=self.arn)["QueueDescription"]

    def receive(self, **more) -> list[dict]:
        """ReceiveQueueRecords."""
        more = {"WaitTimeSeconds": 5} | more
        return self.kinesis.receive_queue_records(QueueARN=self.arn, **more)["QueueRecords"]

    def receive_dead(self, **more) -> list[dict]:
        """ReceiveDeadLetterQueueRecords."""
        more = {"WaitTimeSeconds": 1} | more
        return self.kinesis.receive_dead_letter_queue_records(QueueARN=self.arn, **more)["QueueRecords"]

    def take(self, count: int) -> list[dict]:
        """Receives so many records."""
        records = []
        while len(records) < count:
            found = self.receive()
            assert found, f"only {len(records)} of {count}"
            records += found
        return records

    def entries(self, records: list[dict], **more) -> dict:
        """The arguments that name records."""
        return {"QueueARN": self.arn, "Entries": [{"ReceiptHandle": record["ReceiptHandle"]} | more for record in records]}

    def acknowledge(self, *records: dict) -> dict:
        """AcknowledgeQueueRecords."""
        return self.kinesis.acknowledge_queue_records(**self.entries(list(records)))


@behaviour("KIN-235", "KIN-237", "KIN-059")
def test_a_queue_is_creating_and_then_active(clocked_streams: Streams):
    stream = clocked_streams.create(StreamModeDetails={"StreamMode": "ON_DEMAND"})
    clocked_streams.lab.advance(1)
    queue = Queue(stream)
    assert queue.created["QueueStatus"] == "CREATING"
    assert queue.created["StreamConfigurationList"] == [{"StreamARN": stream.arn, "StartingPosition": {"Type": "LATEST"}}]
    assert queue.created["QueueAttributes"] == {
        "VisibilityTimeoutSeconds": 30,
        "DeadLetterConfiguration": {"TargetType": "BUILT_IN", "MaxReceiveCount": 6},
    }
    assert queue.name not in queue.arn
    clocked_streams.lab.advance(1)
    found = queue.describe()
    assert found["QueueStatus"] == "ACTIVE" and "Timestamp" in found["StreamConfigurationList"][0]["StartingPosition"]
    assert stream.summary()["QueueCount"] == 1
    with refused("ResourceInUseException"):
        Queue(stream, name=queue.name)


@behaviour("KIN-235", "KIN-236", "KIN-237")
def test_what_a_queue_needs(streams: Streams):
    stream = streams.on_demand()
    with refused("ValidationException"):
        Queue(streams.stream())
    one = {"StreamARN": stream.arn}
    for configurations in ([], [one, one]):
        with refused("ValidationException"):
            streams.kinesis.create_queue(QueueName=fresh_name(), StreamConfigurationList=configurations)
    for position in ({"Type": "LATEST", "Timestamp": 5}, {"Type": "TRIM_HORIZON", "Timestamp": 5}, {"Type": "AT_TIMESTAMP"}):
        with refused("ValidationException"):
            Queue(stream, position=position)
    for attributes in (
        {"DeadLetterConfiguration": {"TargetType": "BUILT_IN"}},
        {"DeadLetterConfiguration": {"TargetType": "BUILT_IN", "MaxReceiveCount": 0}},
        {"DeadLetterConfiguration": {"TargetType": "BUILT_IN", "MaxReceiveCount": 1001}},
        {"VisibilityTimeoutSeconds": 43_201},
    ):
        with refused("ValidationException"):
            Queue(stream, attributes)
    off = Queue(stream, {"DeadLetterConfiguration": {"TargetType": "NONE"}})
    assert off.created["QueueAttributes"]["DeadLetterConfiguration"] == {"TargetType": "NONE"}


@behaviour("KIN-235", "KIN-238", "KIN-239")
def test_records_are_delivered_from_the_starting_position(streams: Streams):
    stream = streams.on_demand()
    stream.put_many(*({"Data": f"old {number}", "PartitionKey": str(number)} for number in range(8)))
    latest = Queue(stream).active()
    everything = Queue(stream, position={"Type": "TRIM_HORIZON"}).active()
    since = Queue(stream, position={"Type": "AT_TIMESTAMP", "Timestamp": 5}).active()
    stream.put_many(*({"Data": f"new {number}", "PartitionKey": str(number)} for number in range(8)))
    new = {f"new {number}".encode() for number in range(8)}
    assert {record["Data"] for record in latest.take(8)} == new
    ids = {}
    for queue in (everything, since):
        records = queue.take(16)
        assert len({record["Data"] for record in records}) == 16
        ids[queue.name] = {record["Data"]: record["RecordId"] for record in records}
    assert ids[everything.name] == ids[since.name]
    one = records[0]
    assert set(one) == {
        "ReceiptHandle", "RecordId", "PartitionKey", "Data", "ApproximateArrivalTimestamp", "FirstReceiveTimestamp", "ReceiveCount",
    }
    assert one["ReceiveCount"] == 1 and one["Data"].decode().endswith(one["PartitionKey"])
    assert latest.receive(WaitTimeSeconds=1) == []


@behaviour("KIN-238")
def test_a_receive_has_bounds_and_waits(streams: Streams):
    stream = streams.on_demand()
    queue = Queue(stream).active()
    for wrong in ({"Limit": 0}, {"Limit": 11}, {"WaitTimeSeconds": 0}, {"WaitTimeSeconds": 21}, {"VisibilityTimeoutSeconds": 43_201}):
        with refused("ValidationException"):
            queue.receive(**wrong)
    stream.put_many(*({"PartitionKey": str(number)} for number in range(12)))
    eventually(lambda: len(queue.receive(Limit=2, VisibilityTimeoutSeconds=0)) == 2, "two at once")
    assert len(queue.receive(Limit=10)) <= 10


@behaviour("KIN-240", "KIN-241", "KIN-242", "KIN-246")
def test_a_record_comes_back_unless_acknowledged(clocked_streams: Streams):
    lab = clocked_streams.lab
    stream = clocked_streams.create(StreamModeDetails={"StreamMode": "ON_DEMAND"})
    lab.advance(1)
    queue, other = Queue(stream), Queue(stream)
    lab.advance(1)
    stream.put(b"x", "k")
    first = queue.take(1)[0]
    assert queue.receive(WaitTimeSeconds=1) == []
    lab.advance(31)
    second = queue.take(1)[0]
    assert (second["RecordId"], second["ReceiveCount"]) == (first["RecordId"], 2)
    assert second["ReceiptHandle"] != first["ReceiptHandle"]
    assert second["FirstReceiveTimestamp"] == first["FirstReceiveTimestamp"]
    kinesis = queue.kinesis
    answer = kinesis.update_queue_records_visibility(**queue.entries([second], VisibilityTimeoutSeconds=600))
    assert answer["Successful"] == [{"ReceiptHandle": second["ReceiptHandle"]}] and answer["Failed"] == []
    lab.advance(60)
    assert queue.receive(WaitTimeSeconds=1) == []
    kinesis.update_queue_records_visibility(**queue.entries([second], VisibilityTimeoutSeconds=0))
    third = queue.take(1)[0]
    answer = queue.acknowledge(third, {"ReceiptHandle": "nonsense"})
    assert answer["Successful"] == [{"ReceiptHandle": third["ReceiptHandle"]}]
    assert [(one["ReceiptHandle"], one["ErrorCode"]) for one in answer["Failed"]] == [("nonsense", "InvalidArgumentException")]
    again = queue.acknowledge(third)
    assert [one["ErrorCode"] for one in again["Failed"]] == ["ResourceNotFoundException"] or again["Successful"]
    lab.advance(3600)
    assert queue.receive(WaitTimeSeconds=1) == []
    assert [record["Data"] for record in other.take(1)] == [b"x"]
    assert any(stream.data(shard["ShardId"]) == [b"x"] for shard in stream.shards())
    for entries in ([], [{"ReceiptHandle": "x"}] * 11):
        with refused("ValidationException"):
            kinesis.acknowledge_queue_records(QueueARN=queue.arn, Entries=entries)


@behaviour("KIN-243", "KIN-244")
def test_what_nobody_acknowledges_becomes_a_dead_letter(clocked_streams: Streams):
    lab = clocked_streams.lab
    stream = clocked_streams.create(StreamModeDetails={"StreamMode": "ON_DEMAND"})
    lab.advance(1)
    queue = Queue(stream, {"VisibilityTimeoutSeconds": 10, "DeadLetterConfiguration": {"TargetType": "BUILT_IN", "MaxReceiveCount": 2}})
    lab.advance(1)
    stream.put(b"poison", "k")
    for count in (1, 2):
        assert queue.take(1)[0]["ReceiveCount"] == count
        assert queue.receive_dead() == []
        lab.advance(11)
    # Nobody receives from the queue itself meanwhile.
    dead = queue.receive_dead()
    assert [record["Data"] for record in dead] == [b"poison"]
    assert queue.receive(WaitTimeSeconds=1) == []
    kinesis = queue.kinesis
    answer = kinesis.update_dead_letter_queue_records_visibility(**queue.entries(dead, VisibilityTimeoutSeconds=0))
    assert len(answer["Successful"]) == 1
    dead = queue.receive_dead()
    answer = kinesis.restore_dead_letter_queue_records(**queue.entries(dead))
    assert answer["Successful"] == [{"ReceiptHandle": dead[0]["ReceiptHandle"]}]
    for count in (1, 2):
        restored = queue.take(1)[0]
        assert (restored["RecordId"], restored["ReceiveCount"]) == (dead[0]["RecordId"], count)
        lab.advance(11)
    dead = queue.receive_dead()
    assert len(kinesis.acknowledge_dead_letter_queue_records(**queue.entries(dead))["Successful"]) == 1
    lab.advance(3600)
    assert queue.receive_dead() == [] and queue.receive(WaitTimeSeconds=1) == []


@behaviour("KIN-245")
def test_a_queue_does_not_keep_what_the_stream_does_not(clocked_streams: Streams):
    lab = clocked_streams.lab
    stream = clocked_streams.create(StreamModeDetails={"StreamMode": "ON_DEMAND"})
    lab.advance(1)
    queue = Queue(stream)
    lab.advance(1)
    stream.put(b"old", "k")
    assert queue.take(1)
    lab.advance(25 * 3600)
    stream.put(b"new", "k")
    assert [record["Data"] for record in queue.take(1)] == [b"new"]
    assert queue.receive(WaitTimeSeconds=1) == []


@behaviour("KIN-247")
def test_an_update_changes_timeouts_to_come(clocked_streams: Streams):
    lab = clocked_streams.lab
    stream = clocked_streams.create(StreamModeDetails={"StreamMode": "ON_DEMAND"})
    lab.advance(1)
    queue = Queue(stream)
    lab.advance(1)
    stream.put(b"x", "k")
    queue.take(1)
    answer = queue.kinesis.update_queue(QueueARN=queue.arn, QueueAttributes={"VisibilityTimeoutSeconds": 1_000})["QueueDescription"]
    assert answer["QueueStatus"] == "UPDATING"
    assert answer["QueueAttributes"]["VisibilityTimeoutSeconds"] == 1_000
    assert answer["QueueAttributes"]["DeadLetterConfiguration"]["MaxReceiveCount"] == 6
    lab.advance(31)
    queue.take(1)
    lab.advance(500)
    assert queue.receive(WaitTimeSeconds=1) == []
    lab.advance(501)
    queue.take(1)
    off = {"DeadLetterConfiguration": {"TargetType": "NONE"}}
    queue.kinesis.update_queue(QueueARN=queue.arn, QueueAttributes=off)
    lab.advance(1)
    assert queue.describe()["QueueAttributes"] == {"VisibilityTimeoutSeconds": 1_000} | off


@behaviour("KIN-248", "KIN-066", "KIN-158")
def test_a_deleted_queue_delivers_nothing(clocked_streams: Streams):
    lab = clocked_streams.lab
    stream = clocked_streams.create(StreamModeDetails={"StreamMode": "ON_DEMAND"})
    lab.advance(1)
    queue = Queue(stream)
    lab.advance(1)
    with refused("ResourceInUseException"):
        stream.delete(EnforceConsumerDeletion=True)
    with refused("ValidationException"):
        stream.kinesis.update_stream_mode(StreamARN=stream.arn, StreamModeDetails={"StreamMode": "PROVISIONED"})
    stream.put(b"x", "k")
    (record,) = queue.take(1)
    queue.kinesis.delete_queue(QueueARN=queue.arn)
    assert queue.describe()["QueueStatus"] == "DELETING"
    lab.advance(60)
    with refused("ResourceNotFoundException"):
        queue.receive()
    with refused("ResourceNotFoundException"):
        queue.acknowledge(record)
    with refused("ResourceNotFoundException"):
        queue.describe()
    again = Queue(stream, name=queue.name)
    assert again.arn != queue.arn
    again.kinesis.delete_queue(QueueARN=again.arn)
    lab.advance(60)
    stream.delete()


@behaviour("KIN-249")
def test_queues_are_listed_by_stream(streams: Streams):
    mine = Streams(streams.lab, access_key="333333333333")

    def on_demand() -> Stream:
        stream = mine.on_demand()
        stream.arn = stream.arn.replace("000000000000", "333333333333")
        return stream

    one, other = on_demand(), on_demand()
    arns = {Queue(one).arn for _ in range(3)} | {Queue(other).arn}
    listed, page = set(), {"NextToken": None}
    while "NextToken" in page:
        token = {"NextToken": page["NextToken"]} if page["NextToken"] else {}
        page = mine.kinesis.list_queues(MaxResults=3, **token)
        listed |= {summary["QueueARN"] for summary in page["QueueSummaries"]}
    assert listed == arns
    summaries = mine.kinesis.list_queues(StreamFilter=[{"StreamARN": one.arn}])["QueueSummaries"]
    assert len(summaries) == 3
    assert all(summary["Streams"][0]["StreamARN"] == one.arn for summary in summaries)
    with refused("InvalidArgumentException"):
        mine.kinesis.list_queues(NextToken="x")


@pytest.mark.parametrize("count", [300])
@behaviour("KIN-239", "KIN-241")
def test_a_queue_delivers_every_record_of_a_stream_that_was_resharded(streams: Streams, count: int):
    stream = streams.stream(2)
    stream.put_many(*({"Data": str(number), "PartitionKey": str(number)} for number in range(count // 2)))
    stream.split("shardId-000000000000")
    streams.kinesis.update_stream_mode(StreamARN=stream.arn, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    stream.active()
    queue = Queue(stream, position={"Type": "TRIM_HORIZON"}).active()
    stream.put_many(*({"Data": str(number), "PartitionKey": str(number)} for number in range(count // 2, count)))
    seen = []
    while len(seen) < count:
        records = queue.receive()
        assert records, f"only {len(seen)}"
        seen += [int(record["Data"]) for record in records]
        assert len(queue.acknowledge(*records)["Successful"]) == len(records)
    assert sorted(seen) == list(range(count))
