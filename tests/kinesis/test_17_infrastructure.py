"""Section 17: streams as Terraform's AWS provider makes, reads, changes and removes them.

These are the calls of its resource `aws_kinesis_stream` in their order, with its waits; it is not Terraform that runs here.
docs/guide.md tells with which versions of Terraform itself the same was run by hand.
"""

from dataclasses import dataclass, field, replace

import pytest
from botocore.exceptions import ClientError

from harness.behaviours import behaviour
from harness.lab import fresh_name
from harness.streams import Stream, Streams
from harness.waiting import eventually


@dataclass(frozen=True)
class Attributes:
    """What a configuration asks for, and what the provider stores of a stream that it read; differences are what a plan shows."""

    mode: str = "PROVISIONED"
    shard_count: int | None = 1
    retention_hours: int = 24
    metrics: frozenset[str] = frozenset()
    key: str | None = None
    tags: dict[str, str] = field(default_factory=dict)


def read(stream: Stream) -> Attributes:
    """A refresh: the summary and the tags."""
    summary = stream.summary()
    assert summary["StreamARN"] == stream.arn and summary["StreamName"] == stream.name
    assert summary["EncryptionType"] == ("KMS" if summary.get("KeyId") else "NONE")
    mode = summary["StreamModeDetails"]["StreamMode"]
    tags = stream.kinesis.list_tags_for_stream(StreamName=stream.name)["Tags"]
    return Attributes(
        mode,
        summary["OpenShardCount"] if mode == "PROVISIONED" else None,
        summary["RetentionPeriodHours"],
        frozenset(metric for one in summary["EnhancedMonitoring"] for metric in one["ShardLevelMetrics"]),
        summary.get("KeyId"),
        {tag["Key"]: tag["Value"] for tag in tags},
    )


def create(streams: Streams, wanted: Attributes) -> Stream:
    """The retention period is raised even to what it is."""
    streams.kinesis.describe_limits()
    shards = {"ShardCount": wanted.shard_count} if wanted.shard_count else {}
    stream = streams.create(fresh_name(), StreamModeDetails={"StreamMode": wanted.mode}, **shards).active()
    kinesis, name = stream.kinesis, {"StreamName": stream.name}
    kinesis.increase_stream_retention_period(**name, RetentionPeriodHours=wanted.retention_hours)
    stream.active()
    if wanted.metrics:
        kinesis.enable_enhanced_monitoring(**name, ShardLevelMetrics=sorted(wanted.metrics))
        stream.active()
    if wanted.key:
        kinesis.start_stream_encryption(**name, EncryptionType="KMS", KeyId=wanted.key)
        stream.active()
    if wanted.tags:
        kinesis.add_tags_to_stream(**name, Tags=wanted.tags)
    return stream


def update(stream: Stream, old: Attributes, new: Attributes):
    """Only what differs, one after the other, each awaited."""
    kinesis, name = stream.kinesis, {"StreamName": stream.name}
    if gone := old.tags.keys() - new.tags.keys():
        kinesis.remove_tags_from_stream(**name, TagKeys=sorted(gone))
    if changed := dict(new.tags.items() - old.tags.items()):
        kinesis.add_tags_to_stream(**name, Tags=changed)
    if new.mode != old.mode:
        kinesis.update_stream_mode(StreamARN=stream.arn, StreamModeDetails={"StreamMode": new.mode})
        stream.active()
    if new.mode == "PROVISIONED" and new.shard_count != old.shard_count:
        kinesis.update_shard_count(**name, ScalingType="UNIFORM_SCALING", TargetShardCount=new.shard_count)
        stream.active()
    if new.retention_hours != old.retention_hours:
        is_more = new.retention_hours > old.retention_hours
        change = kinesis.increase_stream_retention_period if is_more else kinesis.decrease_stream_retention_period
        change(**name, RetentionPeriodHours=new.retention_hours)
        stream.active()
    for change, metrics in (
        (kinesis.disable_enhanced_monitoring, old.metrics - new.metrics),
        (kinesis.enable_enhanced_monitoring, new.metrics - old.metrics),
    ):
        if metrics:
            change(**name, ShardLevelMetrics=sorted(metrics))
            stream.active()
    if new.key != old.key:
        change = kinesis.start_stream_encryption if new.key else kinesis.stop_stream_encryption
        change(**name, EncryptionType="KMS", KeyId=new.key or old.key)
        stream.active()


def destroy(stream: Stream):
    """Consumers keep a stream, unless the configuration says otherwise; then it is asked for until it is not found."""
    stream.delete(EnforceConsumerDeletion=True)

    def is_gone() -> bool:
        try:
            stream.summary()
        except ClientError as error:
            assert error.response["Error"]["Code"] == "ResourceNotFoundException"
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400
            return True
        return False

    eventually(is_gone, f"{stream.name} is not found", 30)


EVERYTHING = Attributes(
    shard_count=2,
    retention_hours=48,
    metrics=frozenset({"IncomingBytes", "OutgoingBytes"}),
    key="alias/aws/kinesis",
    tags={"team": "a", "less": "y"},
)
ON_DEMAND = Attributes(mode="ON_DEMAND", shard_count=None)


@behaviour("KIN-256")
@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Attributes(), Attributes(shard_count=2)),
        (EVERYTHING, Attributes(shard_count=4, retention_hours=36, metrics=frozenset({"IteratorAgeMilliseconds"}), tags={"team": "b", "more": "x"})),
        (EVERYTHING, replace(EVERYTHING, key="arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555")),
        (ON_DEMAND, replace(ON_DEMAND, retention_hours=8760, tags={"team": "a"})),
        (Attributes(shard_count=3), ON_DEMAND),
    ],
    ids=["shards", "everything", "key", "on-demand", "mode"],
)
def test_what_was_made_reads_back_without_a_difference(streams: Streams, first: Attributes, second: Attributes):
    stream = create(streams, first)
    assert read(stream) == first and read(stream) == first
    for old, new in ((first, second), (second, first)):
        update(stream, old, new)
        assert read(stream) == new and read(stream) == new
    stream.consumer()
    destroy(stream)
