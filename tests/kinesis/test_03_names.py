"""Section 3: names, ARNs and addressing."""

import json

import pytest

from harness.behaviours import behaviour
from harness.clients import aws_client
from harness.lab import fresh_name, refused
from harness.streams import ACCOUNT, Streams, shard_id
from harness.wire import credential


@behaviour("KIN-032")
def test_names_have_their_letters_and_are_case_sensitive(streams: Streams):
    name = "A" + fresh_name(".x_-")
    streams.stream(name=name)
    with refused("ResourceNotFoundException", f"Stream {name.lower()} under account {ACCOUNT} not found."):
        streams.kinesis.describe_stream(StreamName=name.lower())
    for bad in ("a b", "a/b", "x" * 129, "ä"):
        with refused("ValidationException"):
            streams.kinesis.create_stream(StreamName=bad, ShardCount=1)
    streams.stream(name=name[:20] + "y" * 108)


@behaviour("KIN-032")
def test_regions_have_streams_of_their_own(streams: Streams):
    stream = streams.stream()
    elsewhere = aws_client("kinesis", streams.lab.server.url, region="eu-west-1")
    with refused("ResourceNotFoundException", stream.missing_text):
        elsewhere.describe_stream(StreamName=stream.name)
    with refused("ResourceNotFoundException", stream.missing_text):
        elsewhere.describe_stream(StreamARN=stream.arn)


@behaviour("KIN-033")
def test_a_stream_is_named_by_name_or_arn_or_both(streams: Streams):
    stream = streams.stream()
    other = streams.stream()
    for named in ({"StreamName": stream.name}, {"StreamARN": stream.arn}, {"StreamName": stream.name, "StreamARN": stream.arn}):
        assert streams.kinesis.describe_stream(**named)["StreamDescription"]["StreamARN"] == stream.arn
        streams.kinesis.put_record(Data=b"x", PartitionKey="k", **named)
    with refused("InvalidArgumentException"):
        streams.kinesis.describe_stream(StreamName=other.name, StreamARN=stream.arn)


@behaviour("KIN-034")
def test_a_stream_must_be_named(streams: Streams):
    with refused("InvalidArgumentException"):
        streams.kinesis.describe_stream()
    with refused("InvalidArgumentException"):
        streams.kinesis.put_record(Data=b"x", PartitionKey="k")


@behaviour("KIN-035")
def test_a_stream_id_selects_nothing(streams: Streams):
    stream = streams.stream()
    named = {"StreamName": stream.name, "StreamId": "a" * 20 + "-abc"}
    # The SDK makes a host name of it.
    headers = credential(service="kinesis") | {"Content-Type": "application/x-amz-json-1.1"}
    for operation, more in (("PutRecord", {"Data": "eA==", "PartitionKey": "k"}), ("DescribeStream", {})):
        target = {"X-Amz-Target": f"Kinesis_20131202.{operation}"}
        answer = streams.lab.wire.ask("POST", "/", json.dumps(named | more), headers | target)
        assert answer.status == 200, answer.text
    assert stream.data() == [b"x"]


@behaviour("KIN-036")
def test_another_account_needs_a_policy_on_the_stream(streams: Streams):
    stream = streams.stream()
    stranger = Streams(streams.lab, access_key="111111111111").kinesis
    with refused("AccessDeniedException"):
        stranger.put_record(StreamARN=stream.arn, Data=b"x", PartitionKey="k")
    policy = (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111111111111"},'
        f'"Action":"kinesis:PutRecord","Resource":"{stream.arn}"}}]}}'
    )
    streams.kinesis.put_resource_policy(ResourceARN=stream.arn, Policy=policy)
    stranger.put_record(StreamARN=stream.arn, Data=b"theirs", PartitionKey="k")
    assert stream.data() == [b"theirs"]


CALLS_ON_A_STREAM = {
    "describe_stream": {},
    "describe_stream_summary": {},
    "delete_stream": {},
    "put_record": {"Data": b"x", "PartitionKey": "k"},
    "put_records": {"Records": [{"Data": b"x", "PartitionKey": "k"}]},
    "list_shards": {},
    "split_shard": {"ShardToSplit": "0", "NewStartingHashKey": "5"},
    "merge_shards": {"ShardToMerge": "0", "AdjacentShardToMerge": "1"},
    "update_shard_count": {"TargetShardCount": 2, "ScalingType": "UNIFORM_SCALING"},
    "increase_stream_retention_period": {"RetentionPeriodHours": 48},
    "decrease_stream_retention_period": {"RetentionPeriodHours": 24},
    "add_tags_to_stream": {"Tags": {"a": "b"}},
    "remove_tags_from_stream": {"TagKeys": ["a"]},
    "list_tags_for_stream": {},
    "enable_enhanced_monitoring": {"ShardLevelMetrics": ["ALL"]},
    "disable_enhanced_monitoring": {"ShardLevelMetrics": ["ALL"]},
    "start_stream_encryption": {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"},
    "stop_stream_encryption": {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"},
}


@behaviour("KIN-037")
@pytest.mark.parametrize("call", CALLS_ON_A_STREAM)
def test_a_missing_stream_is_named_with_its_account(streams: Streams, call: str):
    missing = streams.missing()
    with refused("ResourceNotFoundException", missing.missing_text):
        getattr(streams.kinesis, call)(StreamName=missing.name, **CALLS_ON_A_STREAM[call])


@behaviour("KIN-038", "KIN-039")
def test_shard_ids_have_several_forms(streams: Streams):
    stream = streams.stream(2)
    assert [shard["ShardId"] for shard in stream.shards()] == [shard_id(0), shard_id(1)]
    for form in (shard_id(1), "shard-1", "1", "any-0001"):
        assert stream.iterator(form)
    with refused("ResourceNotFoundException", f"Could not find shard x in stream {stream.name} under account {ACCOUNT}."):
        stream.iterator("x")
    with refused("ResourceNotFoundException"):
        stream.iterator("2147483648")
    stream.split(shard_id(0)).merge(shard_id(2), shard_id(3))
    assert [shard["ShardId"] for shard in stream.shards()] == [shard_id(index) for index in range(5)]


@behaviour("KIN-040", "KIN-108", "KIN-063")
def test_a_stream_made_anew_knows_nothing_of_the_old_one(streams: Streams):
    stream = streams.stream(2)
    number = stream.put(key="a")["SequenceNumber"]
    shard = stream.put(key="a")["ShardId"]
    iterator = stream.iterator(shard)
    token = streams.kinesis.list_shards(StreamName=stream.name, MaxResults=1)["NextToken"]
    consumer = stream.consumer()["ConsumerARN"]
    stream.delete(EnforceConsumerDeletion=True)
    assert stream.status() == "DELETING"
    stream.gone()
    anew = streams.stream(2, name=stream.name)
    assert anew.data(shard) == []
    with refused("InvalidArgumentException", "Invalid ShardIterator."):
        stream.read(iterator)
    with refused("InvalidArgumentException"):
        streams.kinesis.list_shards(NextToken=token)
    with refused("ResourceNotFoundException"):
        streams.kinesis.describe_stream_consumer(ConsumerARN=consumer)
    text = (
        f"StartingSequenceNumber {number} used in GetShardIterator on shard {shard} in stream {stream.name} under account "
        f"{ACCOUNT} is invalid because it did not come from this stream."
    )
    with refused("InvalidArgumentException", text):
        anew.iterator(shard, "AT_SEQUENCE_NUMBER", StartingSequenceNumber=number)
