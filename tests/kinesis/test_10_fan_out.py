"""Section 10: registered consumers and SubscribeToShard."""

import time
from functools import partial

import pytest

from harness.at_once import at_once, refusals
from harness.behaviours import behaviour
from harness.clients import aws_client
from harness.lab import fresh_name, refused
from harness.streams import ACCOUNT, Streams, Subscription, shard_id
from harness.waiting import eventually


@behaviour("KIN-167", "KIN-171")
def test_a_consumer_is_creating_and_then_active(clocked_streams: Streams):
    stream = clocked_streams.create(ShardCount=1)
    clocked_streams.lab.advance(1)
    kinesis = clocked_streams.kinesis
    new = kinesis.register_stream_consumer(StreamARN=stream.arn, ConsumerName="c")["Consumer"]
    assert set(new) == {"ConsumerName", "ConsumerARN", "ConsumerStatus", "ConsumerCreationTimestamp"}
    assert (new["ConsumerName"], new["ConsumerStatus"]) == ("c", "CREATING")
    created = int(new["ConsumerCreationTimestamp"].timestamp())
    assert new["ConsumerARN"] == f"{stream.arn}/consumer/c:{created}"
    with refused("ResourceInUseException"):
        Subscription(stream, new)
    clocked_streams.lab.advance(1)
    found = kinesis.describe_stream_consumer(ConsumerARN=new["ConsumerARN"])["ConsumerDescription"]
    assert found == new | {"ConsumerStatus": "ACTIVE", "StreamARN": stream.arn}
    listed = kinesis.list_stream_consumers(StreamARN=stream.arn)["Consumers"]
    assert listed == [new | {"ConsumerStatus": "ACTIVE"}]


@behaviour("KIN-168", "KIN-169")
def test_names_are_unique_and_consumers_limited(streams: Streams):
    stream = streams.stream()
    kinesis = streams.kinesis
    for number in range(20):
        kinesis.register_stream_consumer(StreamARN=stream.arn, ConsumerName=f"c{number}")
    with refused("ResourceInUseException"):
        kinesis.register_stream_consumer(StreamARN=stream.arn, ConsumerName="c5")
    with refused("LimitExceededException"):
        kinesis.register_stream_consumer(StreamARN=stream.arn, ConsumerName="one-more")


@behaviour("KIN-169")
def test_many_at_once_get_no_more_consumers_than_a_stream_may_have(streams: Streams):
    stream = streams.on_demand()
    works = []
    for number in range(32):
        client = aws_client("kinesis", streams.lab.server.url)
        if number % 2:
            register = partial(client.register_stream_consumer, StreamARN=stream.arn, ConsumerName=f"c{number}")
            works.append(register)
        else:
            create = partial(client.create_queue, QueueName=fresh_name(), StreamConfigurationList=[{"StreamARN": stream.arn}])
            works.append(create)
    assert refusals(at_once(works)) == ["LimitExceededException"] * 12
    consumers = streams.kinesis.list_stream_consumers(StreamARN=stream.arn)["Consumers"]
    queues = streams.kinesis.list_queues(StreamFilter=[{"StreamARN": stream.arn}])["QueueSummaries"]
    assert len(consumers) + len(queues) == 20


@behaviour("KIN-169")
def test_consumers_in_creation_are_limited(limited_streams: Streams):
    limited_streams.lab.advance(2)
    stream = limited_streams.create(ShardCount=1)
    limited_streams.lab.advance(2)
    with refused("LimitExceededException"):
        for number in range(6):
            limited_streams.kinesis.register_stream_consumer(StreamARN=stream.arn, ConsumerName=f"c{number}")


@behaviour("KIN-170")
def test_a_consumer_is_named_in_three_ways(streams: Streams):
    stream, other = streams.stream(), streams.stream()
    consumer = stream.consumer("c")
    describe = streams.kinesis.describe_stream_consumer
    by_arn = {"ConsumerARN": consumer["ConsumerARN"]}
    by_name = {"StreamARN": stream.arn, "ConsumerName": "c"}
    for named in (by_arn, by_name, by_arn | by_name):
        assert describe(**named)["ConsumerDescription"] == consumer
    for wrong in ({"StreamARN": stream.arn}, {"ConsumerName": "c"}, {}, by_arn | {"ConsumerName": "d"}, by_arn | {"StreamARN": other.arn}):
        with refused("InvalidArgumentException"):
            describe(**wrong)
    for missing in (by_name | {"ConsumerName": "d"}, {"ConsumerARN": consumer["ConsumerARN"][:-1] + "1" * 3}):
        with refused("ResourceNotFoundException"):
            describe(**missing)


@behaviour("KIN-172")
def test_consumers_come_in_pages(streams: Streams):
    stream = streams.stream()
    names = sorted(f"c{number:02}" for number in range(7))
    for name in names:
        streams.kinesis.register_stream_consumer(StreamARN=stream.arn, ConsumerName=name)
    page = streams.kinesis.list_stream_consumers(StreamARN=stream.arn, MaxResults=3)
    seen = page["Consumers"]
    while "NextToken" in page:
        page = streams.kinesis.list_stream_consumers(StreamARN=stream.arn, MaxResults=3, NextToken=page["NextToken"])
        seen += page["Consumers"]
    assert [one["ConsumerName"] for one in seen] == names
    assert "NextToken" not in streams.kinesis.list_stream_consumers(StreamARN=stream.arn)
    with refused("InvalidArgumentException"):
        streams.kinesis.list_stream_consumers(StreamARN=stream.arn, NextToken="x")


@behaviour("KIN-173", "KIN-191")
def test_deregistering_ends_subscriptions(streams: Streams):
    stream = streams.stream()
    consumer = stream.consumer("c")
    subscription = Subscription(stream, consumer)
    stream.put(b"x")
    subscription.wait_for(1)
    streams.kinesis.deregister_stream_consumer(ConsumerARN=consumer["ConsumerARN"])
    assert subscription.ended.wait(10)
    assert "ResourceNotFoundException" in str(subscription.error)
    eventually(lambda: streams.kinesis.list_stream_consumers(StreamARN=stream.arn)["Consumers"] == [], "the consumer is gone")
    again = stream.consumer("c")
    assert again["ConsumerARN"] != consumer["ConsumerARN"]


@behaviour("KIN-191")
def test_deleting_the_stream_ends_subscriptions(streams: Streams):
    stream = streams.stream()
    subscription = Subscription(stream, stream.consumer())
    stream.delete(EnforceConsumerDeletion=True)
    assert subscription.ended.wait(10)
    assert "ResourceNotFoundException" in str(subscription.error)


@behaviour("KIN-174")
def test_a_subscription_starts_like_an_iterator(streams: Streams):
    stream = streams.stream()
    numbers = [stream.put(str(number))["SequenceNumber"] for number in range(3)]
    for position, wanted in (
        ({"Type": "TRIM_HORIZON"}, [b"0", b"1", b"2"]),
        ({"Type": "AT_SEQUENCE_NUMBER", "SequenceNumber": numbers[1]}, [b"1", b"2"]),
        ({"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": numbers[1]}, [b"2"]),
        ({"Type": "AT_TIMESTAMP", "Timestamp": 5}, [b"0", b"1", b"2"]),
    ):
        subscription = Subscription(stream, stream.consumer(), **position)
        assert [record["Data"] for record in subscription.wait_for(len(wanted))] == wanted
        subscription.close()
    latest = Subscription(stream, stream.consumer(), Type="LATEST")
    stream.put(b"later")
    assert [record["Data"] for record in latest.wait_for(1)] == [b"later"]


@behaviour("KIN-176", "KIN-174")
def test_what_is_wrong_from_the_start_is_an_ordinary_answer(streams: Streams):
    stream = streams.stream(2)
    consumer = stream.consumer()
    number = stream.put(ExplicitHashKey="0")["SequenceNumber"]
    for code, shard, position in (
        ("ResourceNotFoundException", shard_id(7), {"Type": "LATEST"}),
        ("ResourceNotFoundException", "x", {"Type": "LATEST"}),
        ("InvalidArgumentException", shard_id(1), {"Type": "AT_SEQUENCE_NUMBER", "SequenceNumber": number}),
        ("InvalidArgumentException", shard_id(0), {"Type": "AT_SEQUENCE_NUMBER"}),
        ("InvalidArgumentException", shard_id(0), {"Type": "AT_TIMESTAMP"}),
        ("ValidationException", shard_id(0), {"Type": "OTHER"}),
    ):
        with refused(code):
            Subscription(stream, consumer, shard, **position)
    with refused("ResourceNotFoundException"):
        Subscription(stream, consumer | {"ConsumerARN": f"{stream.arn}/consumer/other:5"})


@behaviour("KIN-175", "KIN-178", "KIN-179", "KIN-177")
def test_records_are_pushed_in_order(streams: Streams):
    stream = streams.stream()
    subscription = Subscription(stream, stream.consumer(), Type="LATEST")
    assert subscription.answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert subscription.answer["ResponseMetadata"]["HTTPHeaders"]["content-type"] == "application/vnd.amazon.eventstream"
    late = []
    for number in range(20):
        put = stream.put(str(number))
        began = time.monotonic()
        assert subscription.wait_for(number + 1)[-1]["SequenceNumber"] == put["SequenceNumber"]
        late.append(time.monotonic() - began)
    assert sorted(late)[10] < 0.1
    assert subscription.records == stream.records()
    event = subscription.events[-1]
    assert set(event) == {"Records", "ContinuationSequenceNumber", "MillisBehindLatest"} and event["MillisBehindLatest"] == 0


@behaviour("KIN-180", "KIN-185")
def test_an_idle_subscription_speaks_every_five_seconds_for_five_minutes(clocked_streams: Streams):
    stream = clocked_streams.create(ShardCount=1)
    clocked_streams.lab.advance(1)
    subscription = Subscription(stream, stream.consumer(), Type="LATEST")
    eventually(lambda: stream.summary()["ConsumerCount"] == 1, "the consumer is there")
    for count in (1, 2, 3):
        clocked_streams.lab.advance(5.1)
        eventually(lambda: len(subscription.events) >= count, f"{count} events")
    assert all(event["Records"] == [] for event in subscription.events)
    numbers = [int(event["ContinuationSequenceNumber"]) for event in subscription.events]
    assert numbers == sorted(set(numbers))
    assert not subscription.ended.is_set()
    clocked_streams.lab.advance(300)
    assert subscription.ended.wait(10) and subscription.error is None


@behaviour("KIN-181")
@pytest.mark.parametrize("kind", ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"])
def test_the_next_call_goes_on_without_loss_or_repetition(streams: Streams, kind: str):
    stream = streams.stream()
    stream.put_many(*({"Data": str(number)} for number in range(5)))
    first = Subscription(stream, stream.consumer())
    first.wait_for(5)
    continuation = first.events[-1]["ContinuationSequenceNumber"]
    first.close()
    stream.put_many(*({"Data": str(number)} for number in range(5, 8)))
    second = Subscription(stream, stream.consumer(), Type=kind, SequenceNumber=continuation)
    assert [record["Data"] for record in second.wait_for(3)] == [b"5", b"6", b"7"]
    assert stream.data(kind=kind, StartingSequenceNumber=continuation) == [b"5", b"6", b"7"]


@behaviour("KIN-182", "KIN-183", "KIN-184")
def test_the_end_of_a_closed_shard_is_the_last_event(streams: Streams):
    stream = streams.stream()
    stream.put(b"last")
    open_subscription = Subscription(stream, stream.consumer())
    open_subscription.wait_for(1)
    stream.split()
    exhausted = Subscription(stream, stream.consumer(), Type="LATEST")
    for subscription in (open_subscription, exhausted):
        assert subscription.ended.wait(10) and subscription.error is None
        *before, last = subscription.events
        assert all("ContinuationSequenceNumber" in event and "ChildShards" not in event for event in before)
        assert "ContinuationSequenceNumber" not in last
        assert [child["ShardId"] for child in last["ChildShards"]] == [shard_id(1), shard_id(2)]
        assert all(child["ParentShards"] == [shard_id(0)] for child in last["ChildShards"])
    assert exhausted.events[:-1] == [] and [record["Data"] for record in open_subscription.records] == [b"last"]


@behaviour("KIN-186", "KIN-187", "KIN-194")
def test_a_subscription_is_taken_over_after_five_seconds(clocked_streams: Streams):
    stream = clocked_streams.create(ShardCount=2)
    clocked_streams.lab.advance(1)
    consumer = stream.consumer()
    first = Subscription(stream, consumer)
    with refused("ResourceInUseException"):
        Subscription(stream, consumer)
    Subscription(stream, consumer, shard_id(1))
    clocked_streams.lab.advance(5)
    second = Subscription(stream, consumer)
    assert first.ended.wait(10) and "ResourceInUseException" in str(first.error)
    second.close()
    with refused("ResourceInUseException"):
        Subscription(stream, consumer)
    clocked_streams.lab.advance(5)
    third = Subscription(stream, consumer)
    stream.put(b"x", ExplicitHashKey="0")
    third.wait_for(1)


@behaviour("KIN-188", "KIN-186")
def test_calls_for_one_shard_have_a_rate(limited_streams: Streams):
    limited_streams.lab.advance(2)
    stream = limited_streams.create(ShardCount=1)
    limited_streams.lab.advance(2)
    consumer = limited_streams.kinesis.register_stream_consumer(StreamARN=stream.arn, ConsumerName="c")["Consumer"]
    limited_streams.lab.advance(2)
    Subscription(stream, consumer)
    with refused("LimitExceededException"):
        Subscription(stream, consumer)
    limited_streams.lab.advance(1)
    with refused("ResourceInUseException"):
        Subscription(stream, consumer)


@behaviour("KIN-190")
def test_a_consumer_that_goes_cannot_subscribe(clocked_streams: Streams):
    stream = clocked_streams.create(ShardCount=1)
    clocked_streams.lab.advance(1)
    consumer = stream.consumer(fresh_name())
    clocked_streams.kinesis.deregister_stream_consumer(ConsumerARN=consumer["ConsumerARN"])
    with refused("ResourceInUseException"):
        Subscription(stream, consumer)
    clocked_streams.lab.advance(2)
    with refused("ResourceNotFoundException"):
        Subscription(stream, consumer)


@behaviour("KIN-189", "KIN-193", "KIN-226")
def test_consumers_do_not_hold_back_each_other(streams: Streams):
    stream = streams.stream(MaxRecordSizeInKiB=2_048)
    slow = streams.kinesis.subscribe_to_shard(
        ConsumerARN=stream.consumer()["ConsumerARN"], ShardId=shard_id(0), StartingPosition={"Type": "TRIM_HORIZON"}
    )["EventStream"]
    fast = Subscription(stream, stream.consumer())
    data = [bytes([number]) * 2**20 for number in range(20)]
    for one in data:
        stream.put(one)
    assert [record["Data"] for record in fast.wait_for(20)] == data
    seen = []
    for event in slow:
        seen += [record["Data"] for record in event["SubscribeToShardEvent"]["Records"]]
        if len(seen) >= 20:
            break
    assert seen == data


@behaviour("KIN-234", "KIN-037")
def test_a_dry_subscription_does_not_begin(streams: Streams):
    stream = streams.stream()
    consumer = stream.consumer()
    with refused("DryRunOperationException"):
        streams.kinesis.subscribe_to_shard(ConsumerARN=consumer["ConsumerARN"], ShardId="0", StartingPosition={"Type": "LATEST"}, DryRun=True)
    Subscription(stream, consumer).close()
    missing = streams.missing()
    with refused("ResourceNotFoundException", f"Stream {missing.name} under account {ACCOUNT} not found."):
        streams.kinesis.register_stream_consumer(StreamARN=missing.arn, ConsumerName="c")
