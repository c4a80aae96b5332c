"""Section 8: splits, merges, and another number of shards."""

import threading

import pytest

from harness.behaviours import behaviour
from harness.lab import refused
from harness.streams import ACCOUNT, HASH_KEY_MAX, Stream, Streams, follow, hash_key, range_of, shard_id
from harness.waiting import eventually


@behaviour("KIN-143", "KIN-147", "KIN-056")
def test_a_split_closes_the_parent_and_opens_two(clocked_streams: Streams):
    stream = clocked_streams.create(ShardCount=1)
    clocked_streams.lab.advance(1)
    clocked_streams.kinesis.split_shard(StreamName=stream.name, ShardToSplit=shard_id(0), NewStartingHashKey="1000")
    assert stream.status() == "UPDATING"
    clocked_streams.lab.advance(1)
    assert stream.status() == "ACTIVE"
    parent, lower, upper = stream.shards()
    assert "EndingSequenceNumber" in parent["SequenceNumberRange"]
    assert (range_of(lower), range_of(upper)) == ((0, 999), (1000, HASH_KEY_MAX))
    for child in (lower, upper):
        assert child["ParentShardId"] == shard_id(0) and "AdjacentParentShardId" not in child
        assert "EndingSequenceNumber" not in child["SequenceNumberRange"]


@behaviour("KIN-149", "KIN-056")
def test_a_merge_closes_both_parents_and_opens_one(streams: Streams):
    stream = streams.stream(3).merge(shard_id(1), shard_id(2))
    first, *parents, child = stream.shards()
    assert all("EndingSequenceNumber" in parent["SequenceNumberRange"] for parent in parents)
    assert "EndingSequenceNumber" not in first["SequenceNumberRange"]
    assert (child["ParentShardId"], child["AdjacentParentShardId"]) == (shard_id(1), shard_id(2))
    assert range_of(child) == (range_of(parents[0])[0], HASH_KEY_MAX)


@behaviour("KIN-144", "KIN-145", "KIN-150")
def test_the_order_of_checks(clocked_streams: Streams):
    missing = clocked_streams.missing()
    with refused("ResourceNotFoundException", f"Could not find shard x in stream {missing.name} under account {ACCOUNT}."):
        missing.split("x", at=5)
    with refused("ResourceNotFoundException", missing.missing_text):
        missing.split("9", at=5)
    stream = clocked_streams.create(ShardCount=2)
    with refused("ResourceInUseException"):
        stream.split("9", at=5)
    clocked_streams.lab.advance(1)
    gone = f"Could not find shard {shard_id(9)} in stream {stream.name} under account {ACCOUNT}."
    for call in (lambda: stream.split("9", at=0), lambda: stream.merge("9", "1"), lambda: stream.merge("0", "9")):
        with refused("ResourceNotFoundException", gone):
            call()
    clocked_streams.kinesis.split_shard(StreamName=stream.name, ShardToSplit="0", NewStartingHashKey="1000")
    clocked_streams.lab.advance(1)
    with refused("InvalidArgumentException"):
        stream.split("0", at=500)
    with refused("InvalidArgumentException"):
        stream.merge("0", "1")


@behaviour("KIN-146")
def test_a_split_is_inside_of_its_shard(streams: Streams):
    stream = streams.stream(2)
    first, last = range_of(stream.shards()[1])
    for at in (0, first, first + 1, last, HASH_KEY_MAX, 2**128):
        text = (
            f"NewStartingHashKey {at} used in SplitShard() on shard {shard_id(1)} in stream {stream.name} under account {ACCOUNT} "
            f"is not both greater than one plus the shard's StartingHashKey {first} and less than the shard's EndingHashKey {last}."
        )
        with refused("InvalidArgumentException", text):
            stream.split(shard_id(1), at=at)
    stream.split(shard_id(1), at=first + 2).split(shard_id(0), at=first - 2)
    with refused("ValidationException"):
        streams.kinesis.split_shard(StreamName=stream.name, ShardToSplit=shard_id(3), NewStartingHashKey="-5")


@behaviour("KIN-148")
def test_only_neighbours_are_merged_in_order(streams: Streams):
    stream = streams.stream(3)
    for first, second in ((0, 2), (1, 0), (0, 0), (2, 0)):
        text = (
            f"Shards {shard_id(first)} and {shard_id(second)} in stream {stream.name} under account {ACCOUNT} are not an adjacent "
            "pair of shards eligible for merging"
        )
        with refused("InvalidArgumentException", text):
            stream.merge(shard_id(first), shard_id(second))


@behaviour("KIN-151", "KIN-156")
def test_on_demand_streams_are_not_resharded_by_hand(streams: Streams):
    stream = streams.on_demand()
    with refused("ValidationException"):
        stream.split(at=1000)
    with refused("ValidationException"):
        stream.merge(shard_id(0), shard_id(1))
    with refused("ValidationException"):
        streams.kinesis.update_shard_count(StreamName=stream.name, TargetShardCount=8, ScalingType="UNIFORM_SCALING")


@behaviour("KIN-152")
def test_old_records_stay_in_the_parent(streams: Streams):
    stream = streams.stream()
    stream.put(b"old", "a")
    stream.split()
    answer = stream.put(b"new", "a")
    child = shard_id(1) if hash_key("a") < 2**127 else shard_id(2)
    assert answer["ShardId"] == child
    assert stream.data(shard_id(0)) == [b"old"]
    assert stream.data(child) == [b"new"]


class Writers:
    """Threads that put numbered records, each under its own key, until they are told to stop."""

    def __init__(self, stream: Stream, count: int):
        self.stream = stream
        self.stopping = threading.Event()
        self.put: dict[str, list[tuple[str, str, int]]] = {str(key): [] for key in range(count)}
        self.errors: list[Exception] = []
        self.threads = [threading.Thread(target=self._run, args=(key,)) for key in self.put]
        for thread in self.threads:
            thread.start()

    def _run(self, key: str):
        try:
            number = 0
            while not self.stopping.is_set():
                entries = [{"PartitionKey": key, "Data": f"{key}:{number + more}"} for more in range(3)]
                answer = self.stream.put_many(*entries)
                assert answer["FailedRecordCount"] == 0
                for entry, stored in zip(entries, answer["Records"], strict=True):
                    self.put[key].append((entry["Data"], stored["ShardId"], int(stored["SequenceNumber"])))
                number += 3
        except Exception as error:
            self.errors.append(error)

    def stop(self):
        """Ends all threads; none may have failed."""
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        assert self.errors == []


@behaviour("KIN-153", "KIN-087", "KIN-086", "KIN-094")
def test_nothing_is_lost_or_doubled_or_reordered_across_reshards(streams: Streams):
    stream = streams.stream(2)
    writers = Writers(stream, 6)
    try:
        stream.split(shard_id(0)).split(shard_id(1))
        stream.merge(shard_id(3), shard_id(4))
        for target in (4, 2, 3, 6):
            streams.kinesis.update_shard_count(StreamName=stream.name, TargetShardCount=target, ScalingType="UNIFORM_SCALING")
            stream.active()
    finally:
        writers.stop()
    records = follow(stream)
    by_key: dict[str, list[tuple[str, str, int]]] = {key: [] for key in writers.put}
    for record in records:
        by_key[record["PartitionKey"]].append((record["Data"].decode(), record["ShardId"], int(record["SequenceNumber"])))
    assert by_key == writers.put
    for own in by_key.values():
        numbers = [number for _, _, number in own]
        assert numbers == sorted(numbers)


@behaviour("KIN-154")
@pytest.mark.parametrize(("current", "target"), [(1, 2), (2, 3), (4, 2), (5, 7), (3, 2), (2, 2), (100, 200)])
def test_another_number_of_shards(streams: Streams, current: int, target: int):
    stream = streams.stream(current)
    answer = streams.kinesis.update_shard_count(StreamName=stream.name, TargetShardCount=target, ScalingType="UNIFORM_SCALING")
    del answer["ResponseMetadata"]
    assert answer == {"StreamName": stream.name, "StreamARN": stream.arn, "CurrentShardCount": current, "TargetShardCount": target}
    stream.active()
    width = 2**128 // target
    ranges = [range_of(shard) for shard in stream.open_shards()]
    assert ranges == [(index * width, (index + 1) * width - 1) for index in range(target - 1)] + [((target - 1) * width, HASH_KEY_MAX)]
    shards = {shard["ShardId"]: shard for shard in stream.shards()}
    for shard in shards.values():
        for parent in ("ParentShardId", "AdjacentParentShardId"):
            if parent in shard:
                ending = shards[shard[parent]]["SequenceNumberRange"]["EndingSequenceNumber"]
                assert int(ending) < int(shard["SequenceNumberRange"]["StartingSequenceNumber"])


@behaviour("KIN-155")
def test_a_target_is_within_half_and_double(streams: Streams):
    stream = streams.stream(4)

    def scale(target: int):
        streams.kinesis.update_shard_count(StreamName=stream.name, TargetShardCount=target, ScalingType="UNIFORM_SCALING")

    for target, text in (
        (9, "UpdateShardCount cannot scale up over double your current open shard count. Current open shard count: 4 Target shard count: 9"),
        (1, "UpdateShardCount cannot scale down below half your current open shard count. Current open shard count: 4 Target shard count: 1"),
    ):
        with refused("InvalidArgumentException", text):
            scale(target)
    with refused("LimitExceededException"):
        scale(10_001)
    with refused("ValidationException"):
        scale(0)
    with refused("ValidationException"):
        streams.kinesis.update_shard_count(StreamName=stream.name, TargetShardCount=4, ScalingType="OTHER")


@behaviour("KIN-155", "KIN-157", "KIN-218")
def test_uses_within_a_day_are_limited(limited_streams: Streams):
    lab, kinesis = limited_streams.lab, limited_streams.kinesis
    lab.advance(2)
    stream = limited_streams.create(ShardCount=1)

    def exhaust(count: int, call):
        for _ in range(count):
            lab.advance(2)
            call()
        lab.advance(2)
        with refused("LimitExceededException"):
            call()
        lab.advance(24 * 3600)
        call()

    exhaust(10, lambda: kinesis.update_shard_count(StreamName=stream.name, TargetShardCount=1, ScalingType="UNIFORM_SCALING"))
    key = {"StreamName": stream.name, "EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}
    exhaust(25, lambda: kinesis.start_stream_encryption(**key))
    modes = iter(["ON_DEMAND", "PROVISIONED", "ON_DEMAND", "ON_DEMAND"])
    exhaust(2, lambda: kinesis.update_stream_mode(StreamARN=stream.arn, StreamModeDetails={"StreamMode": next(modes)}))


@behaviour("KIN-157")
def test_a_mode_change_keeps_the_shards(clocked_streams: Streams):
    stream = clocked_streams.create(ShardCount=3)
    clocked_streams.lab.advance(1)
    stream.put(b"kept")
    before = stream.shards()
    kinesis = clocked_streams.kinesis
    kinesis.update_stream_mode(StreamARN=stream.arn, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    assert stream.status() == "UPDATING"
    clocked_streams.lab.advance(1)
    assert stream.summary()["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    assert stream.shards() == before
    kinesis.update_stream_mode(StreamARN=stream.arn, StreamModeDetails={"StreamMode": "PROVISIONED"})
    clocked_streams.lab.advance(1)
    assert stream.summary()["StreamModeDetails"] == {"StreamMode": "PROVISIONED"}
    with refused("ValidationException"):
        kinesis.update_stream_mode(StreamARN=stream.arn, StreamModeDetails={"StreamMode": "PROVISIONED"}, WarmThroughputMiBps=5)
    eventually(lambda: stream.shards() == before, "the shards are the same")
