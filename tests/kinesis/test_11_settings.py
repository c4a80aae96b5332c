"""Sections 11 and 13: tags, policies, monitoring, encryption, account settings, and what only on-demand streams have."""

from functools import partial

import pytest

from harness.at_once import at_once, refusals
from harness.behaviours import behaviour
from harness.clients import aws_client
from harness.lab import fresh_name, refused
from harness.streams import ACCOUNT, Streams

METRICS = [
    "IncomingBytes",
    "IncomingRecords",
    "OutgoingBytes",
    "OutgoingRecords",
    "WriteProvisionedThroughputExceeded",
    "ReadProvisionedThroughputExceeded",
    "IteratorAgeMilliseconds",
]


def pairs(tags: dict[str, str]) -> list[dict]:
    """Tags as lists show them."""
    return [{"Key": key, "Value": tags[key]} for key in sorted(tags)]


@behaviour("KIN-203", "KIN-207", "KIN-208")
def test_tags_of_a_stream(streams: Streams):
    stream, kinesis = streams.stream(), streams.kinesis
    kinesis.add_tags_to_stream(StreamName=stream.name, Tags={"b": "2", "a": "1"})
    kinesis.add_tags_to_stream(StreamName=stream.name, Tags={"b": "3", "\u00e4": ""})
    wanted = pairs({"a": "1", "b": "3", "\u00e4": ""})
    answer = kinesis.list_tags_for_stream(StreamName=stream.name)
    assert (answer["Tags"], answer["HasMoreTags"]) == (wanted, False)
    page = kinesis.list_tags_for_stream(StreamName=stream.name, Limit=1)
    assert (page["Tags"], page["HasMoreTags"]) == (wanted[:1], True)
    assert kinesis.list_tags_for_stream(StreamName=stream.name, ExclusiveStartTagKey="a")["Tags"] == wanted[1:]
    kinesis.remove_tags_from_stream(StreamName=stream.name, TagKeys=["a", "never-there"])
    assert kinesis.list_tags_for_stream(StreamName=stream.name)["Tags"] == wanted[1:]
    for limit in (0, 51):
        with refused("ValidationException"):
            kinesis.list_tags_for_stream(StreamName=stream.name, Limit=limit)


@behaviour("KIN-204", "KIN-205", "KIN-206")
def test_tags_have_bounds(streams: Streams):
    stream, kinesis = streams.stream(), streams.kinesis

    def add(tags: dict[str, str]):
        kinesis.add_tags_to_stream(StreamName=stream.name, Tags=tags)

    add({f"k{number}": "" for number in range(50)})
    with pytest.raises(kinesis.exceptions.InvalidArgumentException) as caught:
        add({"one-more": ""})
    start = f"Failed to add tags to stream {stream.name} under account {ACCOUNT} because a given stream cannot have more than"
    assert caught.value.response["Error"]["Message"].startswith(start)
    text = "Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - % @."
    for tags in ({"a;": ""}, {"a": "b*"}):
        with refused("InvalidArgumentException", text):
            add(tags)
    tail = "because some tags contained illegal characters. The allowed characters are Unicode letters, white-spaces, '_',',','/','=','+','-','@'."
    with refused("InvalidArgumentException", f"Failed to add tags to stream {stream.name} under account {ACCOUNT} {tail}"):
        add({"a%": ""})
    with refused("InvalidArgumentException", f"Failed to remove tags from stream {stream.name} under account {ACCOUNT} {tail}"):
        kinesis.remove_tags_from_stream(StreamName=stream.name, TagKeys=["a%"])
    for tags in ({"": "x"}, {"k" * 129: "x"}, {"k": "v" * 257}):
        with refused("ValidationException"):
            add(tags)


@behaviour("KIN-209", "KIN-210")
def test_resources_have_tags(streams: Streams):
    stream, kinesis = streams.on_demand(), streams.kinesis
    queue = kinesis.create_queue(QueueName=fresh_name(), StreamConfigurationList=[{"StreamARN": stream.arn}])["QueueDescription"]["QueueARN"]
    for arn in (stream.arn, stream.consumer()["ConsumerARN"], queue):
        assert kinesis.list_tags_for_resource(ResourceARN=arn)["Tags"] == []
        kinesis.tag_resource(ResourceARN=arn, Tags={"b": "2", "a": "1"})
        assert kinesis.list_tags_for_resource(ResourceARN=arn)["Tags"] == pairs({"a": "1", "b": "2"})
        kinesis.untag_resource(ResourceARN=arn, TagKeys=["b", "c"])
        assert kinesis.list_tags_for_resource(ResourceARN=arn)["Tags"] == pairs({"a": "1"})
    assert kinesis.list_tags_for_stream(StreamName=stream.name)["Tags"] == pairs({"a": "1"})
    missing = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:channel/x"
    with refused("ResourceNotFoundException"):
        kinesis.list_tags_for_resource(ResourceARN=missing)
    with refused("ValidationException"):
        kinesis.list_tags_for_resource(ResourceARN="x")


@behaviour("KIN-211", "KIN-212", "KIN-213")
def test_resources_have_policies(streams: Streams):
    stream, kinesis = streams.stream(), streams.kinesis

    def policy(action: str, principal: str = '"Principal":{"AWS":"111111111111"},') -> str:
        return f'{{ "Version":"2012-10-17","Statement":[{{"Effect":"Allow",{principal}"Action":"{action}","Resource":"*"}}]}}'

    for arn, action, wrong in (
        (stream.arn, "kinesis:PutRecord", "kinesis:SubscribeToShard"),
        (stream.consumer()["ConsumerARN"], "kinesis:SubscribeToShard", "kinesis:PutRecord"),
    ):
        assert kinesis.get_resource_policy(ResourceARN=arn)["Policy"] == "{}"
        kinesis.delete_resource_policy(ResourceARN=arn)
        kinesis.put_resource_policy(ResourceARN=arn, Policy=policy(action))
        assert kinesis.get_resource_policy(ResourceARN=arn)["Policy"] == policy(action)
        for bad in (policy(wrong), policy(action, ""), "x", "{}"):
            with refused("InvalidArgumentException"):
                kinesis.put_resource_policy(ResourceARN=arn, Policy=bad)
        kinesis.delete_resource_policy(ResourceARN=arn)
        assert kinesis.get_resource_policy(ResourceARN=arn)["Policy"] == "{}"


@behaviour("KIN-214", "KIN-215")
def test_shards_are_monitored_on_demand(streams: Streams):
    stream, kinesis = streams.stream(), streams.kinesis
    answer = kinesis.enable_enhanced_monitoring(StreamName=stream.name, ShardLevelMetrics=["OutgoingBytes", "IncomingBytes"])
    del answer["ResponseMetadata"]
    assert answer == {
        "StreamName": stream.name,
        "StreamARN": stream.arn,
        "CurrentShardLevelMetrics": [],
        "DesiredShardLevelMetrics": ["IncomingBytes", "OutgoingBytes"],
    }
    stream.active()
    assert stream.describe()["EnhancedMonitoring"] == [{"ShardLevelMetrics": ["IncomingBytes", "OutgoingBytes"]}]
    assert kinesis.enable_enhanced_monitoring(StreamName=stream.name, ShardLevelMetrics=["ALL"])["DesiredShardLevelMetrics"] == METRICS
    stream.active()
    answer = kinesis.disable_enhanced_monitoring(StreamName=stream.name, ShardLevelMetrics=["IncomingBytes"])
    assert (answer["CurrentShardLevelMetrics"], answer["DesiredShardLevelMetrics"]) == (METRICS, METRICS[1:])
    stream.active()
    assert kinesis.disable_enhanced_monitoring(StreamName=stream.name, ShardLevelMetrics=["ALL"])["DesiredShardLevelMetrics"] == []
    with refused("ValidationException"):
        kinesis.enable_enhanced_monitoring(StreamName=stream.name, ShardLevelMetrics=["Other"])


@behaviour("KIN-216", "KIN-217", "KIN-116", "KIN-076")
def test_encryption_is_shown(clocked_streams: Streams):
    stream, kinesis = clocked_streams.create(ShardCount=1), clocked_streams.kinesis
    clocked_streams.lab.advance(1)
    stream.put(b"plain")
    key = {"StreamName": stream.name, "EncryptionType": "KMS", "KeyId": "alias/mine"}
    kinesis.start_stream_encryption(**key)
    assert stream.status() == "UPDATING"
    clocked_streams.lab.advance(1)
    found = stream.describe()
    assert (found["StreamStatus"], found["EncryptionType"], found["KeyId"]) == ("ACTIVE", "KMS", "alias/mine")
    assert stream.put(b"sealed")["EncryptionType"] == "KMS"
    assert stream.put_many({"Data": b"both"})["EncryptionType"] == "KMS"
    kinesis.stop_stream_encryption(**key)
    clocked_streams.lab.advance(1)
    assert stream.describe()["EncryptionType"] == "NONE" and "KeyId" not in stream.summary()
    stream.put(b"open")
    records = [(record["Data"], record.get("EncryptionType")) for record in stream.records()]
    assert records == [(b"plain", None), (b"sealed", "KMS"), (b"both", "KMS"), (b"open", None)]
    with refused("InvalidArgumentException"):
        kinesis.start_stream_encryption(StreamName=stream.name, EncryptionType="NONE", KeyId="x")


@behaviour("KIN-227", "KIN-228", "KIN-229", "KIN-052", "KIN-059")
def test_an_account_commits_itself(clocked_streams: Streams):
    kinesis = Streams(clocked_streams.lab, access_key="222222222222").kinesis
    describe = kinesis.describe_account_settings

    def set_to(status: str) -> dict:
        answer = kinesis.update_account_settings(MinimumThroughputBillingCommitment={"Status": status})
        return answer["MinimumThroughputBillingCommitment"]

    assert describe()["MinimumThroughputBillingCommitment"] == {"Status": "DISABLED"}
    name = fresh_name()
    kinesis.create_stream(StreamName=name, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    clocked_streams.lab.advance(1)
    with refused("ValidationException"):
        kinesis.update_stream_warm_throughput(StreamName=name, WarmThroughputMiBps=100)
    enabled = set_to("ENABLED")
    assert enabled["Status"] == "ENABLED" and enabled["EarliestAllowedEndAt"] > enabled["StartedAt"]
    answer = kinesis.update_stream_warm_throughput(StreamName=name, WarmThroughputMiBps=100)
    assert answer["WarmThroughput"] == {"TargetMiBps": 100, "CurrentMiBps": 100}
    assert answer["StreamName"] == name and answer["StreamARN"].endswith(name)
    clocked_streams.lab.advance(1)
    summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    assert summary["WarmThroughput"] == {"TargetMiBps": 100, "CurrentMiBps": 100}
    with refused("LimitExceededException"):
        kinesis.update_stream_warm_throughput(StreamName=name, WarmThroughputMiBps=10_241)
    assert set_to("DISABLED")["Status"] == "ENABLED_UNTIL_EARLIEST_ALLOWED_END"
    clocked_streams.lab.advance(25 * 3600)
    ended = describe()["MinimumThroughputBillingCommitment"]
    assert ended["Status"] == "DISABLED" and "EndedAt" in ended


@behaviour("KIN-232", "KIN-233", "KIN-073")
def test_records_may_be_distributed_by_the_service(streams: Streams):
    stream, kinesis = streams.on_demand(RecordDistributionStrategy="AUTO"), streams.kinesis
    assert stream.summary()["RecordDistributionStrategy"] == "AUTO"
    shards = {stream.put(key="same", ExplicitHashKey="0")["ShardId"] for _ in range(8)}
    assert len(shards) == 4
    answer = kinesis.put_record(StreamName=stream.name, Data=b"keyless")
    record = stream.records(answer["ShardId"])[-1]
    assert record["Data"] == b"keyless" and "PartitionKey" not in record
    kinesis.update_stream_record_distribution_strategy(StreamARN=stream.arn, RecordDistributionStrategy="USER_PARTITION_KEY")
    assert len({stream.put(key="same")["ShardId"] for _ in range(8)}) == 1
    with refused("ValidationException"):
        kinesis.put_record(StreamName=stream.name, Data=b"keyless")
    provisioned = streams.stream()
    with refused("InvalidArgumentException"):
        kinesis.update_stream_record_distribution_strategy(StreamARN=provisioned.arn, RecordDistributionStrategy="AUTO")
    kinesis.update_stream_record_distribution_strategy(StreamARN=provisioned.arn, RecordDistributionStrategy="USER_PARTITION_KEY")
    with refused("InvalidArgumentException"):
        streams.create(ShardCount=1, RecordDistributionStrategy="AUTO")


@behaviour("KIN-048", "KIN-221")
def test_creation_and_control_calls_are_limited(limited_streams: Streams):
    limited_streams.lab.advance(5)
    with refused("LimitExceededException"):
        for _ in range(6):
            limited_streams.create(ShardCount=1)
    limited_streams.lab.advance(5)
    limited_streams.kinesis.describe_limits()
    with refused("LimitExceededException"):
        limited_streams.kinesis.describe_limits()
    limited_streams.lab.advance(1)
    limited_streams.kinesis.describe_limits()


@behaviour("KIN-203", "KIN-209", "KIN-167", "KIN-169")
def test_many_may_change_a_stream_at_once(streams: Streams):
    """Each change is written on the condition that its rows are as they were read; nobody loses that race for ever."""
    stream, rounds = streams.on_demand(), 10
    queue = streams.kinesis.create_queue(QueueName=fresh_name(), StreamConfigurationList=[{"StreamARN": stream.arn}])["QueueDescription"]["QueueARN"]
    consumer = stream.consumer()["ConsumerARN"]

    def tags(client, number: int):
        for count in range(rounds):
            client.add_tags_to_stream(StreamName=stream.name, Tags={f"tag{number}": str(count)})

    def tags_of(arn: str, client, number: int):
        for count in range(rounds):
            client.tag_resource(ResourceARN=arn, Tags={f"tag{number}": str(count)})

    def consumers(client, number: int):
        name = f"consumer{number}"
        client.register_stream_consumer(StreamARN=stream.arn, ConsumerName=name)
        for count in range(rounds):
            client.tag_resource(ResourceARN=stream.arn, Tags={name: str(count)})

    kinds = [tags] * 8 + [partial(tags_of, queue)] * 6 + [partial(tags_of, consumer)] * 6 + [consumers] * 12
    works = [partial(work, aws_client("kinesis", streams.lab.server.url), number) for number, work in enumerate(kinds)]
    assert refusals(at_once(works)) == []

    def tagged(arn: str) -> list[dict]:
        return streams.kinesis.list_tags_for_resource(ResourceARN=arn)["Tags"]

    last = str(rounds - 1)
    registered = {f"consumer{number}" for number in range(20, 32)}
    assert tagged(stream.arn) == pairs(dict.fromkeys({f"tag{number}" for number in range(8)} | registered, last))
    assert tagged(queue) == pairs({f"tag{number}": last for number in range(8, 14)})
    assert tagged(consumer) == pairs({f"tag{number}": last for number in range(14, 20)})
    listed = streams.kinesis.list_stream_consumers(StreamARN=stream.arn)["Consumers"]
    assert registered < {found["ConsumerName"] for found in listed}
