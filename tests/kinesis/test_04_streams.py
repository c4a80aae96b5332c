"""Section 4: streams: create, describe, list, delete."""

from functools import partial

import pytest
from botocore.exceptions import ClientError

from harness.at_once import at_once, refusals
from harness.behaviours import behaviour
from harness.clients import aws_client
from harness.lab import fresh_name, refused
from harness.streams import ACCOUNT, HASH_KEY_MAX, Stream, Streams, range_of, shard_id
from harness.waiting import eventually


@behaviour("KIN-041", "KIN-042", "KIN-044", "KIN-053", "KIN-054")
def test_a_new_stream_is_creating_and_then_active(clocked_streams: Streams):
    stream = clocked_streams.create(ShardCount=2)
    new = stream.describe()
    assert (new["StreamStatus"], new["Shards"], new["HasMoreShards"]) == ("CREATING", [], False)
    clocked_streams.lab.advance(1)
    found = stream.describe()
    assert found["StreamStatus"] == "ACTIVE"
    assert found["StreamModeDetails"] == {"StreamMode": "PROVISIONED"}
    assert found["RetentionPeriodHours"] == 24
    assert found["EncryptionType"] == "NONE" and "KeyId" not in found
    assert found["EnhancedMonitoring"] == [{"ShardLevelMetrics": []}]
    assert found["StreamARN"] == stream.arn
    assert len(found["Shards"]) == 2
    waiter = clocked_streams.kinesis.get_waiter("stream_exists")
    waiter.wait(StreamName=stream.name)


@behaviour("KIN-043", "KIN-056", "KIN-057")
@pytest.mark.parametrize("count", [1, 2, 3, 7, 300])
def test_the_hash_space_is_cut_evenly(streams: Streams, count: int):
    stream = streams.stream(count)
    width = 2**128 // count
    shards = stream.shards()
    wanted = [(index * width, (index + 1) * width - 1) for index in range(count)]
    wanted[-1] = (wanted[-1][0], HASH_KEY_MAX)
    assert [range_of(shard) for shard in shards] == wanted
    for shard in shards:
        assert set(shard) == {"ShardId", "HashKeyRange", "SequenceNumberRange"}
        assert set(shard["SequenceNumberRange"]) == {"StartingSequenceNumber"}


@behaviour("KIN-045", "KIN-046", "KIN-059")
def test_modes_and_shard_counts_go_together(streams: Streams):
    with refused("ValidationException"):
        streams.create()
    with refused("ValidationException"):
        streams.create(ShardCount=0)
    with refused("ValidationException"):
        streams.create(ShardCount=4, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    stream = streams.on_demand()
    assert len(stream.open_shards()) == 4
    summary = stream.summary()
    assert summary["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    assert summary["RecordDistributionStrategy"] == "USER_PARTITION_KEY"


@behaviour("KIN-047")
def test_a_name_is_taken_while_its_stream_is_there(streams: Streams):
    stream = streams.create(ShardCount=1)
    text = f"Stream {stream.name} under account {ACCOUNT} already exists."
    with refused("ResourceInUseException", text):
        streams.create(name=stream.name, ShardCount=1)
    stream.active()
    with refused("ResourceInUseException", text):
        streams.create(name=stream.name, ShardCount=2)
    stream.delete()
    with refused("ResourceInUseException", text):
        streams.create(name=stream.name, ShardCount=1)


@behaviour("KIN-049", "KIN-050", "KIN-068")
def test_open_shards_of_an_account_are_limited(streams: Streams):
    account = "444444444444"
    own = Streams(streams.lab, access_key=account)

    def limits() -> dict:
        found = own.kinesis.describe_limits()
        del found["ResponseMetadata"]
        return found

    quotas = {"ShardLimit": 20_000, "OnDemandStreamCountLimit": 50, "ChannelCount": 0, "ChannelCountLimit": 50}
    assert limits() == quotas | {"OpenShardCount": 0, "OnDemandStreamCount": 0}
    stream = own.stream(3)
    own.on_demand()
    assert limits() == quotas | {"OpenShardCount": 3, "OnDemandStreamCount": 1}
    stream.split(shard_id(0))
    assert limits() == quotas | {"OpenShardCount": 4, "OnDemandStreamCount": 1}
    text = (
        f"This request would exceed the shard limit for the account {account} in us-east-1. Current shard count for the account: "
        "4. Limit: 20000. Number of additional shards that would have resulted from this request: 19997. Refer to the "
        "AWS Service Limits page (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and "
        "how to request higher limits."
    )
    with refused("LimitExceededException", text):
        own.create(ShardCount=19_997)


def quota_kept(streams: Streams, account: str, region: str, works: list, left: int):
    """All of these works at once, each with a client of its own: as many succeed as the quota leaves, the others are refused by it."""
    url = streams.lab.server.url
    clients = [aws_client("kinesis", url, region=region, access_key=account) for _ in works]
    results = at_once([partial(work, client) for work, client in zip(works, clients)])
    assert refusals(results) == ["LimitExceededException"] * (len(works) - left)
    texts = [result.response["Error"]["Message"] for result in results if isinstance(result, ClientError)]
    assert all(text.startswith("This request would exceed the ") for text in texts), texts


@behaviour("KIN-049", "KIN-050", "KIN-068")
def test_many_at_once_get_no_more_shards_than_the_account_may_have(streams: Streams):
    account, region, quota = "555555555555", "eu-central-1", 6_000
    own = Streams(streams.lab, access_key=account, region=region)
    small = [own.create(ShardCount=1).name for _ in range(16)]
    own.create(ShardCount=quota - len(small) - 10)
    for name in small:
        Stream(own, name).active()

    def split(name: str, client):
        client.split_shard(StreamName=name, ShardToSplit=shard_id(0), NewStartingHashKey=str(2**127))

    def double(name: str, client):
        client.update_shard_count(StreamName=name, TargetShardCount=2, ScalingType="UNIFORM_SCALING")

    def create(client):
        client.create_stream(StreamName=fresh_name(), ShardCount=1)

    resharded = [partial(split if number < 8 else double, name) for number, name in enumerate(small)]
    quota_kept(streams, account, region, [*resharded, *[create] * 8], 10)
    assert own.kinesis.describe_limits()["OpenShardCount"] == quota


@behaviour("KIN-068")
def test_many_at_once_get_no_more_on_demand_streams_than_the_account_may_have(streams: Streams):
    account, region = "666666666666", "us-east-1"
    own = Streams(streams.lab, access_key=account)
    for _ in range(46):
        own.create(StreamModeDetails={"StreamMode": "ON_DEMAND"})
    provisioned = [own.create(ShardCount=1) for _ in range(12)]
    arns = [stream.active().arn.replace(ACCOUNT, account) for stream in provisioned]
    mode = {"StreamMode": "ON_DEMAND"}

    def switch(arn: str, client):
        client.update_stream_mode(StreamARN=arn, StreamModeDetails=mode)

    def create(client):
        client.create_stream(StreamName=fresh_name(), StreamModeDetails=mode)

    quota_kept(streams, account, region, [*(partial(switch, arn) for arn in arns), *[create] * 12], 4)
    assert own.kinesis.describe_limits()["OnDemandStreamCount"] == 50


@behaviour("KIN-051")
def test_tags_come_with_a_stream(clocked_streams: Streams):
    stream = clocked_streams.create(ShardCount=1, Tags={"a": "1", "b": "2"})
    tags = clocked_streams.kinesis.list_tags_for_stream(StreamName=stream.name)["Tags"]
    assert tags == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    with refused("ResourceInUseException"):
        clocked_streams.kinesis.add_tags_to_stream(StreamName=stream.name, Tags={"c": "3"})
    clocked_streams.lab.advance(1)
    clocked_streams.kinesis.add_tags_to_stream(StreamName=stream.name, Tags={"c": "3"})
    with refused("InvalidArgumentException"):
        clocked_streams.create(ShardCount=1, Tags={f"k{number}": "" for number in range(51)})


@behaviour("KIN-052", "KIN-230", "KIN-229")
def test_record_sizes_and_warm_throughput_have_bounds(streams: Streams):
    assert streams.stream().summary()["MaxRecordSizeInKiB"] == 1_024
    assert streams.stream(MaxRecordSizeInKiB=10_240).summary()["MaxRecordSizeInKiB"] == 10_240
    for kib in (1_023, 10_241):
        with refused("ValidationException"):
            streams.create(ShardCount=1, MaxRecordSizeInKiB=kib)
    with refused("ValidationException"):
        streams.create(StreamModeDetails={"StreamMode": "ON_DEMAND"}, WarmThroughputMiBps=100)


@behaviour("KIN-055")
def test_a_description_has_a_hundred_shards_at_most(streams: Streams):
    stream = streams.stream(230)
    first = stream.describe(Limit=10_000)
    assert [shard["ShardId"] for shard in first["Shards"]] == [shard_id(index) for index in range(100)]
    assert first["HasMoreShards"] is True
    rest = stream.describe(ExclusiveStartShardId=shard_id(199))
    assert [shard["ShardId"] for shard in rest["Shards"]] == [shard_id(index) for index in range(200, 230)]
    assert rest["HasMoreShards"] is False
    assert len(stream.describe(Limit=7)["Shards"]) == 7
    assert len(stream.describe()["Shards"]) == 100
    for limit in (0, 10_001):
        with refused("ValidationException"):
            stream.describe(Limit=limit)


@behaviour("KIN-058", "KIN-057", "KIN-136", "KIN-138")
def test_closed_shards_are_listed_until_their_records_are_gone(clocked_streams: Streams):
    stream = clocked_streams.stream()
    stream.split()
    clocked_streams.lab.advance(23 * 3600)
    shards = stream.shards()
    assert [shard["ShardId"] for shard in shards] == [shard_id(0), shard_id(1), shard_id(2)]
    assert ["EndingSequenceNumber" in shard["SequenceNumberRange"] for shard in shards] == [True, False, False]
    clocked_streams.lab.advance(2 * 3600)
    assert [shard["ShardId"] for shard in stream.shards()] == [shard_id(1), shard_id(2)]
    assert [shard["ShardId"] for shard in stream.describe()["Shards"]] == [shard_id(1), shard_id(2)]
    with refused("ResourceNotFoundException", f"Shard {shard_id(0)} in stream {stream.name} under account {ACCOUNT} does not exist"):
        stream.iterator(shard_id(0))


@behaviour("KIN-059")
def test_a_summary_counts(streams: Streams):
    stream = streams.stream(2)
    stream.split(shard_id(0))
    stream.consumer()
    summary = stream.summary()
    assert (summary["OpenShardCount"], summary["ConsumerCount"]) == (3, 1)
    assert (summary["ChannelCount"], summary["QueueCount"]) == (0, 0)
    assert "Shards" not in summary and "WarmThroughput" not in summary and "RecordDistributionStrategy" not in summary


@behaviour("KIN-060", "KIN-061", "KIN-062")
def test_streams_are_listed_in_pages_by_name(streams: Streams):
    prefix = fresh_name()
    names = sorted(f"{prefix}{letter}" for letter in ("B", "a", "-", "0", "_"))
    for name in names:
        streams.create(name=name, ShardCount=1)
    kinesis = streams.kinesis
    page = kinesis.list_streams(ExclusiveStartStreamName=prefix, Limit=2)
    assert page["StreamNames"] == names[:2] and page["HasMoreStreams"] is True
    assert [summary["StreamName"] for summary in page["StreamSummaries"]] == names[:2]
    one = page["StreamSummaries"][0]
    assert set(one) == {"StreamName", "StreamARN", "StreamStatus", "StreamModeDetails", "StreamCreationTimestamp"}
    assert one["StreamStatus"] in ("CREATING", "ACTIVE")
    second = kinesis.list_streams(NextToken=page["NextToken"], Limit=2)
    assert second["StreamNames"] == names[2:4]
    after = kinesis.list_streams(ExclusiveStartStreamName=names[3])["StreamNames"]
    assert after[0] == names[4]
    assert kinesis.list_streams(Limit=10_000)["StreamNames"]
    last = names[4]
    streams.kinesis.delete_stream(StreamName=last)
    found = kinesis.list_streams(ExclusiveStartStreamName=names[3])["StreamSummaries"][0]
    assert (found["StreamName"], found["StreamStatus"]) == (last, "DELETING")
    eventually(lambda: last not in kinesis.list_streams(ExclusiveStartStreamName=names[3])["StreamNames"], "it is gone")


@behaviour("KIN-063", "KIN-067")
def test_a_deleted_stream_vanishes(streams: Streams):
    stream = streams.stream(2)
    stream.put()
    stream.delete()
    assert stream.status() == "DELETING"
    streams.kinesis.get_waiter("stream_not_exists").wait(StreamName=stream.name, WaiterConfig={"Delay": 1})
    with refused("ResourceNotFoundException", stream.missing_text):
        stream.summary()
    new = streams.create(ShardCount=1)
    new.delete()
    new.gone()


@behaviour("KIN-064")
def test_a_stream_takes_records_while_active_or_updating(clocked_streams: Streams):
    stream = clocked_streams.create(ShardCount=1)
    with refused("ResourceNotFoundException", stream.missing_text):
        stream.put()
    clocked_streams.lab.advance(1)
    stream.put()
    stream.delete()
    with refused("ResourceNotFoundException", stream.missing_text):
        stream.put()
    with refused("ResourceNotFoundException", stream.missing_text):
        stream.put_many({})


@behaviour("KIN-065")
def test_consumers_keep_a_stream_from_deletion(streams: Streams):
    stream = streams.stream()
    consumer = stream.consumer()
    with refused("ResourceInUseException"):
        stream.delete()
    stream.delete(EnforceConsumerDeletion=True)
    stream.gone()
    with refused("ResourceNotFoundException"):
        streams.kinesis.describe_stream_consumer(ConsumerARN=consumer["ConsumerARN"])


@behaviour("KIN-069")
def test_an_operation_names_the_status_it_found(clocked_streams: Streams):
    stream = clocked_streams.create(ShardCount=1)

    def grow():
        clocked_streams.kinesis.update_shard_count(StreamName=stream.name, TargetShardCount=2, ScalingType="UNIFORM_SCALING")

    with refused("ResourceInUseException", f"Stream {stream.name} under account {ACCOUNT} not ACTIVE, instead in state CREATING"):
        grow()
    clocked_streams.lab.advance(1)
    grow()
    with refused("ResourceInUseException", f"Stream {stream.name} under account {ACCOUNT} not ACTIVE, instead in state UPDATING"):
        grow()
