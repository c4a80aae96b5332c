"""Section 9: retention."""

import pytest

from harness.behaviours import behaviour
from harness.lab import refused
from harness.streams import Streams


def increase(stream, hours: int):
    """IncreaseStreamRetentionPeriod."""
    stream.kinesis.increase_stream_retention_period(StreamName=stream.name, RetentionPeriodHours=hours)


def decrease(stream, hours: int):
    """DecreaseStreamRetentionPeriod."""
    stream.kinesis.decrease_stream_retention_period(StreamName=stream.name, RetentionPeriodHours=hours)


@behaviour("KIN-159", "KIN-160", "KIN-161", "KIN-162", "KIN-163", "KIN-164")
def test_hours_and_their_refusals(streams: Streams):
    stream = streams.stream()
    increase(stream, 24)
    decrease(stream, 24)
    assert stream.status() == "ACTIVE"
    increase(stream, 8_760)
    stream.active()
    assert stream.describe()["RetentionPeriodHours"] == 8_760
    increase(stream, 8_760)
    decrease(stream, 100)
    stream.active()
    decrease(stream, 100)
    for change in (increase, decrease):
        for hours in (23, 0, -5):
            with refused("InvalidArgumentException", f"Minimum allowed retention period is 24 hours. Requested retention period ({hours} hours) is too short."):
                change(stream, hours)
        with refused("InvalidArgumentException", "Maximum allowed retention period is 8760 hours. Requested retention period (8761 hours) is too long."):
            change(stream, 8_761)
    with refused("InvalidArgumentException", f"Requested retention period (99 hours) for stream {stream.name} can not be shorter than existing retention period (100 hours). Use DecreaseRetentionPeriod API."):
        increase(stream, 99)
    with refused("InvalidArgumentException", f"Requested retention period (101 hours) for stream {stream.name} can not be longer than existing retention period (100 hours). Use IncreaseRetentionPeriod API."):
        decrease(stream, 101)


@behaviour("KIN-165", "KIN-166")
@pytest.mark.parametrize("shards", [1, 200])
def test_what_is_too_old_never_comes_back(clocked_streams: Streams, shards: int):
    stream = clocked_streams.create(ShardCount=shards)
    lab = clocked_streams.lab
    lab.advance(1)
    stream.active()
    shard = stream.put(b"first")["ShardId"]
    lab.advance(20 * 3600)
    increase(stream, 48)
    lab.advance(20 * 3600)
    stream.put(b"second")
    assert stream.data(shard) == [b"first", b"second"]
    stream.active()
    decrease(stream, 24)
    assert stream.data(shard) == [b"second"]
    lab.advance(1)
    stream.active()
    increase(stream, 240)
    lab.advance(1)
    assert stream.data(shard) == [b"second"]
    lab.advance(100 * 3600)
    assert stream.data(shard) == [b"second"]


@behaviour("KIN-220")
def test_retention_needs_an_active_stream(clocked_streams: Streams):
    stream = clocked_streams.create(ShardCount=1)
    with refused("ResourceInUseException"):
        increase(stream, 48)
    with refused("ResourceInUseException"):
        stream.kinesis.start_stream_encryption(StreamName=stream.name, EncryptionType="KMS", KeyId="alias/aws/kinesis")
    clocked_streams.lab.advance(1)
    increase(stream, 48)
    with refused("ResourceInUseException"):
        decrease(stream, 24)
