"""Streams that know how they are used: what almost every Kinesis test begins with."""

import hashlib
import socket
import threading

from harness.clients import aws_client
from harness.lab import Lab, fresh_name
from harness.waiting import eventually

ACCOUNT = "000000000000"
HASH_KEY_MAX = 2**128 - 1


class Streams:
    """A lab with a Kinesis client that validates nothing itself."""

    def __init__(self, lab: Lab, **options):
        self.lab = lab
        self.kinesis = aws_client("kinesis", lab.server.url, validate=False, **options)

    def create(self, name: str | None = None, **more) -> "Stream":
        """CreateStream, without waiting."""
        name = name or fresh_name()
        self.kinesis.create_stream(StreamName=name, **more)
        return Stream(self, name)

    def stream(self, shards: int = 1, **more) -> "Stream":
        """A new provisioned stream that is ACTIVE."""
        return self.create(ShardCount=shards, **more).active()

    def on_demand(self, **more) -> "Stream":
        """A new on-demand stream that is ACTIVE."""
        return self.create(StreamModeDetails={"StreamMode": "ON_DEMAND"}, **more).active()

    def missing(self) -> "Stream":
        """A stream that was never made."""
        return Stream(self, fresh_name())


class Stream:
    """A stream by its name; the verbs are those of the API with the usual arguments filled in."""

    def __init__(self, streams: Streams, name: str):
        self.streams = streams
        self.kinesis = streams.kinesis
        self.name = name
        self.arn = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/{name}"

    @property
    def missing_text(self) -> str:
        """KIN-037"""
        return f"Stream {self.name} under account {ACCOUNT} not found."

    def describe(self, **more) -> dict:
        """DescribeStream."""
        return self.kinesis.describe_stream(StreamName=self.name, **more)["StreamDescription"]

    def summary(self) -> dict:
        """DescribeStreamSummary."""
        return self.kinesis.describe_stream_summary(StreamName=self.name)["StreamDescriptionSummary"]

    def status(self) -> str:
        """The status now."""
        return self.summary()["StreamStatus"]

    def active(self) -> "Stream":
        """Waits until the stream is ACTIVE."""
        eventually(lambda: self.status() == "ACTIVE", f"{self.name} is ACTIVE", 30)
        return self

    def gone(self):
        """Waits until the stream is not listed any more."""
        eventually(lambda: self.name not in self.streams.kinesis.list_streams(ExclusiveStartStreamName=self.name[:-1])["StreamNames"], f"{self.name} is gone", 30)

    def shards(self, **more) -> list[dict]:
        """All shards, by ListShards."""
        answer = self.kinesis.list_shards(StreamName=self.name, **more)
        shards = answer["Shards"]
        while token := answer.get("NextToken"):
            answer = self.kinesis.list_shards(NextToken=token)
            shards += answer["Shards"]
        return shards

    def open_shards(self) -> list[dict]:
        """The open shards in order of their hash keys."""
        shards = self.shards(ShardFilter={"Type": "AT_LATEST"})
        return sorted(shards, key=lambda shard: int(shard["HashKeyRange"]["StartingHashKey"]))

    def put(self, data: bytes | str = b"data", key: str = "key", **more) -> dict:
        """PutRecord."""
        return self.kinesis.put_record(StreamName=self.name, Data=data, PartitionKey=key, **more)

    def put_many(self, *records: dict, **more) -> dict:
        """PutRecords; records without a key get one."""
        filled = [{"PartitionKey": "key", "Data": b"data"} | record for record in records]
        return self.kinesis.put_records(StreamName=self.name, Records=filled, **more)

    def iterator(self, shard: str = "shardId-000000000000", kind: str = "TRIM_HORIZON", **more) -> str:
        """GetShardIterator."""
        answer = self.kinesis.get_shard_iterator(StreamName=self.name, ShardId=shard, ShardIteratorType=kind, **more)
        return answer["ShardIterator"]

    def read(self, iterator: str, **more) -> dict:
        """GetRecords."""
        return self.kinesis.get_records(ShardIterator=iterator, **more)

    def records(self, shard: str = "shardId-000000000000", kind: str = "TRIM_HORIZON", **more) -> list[dict]:
        """Everything from a position to the tip or the end of a shard."""
        answer = self.read(self.iterator(shard, kind, **more))
        records = answer["Records"]
        while answer.get("NextShardIterator") and answer["MillisBehindLatest"] > 0:
            answer = self.read(answer["NextShardIterator"])
            records += answer["Records"]
        return records

    def data(self, shard: str = "shardId-000000000000", kind: str = "TRIM_HORIZON", **more) -> list[bytes]:
        """The data of those."""
        return [record["Data"] for record in self.records(shard, kind, **more)]

    def split(self, shard: str = "shardId-000000000000", at: int | None = None) -> "Stream":
        """SplitShard, in the middle unless told otherwise, and waits."""
        if at is None:
            found = next(one for one in self.shards() if one["ShardId"] == shard)["HashKeyRange"]
            at = (int(found["StartingHashKey"]) + int(found["EndingHashKey"]) + 1) // 2
        self.kinesis.split_shard(StreamName=self.name, ShardToSplit=shard, NewStartingHashKey=str(at))
        return self.active()

    def merge(self, first: str, second: str) -> "Stream":
        """MergeShards, and waits."""
        self.kinesis.merge_shards(StreamName=self.name, ShardToMerge=first, AdjacentShardToMerge=second)
        return self.active()

    def consumer(self, name: str | None = None) -> dict:
        """A registered consumer that is ACTIVE."""
        name = name or fresh_name()
        arn = self.kinesis.register_stream_consumer(StreamARN=self.arn, ConsumerName=name)["Consumer"]["ConsumerARN"]

        def active():
            found = self.kinesis.describe_stream_consumer(ConsumerARN=arn)["ConsumerDescription"]
            return found if found["ConsumerStatus"] == "ACTIVE" else None

        return eventually(active, f"consumer {name} is ACTIVE")

    def delete(self, **more):
        """DeleteStream."""
        self.kinesis.delete_stream(StreamName=self.name, **more)


def shard_id(index: int) -> str:
    """The canonical id of a shard."""
    return f"shardId-{index:012d}"


def hash_key(partition_key: str) -> int:
    """KIN-070"""
    return int.from_bytes(hashlib.md5(partition_key.encode()).digest(), "big")


def range_of(shard: dict) -> tuple[int, int]:
    """The hash keys of a shard."""
    found = shard["HashKeyRange"]
    return int(found["StartingHashKey"]), int(found["EndingHashKey"])


def parse_sequence_number(number: str) -> dict[str, int]:
    """The parts of a sequence number (KIN-091)."""
    digits = f"{int(number):x}"
    assert len(digits) == 47 and digits[0] == "2" and digits[-1] == "2", digits
    parts = {"created": (1, 10), "nibble": (10, 11), "place": (11, 27), "zero": (27, 29), "second": (29, 38), "shard": (38, 46)}
    return {name: int(digits[start:end], 16) for name, (start, end) in parts.items()}


def follow(stream: Stream) -> list[dict]:
    """Every record of a stream as a consumer gets them that reads each shard to its end before its children."""
    shards = {shard["ShardId"]: shard for shard in stream.shards()}
    records, done = [], set()
    while len(done) < len(shards):
        for name, shard in shards.items():
            parents = {shard.get("ParentShardId"), shard.get("AdjacentParentShardId")} - {None}
            if name in done or not parents <= done:
                continue
            answer = {"NextShardIterator": stream.iterator(name)}
            while answer.get("NextShardIterator"):
                answer = stream.read(answer["NextShardIterator"])
                records += [record | {"ShardId": name} for record in answer["Records"]]
                if answer["MillisBehindLatest"] == 0 and "EndingSequenceNumber" not in shard["SequenceNumberRange"]:
                    break
            else:
                children = {child["ShardId"] for child in answer["ChildShards"]}
                assert children == {one["ShardId"] for one in shards.values() if name in (one.get("ParentShardId"), one.get("AdjacentParentShardId"))}
            done.add(name)
    return records


class Subscription:
    """A SubscribeToShard whose events arrive in a list, read by a thread of its own."""

    def __init__(self, stream: Stream, consumer: dict, shard: str = "shardId-000000000000", **position):
        position = position or {"Type": "TRIM_HORIZON"}
        answer = stream.kinesis.subscribe_to_shard(
            ConsumerARN=consumer["ConsumerARN"], ShardId=shard, StartingPosition=position
        )
        self.answer = answer
        self.events: list[dict] = []
        self.error: Exception | None = None
        self.ended = threading.Event()
        self._stream = answer["EventStream"]
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        try:
            for event in self._stream:
                self.events.append(event["SubscribeToShardEvent"])
        except Exception as error:  # What ended the stream is what the test looks at.
            self.error = error
        finally:
            self.ended.set()

    @property
    def records(self) -> list[dict]:
        """The records so far."""
        return [record for event in list(self.events) for record in event["Records"]]

    def wait_for(self, count: int) -> list[dict]:
        """Waits until so many records came."""
        eventually(lambda: len(self.records) >= count, f"{count} records")
        return self.records

    def close(self):
        """Breaks the connection off; the SDK's own way waits for what comes next."""
        self._stream._raw_stream._connection.sock.shutdown(socket.SHUT_RDWR)
        assert self.ended.wait(10)
