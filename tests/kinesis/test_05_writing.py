"""Section 5: writing records, and the layout of sequence numbers."""

import datetime

import pytest

from harness.behaviours import behaviour
from harness.lab import Lab, refused
from harness.server import Server
from harness.streams import ACCOUNT, HASH_KEY_MAX, Streams, hash_key, parse_sequence_number, range_of, shard_id


@behaviour("KIN-070", "KIN-076", "KIN-077", "KIN-116")
def test_a_record_goes_to_the_shard_of_its_hash(streams: Streams):
    stream = streams.stream(5)
    ranges = {shard["ShardId"]: range_of(shard) for shard in stream.shards()}
    for key in ("a", "key", "\u00e4\u20ac", "x" * 256, "0"):
        answer = stream.put(key.encode(), key)
        first, last = ranges[answer["ShardId"]]
        assert first <= hash_key(key) <= last
        assert set(answer) - {"ResponseMetadata"} == {"ShardId", "SequenceNumber"}
        records = stream.records(answer["ShardId"])
        assert records[-1]["PartitionKey"] == key and records[-1]["Data"] == key.encode()
        assert records[-1]["SequenceNumber"] == answer["SequenceNumber"]
        assert "EncryptionType" not in records[-1]


@behaviour("KIN-071", "KIN-072")
def test_an_explicit_hash_key_replaces_the_hash(streams: Streams):
    stream = streams.stream(4)
    for hash_value, shard in ((0, 0), (2**126, 1), (2**127 + 5, 2), (HASH_KEY_MAX, 3)):
        answer = stream.put(key="same", ExplicitHashKey=str(hash_value))
        assert answer["ShardId"] == shard_id(shard)
        assert stream.records(shard_id(shard))[-1]["PartitionKey"] == "same"
    beyond = str(2**128)
    text = f"Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was {beyond}"
    with refused("InvalidArgumentException", text):
        stream.put(ExplicitHashKey=beyond)
    for bad in ("-1", "01", "x", "1" * 40):
        with refused("ValidationException"):
            stream.put(ExplicitHashKey=bad)


@behaviour("KIN-073", "KIN-074")
def test_keys_are_needed_and_data_may_be_empty(streams: Streams):
    stream = streams.stream()
    stream.put(b"")
    assert stream.data() == [b""]
    with refused("ValidationException"):
        stream.put(key="")
    with refused("ValidationException"):
        stream.put(key="x" * 257)
    with refused("ValidationException", "1 validation error detected: Value null at 'partitionKey' failed to satisfy constraint: Member must not be null"):
        streams.kinesis.put_record(StreamName=stream.name, Data=b"x")
    text = "1 validation error detected: Value null at 'records.2.member.partitionKey' failed to satisfy constraint: Member must not be null"
    with refused("ValidationException", text):
        streams.kinesis.put_records(StreamName=stream.name, Records=[{"Data": b"x", "PartitionKey": "k"}, {"Data": b"y"}])


@behaviour("KIN-075", "KIN-230", "KIN-231")
def test_a_record_has_the_size_that_its_stream_allows(streams: Streams):
    stream = streams.stream()
    stream.put(b"x" * (2**20 - 3))
    with refused("ValidationException"):
        stream.put(b"x" * (2**20 - 2))
    with refused("ValidationException"):
        stream.put_many({"Data": b"x" * 2**20})
    streams.kinesis.update_max_record_size(StreamARN=stream.arn, MaxRecordSizeInKiB=10_240)
    stream.active()
    large = bytes(range(256)) * 40_960
    stream.put(large[:-3])
    with refused("ValidationException"):
        stream.put(large)
    streams.kinesis.update_max_record_size(StreamARN=stream.arn, MaxRecordSizeInKiB=1_024)
    stream.active()
    with refused("ValidationException"):
        stream.put(b"x" * 2**20)
    assert [len(data) for data in stream.data()] == [2**20 - 3, 10 * 2**20 - 3]
    assert stream.data()[1] == large[:-3]
    with refused("ValidationException"):
        streams.kinesis.update_max_record_size(StreamARN=stream.arn, MaxRecordSizeInKiB=10_241)


@behaviour("KIN-078", "KIN-086", "KIN-081")
def test_numbers_grow_in_a_shard_and_are_unique_in_a_stream(streams: Streams):
    stream = streams.stream(3)
    numbers: dict[str, list[int]] = {}
    for _ in range(3):
        answer = stream.put_many(*({"PartitionKey": str(number)} for number in range(100)))
        assert answer["FailedRecordCount"] == 0 and len(answer["Records"]) == 100
        for entry in answer["Records"]:
            assert set(entry) == {"SequenceNumber", "ShardId"}
            numbers.setdefault(entry["ShardId"], []).append(int(entry["SequenceNumber"]))
    assert len(numbers) == 3
    for own in numbers.values():
        assert own == sorted(set(own))
    everything = [number for own in numbers.values() for number in own]
    assert len(set(everything)) == 300


@behaviour("KIN-079")
def test_a_number_for_ordering_is_one_of_a_record(streams: Streams):
    stream = streams.stream()
    first = stream.put()["SequenceNumber"]
    second = stream.put(SequenceNumberForOrdering=first)["SequenceNumber"]
    assert int(second) > int(first)
    digits = f"{int(first):x}"
    future = str(int(digits[:29] + f"{int(digits[29:38], 16) + 1000:09x}" + digits[38:], 16))
    for bad in ("0", "12345", future):
        text = f"ExclusiveMinimumSequenceNumber {bad} used in PutRecord on stream {stream.name} under account {ACCOUNT} is invalid."
        with refused("InvalidArgumentException", text):
            stream.put(SequenceNumberForOrdering=bad)


@behaviour("KIN-080", "KIN-081")
def test_a_batch_has_500_records_and_10_mib(streams: Streams):
    stream = streams.stream(4)
    answer = stream.put_many(*({"PartitionKey": str(number)} for number in range(500)))
    assert len(answer["Records"]) == 500
    for wrong in ([], [{"Data": b"x", "PartitionKey": "k"}] * 501):
        with refused("ValidationException"):
            streams.kinesis.put_records(StreamName=stream.name, Records=wrong)
    half = {"Data": b"x" * (2**20 - 1), "PartitionKey": "k"}
    assert stream.put_many(*[half] * 10)["FailedRecordCount"] == 0
    with refused("InvalidArgumentException"):
        stream.put_many(*[half] * 10, {"Data": b"", "PartitionKey": "k"})


@behaviour("KIN-085")
def test_a_fault_in_one_record_writes_nothing(streams: Streams):
    stream = streams.stream()
    faults = {
        "ValidationException": [{"PartitionKey": ""}, {"PartitionKey": "x" * 257}, {"ExplicitHashKey": "x"}],
        "InvalidArgumentException": [{"ExplicitHashKey": str(2**128)}],
    }
    for code, records in faults.items():
        for record in records:
            with refused(code):
                stream.put_many({}, record, {})
    assert stream.data() == []


@behaviour("KIN-087", "KIN-143")
def test_an_updating_stream_takes_and_gives_records(clocked_streams: Streams):
    stream = clocked_streams.create(ShardCount=1)
    clocked_streams.lab.advance(1)
    clocked_streams.kinesis.split_shard(StreamName=stream.name, ShardToSplit="0", NewStartingHashKey=str(2**127))
    assert stream.status() == "UPDATING"
    answer = stream.put(b"meanwhile")
    assert stream.data(answer["ShardId"]) == [b"meanwhile"]
    clocked_streams.lab.advance(1)
    assert stream.status() == "ACTIVE"


@behaviour("KIN-088")
def test_the_arrival_is_the_time_of_the_server(clocked_streams: Streams):
    clocked_streams.lab.server.set_clock("2031-01-01T00:00:00Z")
    stream = clocked_streams.create(ShardCount=1)
    clocked_streams.lab.advance(10)
    stream.put()
    arrival = stream.records()[0]["ApproximateArrivalTimestamp"]
    assert arrival.astimezone(datetime.UTC).strftime("%Y-%m-%d %H:%M") == "2031-01-01 00:00"


@behaviour("KIN-089")
def test_aggregated_data_is_opaque(streams: Streams):
    stream = streams.stream()
    data = b"\xf3\x89\x9a\xc2" + bytes(range(256))
    stream.put(data)
    assert stream.data() == [data]


@behaviour("KIN-091", "KIN-093", "KIN-094", "KIN-092")
def test_numbers_have_the_layout_of_aws(streams: Streams):
    stream = streams.stream(3)
    created = int(stream.describe()["StreamCreationTimestamp"].timestamp())
    answer = stream.put(ExplicitHashKey=str(HASH_KEY_MAX))
    number = answer["SequenceNumber"]
    assert len(number) == 56
    parts = parse_sequence_number(number)
    assert parts["created"] == created and parts["shard"] == 2 and parts["nibble"] == 2
    assert parts["zero"] == 0 and created <= parts["second"] <= created + 60
    last = stream.shards()[2]["SequenceNumberRange"]["StartingSequenceNumber"]
    assert int(last) < int(number)
    stream.split(shard_id(2))
    parent, *children = [shard for shard in stream.shards() if shard["ShardId"] in (shard_id(2), shard_id(3), shard_id(4))]
    ending = parent["SequenceNumberRange"]["EndingSequenceNumber"]
    assert parse_sequence_number(ending)["place"] == 0x7FFF_FFFF_FFFF_FFFF
    assert int(ending) > int(number)
    for child in children:
        assert int(child["SequenceNumberRange"]["StartingSequenceNumber"]) > int(ending)


@behaviour("KIN-077", "KIN-112")
def test_records_numbers_and_iterators_survive_a_crash():
    with Server() as server:
        streams = Streams(Lab(server))
        stream = streams.stream(2)
        put = [stream.put(str(number), str(number)) for number in range(40)]
        iterators = {shard_id(index): stream.iterator(shard_id(index)) for index in range(2)}
        before = {shard: stream.records(shard) for shard in iterators}
        server.kill9()
        server.start()
        streams = Streams(Lab(server))
        stream.kinesis, stream.streams = streams.kinesis, streams
        for shard, iterator in iterators.items():
            assert stream.read(iterator)["Records"] == before[shard] == stream.records(shard)
            assert stream.read(iterator)["Records"] == before[shard]
        numbers = {record["SequenceNumber"] for records in before.values() for record in records}
        assert numbers == {answer["SequenceNumber"] for answer in put}
        later = [stream.put(str(number), str(number)) for number in range(40)]
        for old, new in zip(put, later, strict=True):
            assert old["ShardId"] == new["ShardId"] and int(new["SequenceNumber"]) > int(old["SequenceNumber"])


@behaviour("KIN-083", "KIN-084", "KIN-090", "KIN-222", "KIN-223", "KIN-082")
def test_a_shard_takes_1000_records_a_second(limited_streams: Streams):
    limited_streams.lab.advance(2)
    stream = limited_streams.create(ShardCount=2)
    limited_streams.lab.advance(2)
    lower, upper = {"ExplicitHashKey": "0"}, {"ExplicitHashKey": str(HASH_KEY_MAX)}
    entries = []
    for _ in range(4):
        entries += stream.put_many(*[lower] * 490, *[upper] * 10)["Records"]
    failed = [entry for entry in entries if "ErrorCode" in entry]
    assert failed and all(
        entry
        == {
            "ErrorCode": "ProvisionedThroughputExceededException",
            "ErrorMessage": f"Rate exceeded for shard {shard_id(0)} in stream {stream.name} under account {ACCOUNT}.",
        }
        for entry in failed
    )
    stored = [entry["ShardId"] for entry in entries if "ShardId" in entry]
    assert stored.count(shard_id(1)) == 40
    assert len(stream.records(shard_id(0))) == stored.count(shard_id(0)) < 1960
    with refused("ProvisionedThroughputExceededException", failed[0]["ErrorMessage"]):
        for _ in range(5):
            stream.put(b"x" * 1_000_000, ExplicitHashKey="0")


@behaviour("KIN-234")
@pytest.mark.parametrize("call", ["put_record", "put_records", "get_shard_iterator", "get_records"])
def test_a_dry_run_changes_nothing(streams: Streams, call: str):
    stream = streams.stream()
    arguments = {
        "put_record": {"StreamName": stream.name, "Data": b"x", "PartitionKey": "k"},
        "put_records": {"StreamName": stream.name, "Records": [{"Data": b"x", "PartitionKey": "k"}]},
        "get_shard_iterator": {"StreamName": stream.name, "ShardId": shard_id(0), "ShardIteratorType": "LATEST"},
        "get_records": {"ShardIterator": stream.iterator()},
    }[call]
    with refused("DryRunOperationException"):
        getattr(streams.kinesis, call)(DryRun=True, **arguments)
    getattr(streams.kinesis, call)(DryRun=False, **arguments)
    assert len(stream.data()) == (1 if call.startswith("put") else 0)


@behaviour("KIN-225")
def test_an_on_demand_stream_grows_under_load(limited_streams: Streams):
    limited_streams.lab.advance(2)
    stream = limited_streams.create(StreamModeDetails={"StreamMode": "ON_DEMAND"})
    limited_streams.lab.advance(2)
    batch = [{"PartitionKey": str(number)} for number in range(500)]
    for _ in range(200):
        answer = stream.put_many(*batch)
        if answer["FailedRecordCount"] and len(stream.open_shards()) > 4:
            break
        limited_streams.lab.advance(0.01)
    limited_streams.lab.advance(2)
    assert len(stream.open_shards()) == 8
    assert {shard["ParentShardId"] for shard in stream.open_shards()} == {shard_id(index) for index in range(4)}
