"""Section 6: iterators and GetRecords."""

import datetime
import re
import time

import pytest

from harness.behaviours import behaviour
from harness.lab import refused
from harness.streams import ACCOUNT, Streams, shard_id

INVALID_ITERATOR = ("InvalidArgumentException", "Invalid ShardIterator.")


@behaviour("KIN-095", "KIN-096", "KIN-097", "KIN-098")
def test_iterators_start_where_they_say(streams: Streams):
    stream = streams.stream(name=("n" * 100) + streams.missing().name)
    numbers = [stream.put(str(number))["SequenceNumber"] for number in range(5)]
    data = [str(number).encode() for number in range(5)]
    latest = stream.iterator(kind="LATEST")
    assert 1 <= len(latest) <= 512
    assert stream.data() == data
    assert stream.data(kind="AT_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[2]) == data[2:]
    assert stream.data(kind="AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[2]) == data[3:]
    assert stream.data(kind="AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[4]) == []
    starting = stream.shards()[0]["SequenceNumberRange"]["StartingSequenceNumber"]
    for kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"):
        assert stream.data(kind=kind, StartingSequenceNumber=starting) == data
    assert stream.read(latest)["Records"] == []
    stream.put(b"later")
    assert [record["Data"] for record in stream.read(latest)["Records"]] == [b"later"]
    with refused("ValidationException"):
        stream.iterator(kind="EARLIEST")


@behaviour("KIN-099", "KIN-105")
def test_an_iterator_starts_at_a_time(clocked_streams: Streams):
    clocked_streams.lab.advance(10)
    stream = clocked_streams.create(ShardCount=1)
    times = []
    for number in range(4):
        clocked_streams.lab.advance(100)
        stream.put(str(number))
        times.append(stream.records()[-1]["ApproximateArrivalTimestamp"])
    for index, arrival in enumerate(times):
        # The SDK sends whole seconds.
        at = arrival.replace(microsecond=0)
        assert stream.data(kind="AT_TIMESTAMP", Timestamp=at) == [str(number).encode() for number in range(index, 4)]
        after = at + datetime.timedelta(seconds=1)
        if index < 3:
            assert stream.data(kind="AT_TIMESTAMP", Timestamp=after) == [str(number).encode() for number in range(index + 1, 4)]
    assert len(stream.data(kind="AT_TIMESTAMP", Timestamp=times[0] - datetime.timedelta(days=400))) == 4
    assert len(stream.data(kind="AT_TIMESTAMP", Timestamp=0)) == 4
    future = int(times[3].timestamp()) + 1_000
    with refused("InvalidArgumentException") as _:
        stream.iterator(kind="AT_TIMESTAMP", Timestamp=future)
    try:
        stream.iterator(kind="AT_TIMESTAMP", Timestamp=future)
    except stream.kinesis.exceptions.InvalidArgumentException as error:
        pattern = (
            "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. "
            rf"timestampInMillis: {future}000, currentTimestampInMillis: \d+"
        )
        assert re.fullmatch(pattern, error.response["Error"]["Message"])


@behaviour("KIN-100", "KIN-127")
def test_what_is_too_old_is_not_read(clocked_streams: Streams):
    stream = clocked_streams.create(ShardCount=1)
    clocked_streams.lab.advance(1)
    old = stream.put(b"old")["SequenceNumber"]
    held = stream.iterator()
    clocked_streams.lab.advance(20 * 3600)
    stream.put(b"new")
    assert stream.data() == [b"old", b"new"]
    clocked_streams.lab.advance(5 * 3600)
    assert stream.data() == [b"new"]
    for kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"):
        assert stream.data(kind=kind, StartingSequenceNumber=old) == [b"new"]
    with refused("ExpiredIteratorException"):
        stream.read(held)


@behaviour("KIN-101")
def test_what_does_not_exist_has_one_text(streams: Streams):
    missing = streams.missing()
    text = f"Shard {shard_id(3)} in stream {missing.name} under account {ACCOUNT} does not exist"
    with refused("ResourceNotFoundException", text):
        missing.iterator("shard-3")
    stream = streams.stream()
    text = f"Shard {shard_id(1)} in stream {stream.name} under account {ACCOUNT} does not exist"
    with refused("ResourceNotFoundException", text):
        stream.iterator(shard_id(1))
    iterator = stream.iterator()
    stream.delete()
    stream.gone()
    text = f"Shard {shard_id(0)} in stream {stream.name} under account {ACCOUNT} does not exist"
    with refused("ResourceNotFoundException", text):
        stream.read(iterator)


@behaviour("KIN-102", "KIN-103", "KIN-104")
def test_types_and_positions_go_together(streams: Streams):
    stream = streams.stream()
    number = stream.put()["SequenceNumber"]
    start = (
        "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) TRIM_HORIZON or "
        "LATEST and no StartingSequenceNumber. Request specified "
    )
    for kind in ("TRIM_HORIZON", "LATEST"):
        with refused("InvalidArgumentException", f"{start}{kind} and also a StartingSequenceNumber."):
            stream.iterator(kind=kind, StartingSequenceNumber=number)
    for kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"):
        with refused("InvalidArgumentException", f"{start}{kind} and no StartingSequenceNumber."):
            stream.iterator(kind=kind)
    text = "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no timestamp parameter."
    with refused("InvalidArgumentException", text):
        stream.iterator(kind="AT_TIMESTAMP")


@behaviour("KIN-106", "KIN-107")
def test_a_starting_number_is_one_of_the_shard(streams: Streams):
    stream = streams.stream(2)
    number = stream.put(ExplicitHashKey="0")["SequenceNumber"]
    for bad in ("0", "1234567890"):
        text = f"StartingSequenceNumber {bad} used in GetShardIterator on shard {shard_id(0)} in stream {stream.name} under account {ACCOUNT} is invalid."
        with refused("InvalidArgumentException", text):
            stream.iterator(kind="AT_SEQUENCE_NUMBER", StartingSequenceNumber=bad)
    text = (
        f"Invalid StartingSequenceNumber. It encodes {shard_id(0)}, while it was used in a call to a shard with {shard_id(1)}"
    )
    with refused("InvalidArgumentException", text):
        stream.iterator(shard_id(1), "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=number)
    with refused("ValidationException"):
        stream.iterator(kind="AT_SEQUENCE_NUMBER", StartingSequenceNumber="x")


@behaviour("KIN-109", "KIN-119", "KIN-120", "KIN-121", "KIN-122", "KIN-147", "KIN-149")
def test_the_end_of_a_closed_shard_names_its_children(streams: Streams):
    stream = streams.stream()
    for number in range(3):
        stream.put(str(number))
    open_answer = stream.read(stream.iterator(kind="LATEST"))
    assert "NextShardIterator" in open_answer and "ChildShards" not in open_answer
    stream.split()
    part = stream.read(stream.iterator(), Limit=2)
    assert len(part["Records"]) == 2 and "NextShardIterator" in part and "ChildShards" not in part
    end = stream.read(part["NextShardIterator"])
    assert [record["Data"] for record in end["Records"]] == [b"2"]
    children = {shard["ShardId"]: shard["HashKeyRange"] for shard in stream.shards()[1:]}
    for answer in (end, stream.read(stream.iterator(kind="LATEST"))):
        assert "NextShardIterator" not in answer and answer["MillisBehindLatest"] == 0
        assert [child["ShardId"] for child in answer["ChildShards"]] == [shard_id(1), shard_id(2)]
        for child in answer["ChildShards"]:
            assert child["ParentShards"] == [shard_id(0)]
            assert child["HashKeyRange"] == children[child["ShardId"]]
    stream.merge(shard_id(1), shard_id(2))
    for parent in (shard_id(1), shard_id(2)):
        for kind in ("TRIM_HORIZON", "LATEST"):
            (child,) = stream.read(stream.iterator(parent, kind))["ChildShards"]
            assert child["ShardId"] == shard_id(3)
            assert child["ParentShards"] == [shard_id(1), shard_id(2)]
    number = stream.shards()[0]["SequenceNumberRange"]["StartingSequenceNumber"]
    assert len(stream.data(kind="AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=number)) == 3


@behaviour("KIN-110")
def test_an_iterator_is_good_for_five_minutes(clocked_streams: Streams):
    stream = clocked_streams.create(ShardCount=1)
    clocked_streams.lab.advance(1)
    iterator = stream.iterator()
    clocked_streams.lab.advance(298)
    following = stream.read(iterator)["NextShardIterator"]
    clocked_streams.lab.advance(4)
    stream.read(following)
    date = r"[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d UTC \d{4}"
    with pytest.raises(stream.kinesis.exceptions.ExpiredIteratorException) as caught:
        stream.read(iterator)
    pattern = (
        rf"Iterator expired\. The iterator was created at time {date} while right now it is {date} which is further in the future "
        r"than the tolerated delay of 300000 milliseconds\."
    )
    assert re.fullmatch(pattern, caught.value.response["Error"]["Message"])


@behaviour("KIN-111")
def test_other_texts_are_no_iterators(streams: Streams):
    stream = streams.stream()
    iterator = stream.iterator()
    changed = iterator[:20] + ("A" if iterator[20] != "A" else "B") + iterator[21:]
    token = streams.kinesis.list_shards(StreamName=streams.stream(2).name, MaxResults=1)["NextToken"]
    for bad in ("x", "AAAA", iterator[1:], changed, token, iterator + "AAAA"):
        with refused(*INVALID_ITERATOR):
            stream.read(bad)
    with refused("ValidationException"):
        stream.read("")
    with refused("ValidationException"):
        stream.read("x" * 513)


@behaviour("KIN-112", "KIN-117", "KIN-118")
def test_reading_goes_on_exactly_where_it_was(streams: Streams):
    stream = streams.stream()
    empty = stream.read(stream.iterator())
    assert empty["Records"] == [] and empty["NextShardIterator"]
    wanted = [str(number).encode() for number in range(25)]
    stream.put_many(*({"Data": data} for data in wanted))
    iterator, seen = empty["NextShardIterator"], []
    while len(seen) < 25:
        answer = stream.read(iterator, Limit=7)
        assert answer == answer | {"Records": stream.read(iterator, Limit=7)["Records"]}
        seen += [record["Data"] for record in answer["Records"]]
        iterator = answer["NextShardIterator"]
    assert seen == wanted
    assert stream.read(iterator)["Records"] == []


@behaviour("KIN-113", "KIN-114", "KIN-115")
def test_an_answer_has_its_limits(streams: Streams):
    stream = streams.stream()
    record = {"Data": b"x" * 1_000_000}
    for _ in range(3):
        stream.put_many(*[record] * 5)
    answer = stream.read(stream.iterator())
    assert 0 < sum(len(one["Data"]) for one in answer["Records"]) <= 10 * 2**20
    assert len(answer["Records"]) < 15
    assert len(stream.records()) == 15
    assert len(stream.read(stream.iterator(), Limit=1)["Records"]) == 1
    for limit in (0, 10_001):
        with refused("ValidationException"):
            stream.read(stream.iterator(), Limit=limit)


@behaviour("KIN-123")
def test_an_answer_tells_how_far_behind_it_is(clocked_streams: Streams):
    stream = clocked_streams.create(ShardCount=1)
    clocked_streams.lab.advance(1)
    stream.put_many({}, {}, {})
    clocked_streams.lab.advance(60)
    stream.put(b"new")
    part = stream.read(stream.iterator(), Limit=2)
    assert 60_000 <= part["MillisBehindLatest"] < 70_000
    assert stream.read(part["NextShardIterator"])["MillisBehindLatest"] == 0
    assert stream.read(stream.iterator(kind="LATEST"))["MillisBehindLatest"] == 0


@behaviour("KIN-124", "KIN-036")
def test_another_account_reads_with_a_policy(streams: Streams):
    stream = streams.stream()
    stream.put(b"shared")
    iterator = stream.iterator()
    assert stream.read(iterator, StreamARN=stream.arn)["Records"]
    with refused("InvalidArgumentException"):
        stream.read(iterator, StreamARN=streams.stream().arn)
    stranger = Streams(streams.lab, access_key="111111111111").kinesis
    with refused("AccessDeniedException"):
        stranger.get_records(ShardIterator=iterator, StreamARN=stream.arn)
    policy = '{"Statement":[{"Effect":"Allow","Principal":"*","Action":["kinesis:Get*"],"Resource":"*"}]}'
    streams.kinesis.put_resource_policy(ResourceARN=stream.arn, Policy=policy)
    assert [record["Data"] for record in stranger.get_records(ShardIterator=iterator, StreamARN=stream.arn)["Records"]] == [b"shared"]


@behaviour("KIN-125", "KIN-126", "KIN-224", "KIN-221")
def test_reads_of_a_shard_have_a_rate(limited_streams: Streams):
    limited_streams.lab.advance(2)
    stream = limited_streams.create(ShardCount=1, MaxRecordSizeInKiB=10_240)
    limited_streams.lab.advance(2)
    stream.put(b"x" * (10 * 2**20 - 3))
    iterator = stream.iterator()
    answer = stream.read(iterator)
    assert len(answer["Records"]) == 1
    text = f"Rate exceeded for shard {shard_id(0)} in stream {stream.name} under account {ACCOUNT}."
    with refused("ProvisionedThroughputExceededException", text):
        stream.read(iterator)
    limited_streams.lab.advance(5)
    began = time.monotonic()
    calls = 0
    with refused("ProvisionedThroughputExceededException", text):
        while True:
            stream.read(answer["NextShardIterator"])
            calls += 1
    assert calls == 5 or time.monotonic() - began > 0.2
    limited_streams.lab.advance(1)
    stream.read(answer["NextShardIterator"])
