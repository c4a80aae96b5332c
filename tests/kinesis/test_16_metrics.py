"""Section 16: metrics, as Prometheus series."""

import re

from harness.behaviours import behaviour
from harness.streams import Stream, Streams, shard_id


def series(streams: Streams, stream: Stream) -> dict[tuple[str, str], float]:
    """Name and shard of every series of a stream, with its value."""
    text = streams.lab.wire.ask("GET", "/metrics").text
    found = {}
    for name, labels, value in re.findall(r"^(waystation_kinesis_\w+)\{([^}]*)\} (\S+)$", text, re.MULTILINE):
        named = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        if named["stream"] == stream.name:
            found[name.removeprefix("waystation_kinesis_").removesuffix("_total"), named["shard"]] = float(value)
    return found


@behaviour("KIN-253", "KIN-254")
def test_streams_are_counted_always_and_shards_on_demand(clocked_streams: Streams):
    lab = clocked_streams.lab
    stream = clocked_streams.create(ShardCount=1)
    lab.advance(1)
    stream.put(b"1234", "key")
    stream.put_many({"Data": b"12"}, {"Data": b"12"})
    lab.advance(10)
    stream.read(stream.iterator(), Limit=1)
    found = series(clocked_streams, stream)
    assert found["incoming_records", ""] == 3 and found["incoming_bytes", ""] == 7 + 5 + 5
    assert found["put_record_success", ""] == 1 and found["put_records_successful", ""] == 2
    assert found["get_records_records", ""] == 1 and 10_000 <= found["iterator_age_ms", ""] < 20_000
    assert not any(shard for _, shard in found)
    stream.records()
    assert series(clocked_streams, stream)["iterator_age_ms", ""] == 0
    stream.kinesis.enable_enhanced_monitoring(StreamName=stream.name, ShardLevelMetrics=["ALL"])
    lab.advance(1)
    stream.put(b"1234", "key")
    stream.records()
    found = series(clocked_streams, stream)
    assert found["shard_incoming_records", shard_id(0)] == 1 and found["shard_outgoing_records", shard_id(0)] == 4
    stream.kinesis.disable_enhanced_monitoring(StreamName=stream.name, ShardLevelMetrics=["ALL"])
    assert not any(shard for _, shard in series(clocked_streams, stream))
