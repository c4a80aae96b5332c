"""Section 7: ListShards with its filters and pages."""

import datetime

import pytest

from harness.behaviours import behaviour
from harness.lab import refused
from harness.streams import ACCOUNT, Stream, Streams, shard_id


def ids(shards: list[dict]) -> list[int]:
    """The indexes of shards."""
    return [int(shard["ShardId"].split("-")[1]) for shard in shards]


@behaviour("KIN-128", "KIN-129", "KIN-130")
def test_a_list_has_a_stream_or_a_token(streams: Streams):
    stream = streams.stream(3)
    kinesis = streams.kinesis
    with refused("InvalidArgumentException", "Either NextToken or StreamName should be provided."):
        kinesis.list_shards()
    token = kinesis.list_shards(StreamName=stream.name, MaxResults=2)["NextToken"]
    with refused("InvalidArgumentException", "NextToken and StreamName cannot be provided together."):
        kinesis.list_shards(StreamName=stream.name, NextToken=token)
    for more in ({"ExclusiveStartShardId": "1"}, {"StreamCreationTimestamp": 5}, {"ShardFilter": {"Type": "AT_LATEST"}}):
        with refused("InvalidArgumentException"):
            kinesis.list_shards(NextToken=token, **more)
    with refused("InvalidArgumentException"):
        kinesis.list_shards(NextToken="x")


@behaviour("KIN-131", "KIN-132", "KIN-133")
def test_shards_come_in_pages(streams: Streams):
    stream = streams.stream(1_005)
    kinesis = streams.kinesis
    first = kinesis.list_shards(StreamName=stream.name, MaxResults=10_000)
    assert ids(first["Shards"]) == list(range(1_000))
    rest = kinesis.list_shards(NextToken=first["NextToken"])
    assert ids(rest["Shards"]) == list(range(1_000, 1_005)) and "NextToken" not in rest
    assert ids(stream.shards(MaxResults=100)) == list(range(1_005))
    assert "NextToken" not in kinesis.list_shards(StreamName=stream.name, ExclusiveStartShardId=shard_id(4))
    assert ids(stream.shards(ExclusiveStartShardId=shard_id(1_002))) == [1_003, 1_004]
    assert ids(stream.shards(ExclusiveStartShardId=shard_id(9_999))) == []
    for max_results in (0, 10_001):
        with refused("ValidationException"):
            stream.shards(MaxResults=max_results)


@behaviour("KIN-133")
def test_a_token_carries_its_filter_and_ends_after_five_minutes(clocked_streams: Streams):
    stream = clocked_streams.create(ShardCount=4)
    clocked_streams.lab.advance(1)
    kinesis = clocked_streams.kinesis
    kinesis.split_shard(StreamName=stream.name, ShardToSplit=shard_id(0), NewStartingHashKey="1000")
    clocked_streams.lab.advance(1)
    page = kinesis.list_shards(StreamName=stream.name, ShardFilter={"Type": "AT_LATEST"}, MaxResults=2)
    assert ids(page["Shards"]) == [1, 2]
    clocked_streams.lab.advance(299)
    assert ids(kinesis.list_shards(NextToken=page["NextToken"])["Shards"]) == [3, 4, 5]
    clocked_streams.lab.advance(3)
    with refused("ExpiredNextTokenException"):
        kinesis.list_shards(NextToken=page["NextToken"])


@behaviour("KIN-134", "KIN-135")
def test_the_stream_must_be_there_and_the_same(clocked_streams: Streams):
    stream = clocked_streams.create(ShardCount=1)
    with refused("ResourceInUseException", f"Stream {stream.name} under account {ACCOUNT} not ACTIVE, instead in state CREATING"):
        stream.shards()
    clocked_streams.lab.advance(1)
    created = stream.describe()["StreamCreationTimestamp"]
    assert ids(stream.shards(StreamCreationTimestamp=created)) == [0]
    with refused("ResourceNotFoundException"):
        stream.shards(StreamCreationTimestamp=created + datetime.timedelta(seconds=5))
    stream.delete()
    with refused("ResourceInUseException"):
        stream.shards()


class History:
    """A stream whose shards came and went at known times: 0 was split into 1 and 2, which were merged to 3."""

    def __init__(self, streams: Streams):
        lab = streams.lab
        lab.advance(10)
        self.stream: Stream = streams.create(ShardCount=1)
        lab.advance(100)
        self.before_split = self.now()
        lab.advance(100)
        self.stream.split()
        lab.advance(100)
        self.between = self.now()
        lab.advance(100)
        self.stream.merge(shard_id(1), shard_id(2))
        lab.advance(100)
        self.after_merge = self.now()

    def now(self) -> datetime.datetime:
        """The server's time, by a record."""
        answer = self.stream.put(b"now")
        return self.stream.records(answer["ShardId"])[-1]["ApproximateArrivalTimestamp"]

    def filtered(self, kind: str, **more) -> list[int]:
        """The indexes that pass a filter."""
        return ids(self.stream.shards(ShardFilter={"Type": kind} | more))


@pytest.fixture(scope="module")
def history(clocked_streams: Streams) -> History:
    """Shards with a past."""
    return History(clocked_streams)


@behaviour("KIN-136", "KIN-137", "KIN-138")
def test_filters_by_place(history: History):
    assert history.filtered("AT_LATEST") == [3]
    assert history.filtered("AT_TRIM_HORIZON") == [0]
    assert history.filtered("FROM_TRIM_HORIZON") == [0, 1, 2, 3] == ids(history.stream.shards())


@behaviour("KIN-139", "KIN-140")
def test_filters_by_time(history: History):
    for at, then, since in (
        (history.before_split, [0], [0, 1, 2, 3]),
        (history.between, [1, 2], [1, 2, 3]),
        (history.after_merge, [3], [3]),
        (history.before_split - datetime.timedelta(days=30), [0], [0, 1, 2, 3]),
    ):
        assert history.filtered("AT_TIMESTAMP", Timestamp=at) == then
        assert history.filtered("FROM_TIMESTAMP", Timestamp=at) == since


@behaviour("KIN-141", "KIN-142")
def test_filters_have_their_members(history: History):
    assert history.filtered("AFTER_SHARD_ID", ShardId=shard_id(1)) == [2, 3]
    assert ids(history.stream.shards(ExclusiveStartShardId=shard_id(1))) == [2, 3]
    for wrong in (
        {"Type": "AT_TIMESTAMP"},
        {"Type": "FROM_TIMESTAMP"},
        {"Type": "AFTER_SHARD_ID"},
        {"Type": "AT_LATEST", "Timestamp": 5},
        {"Type": "AT_TRIM_HORIZON", "ShardId": "1"},
        {"Type": "AT_TIMESTAMP", "Timestamp": 5, "ShardId": "1"},
    ):
        with refused("InvalidArgumentException"):
            history.stream.shards(ShardFilter=wrong)
    with refused("ValidationException"):
        history.stream.shards(ShardFilter={"Type": "OTHER"})


@behaviour("KIN-137", "KIN-058")
def test_the_trim_horizon_moves_on(clocked_streams: Streams):
    stream = History(clocked_streams).stream
    clocked_streams.lab.advance(24 * 3600 - 250)
    assert ids(stream.shards(ShardFilter={"Type": "AT_TRIM_HORIZON"})) == [1, 2]
    assert ids(stream.shards()) == [1, 2, 3]
    clocked_streams.lab.advance(3600)
    assert ids(stream.shards(ShardFilter={"Type": "AT_TRIM_HORIZON"})) == [3]
    assert ids(stream.shards()) == [3]
