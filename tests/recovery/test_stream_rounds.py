"""Writers of a stream under load while it is resharded and the server is killed again and again."""

import itertools
import os
import random
import threading
import time

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from harness.behaviours import behaviour
from harness.lab import Lab
from harness.server import Server
from harness.streams import Stream, Streams, follow
from harness.waiting import eventually

ROUNDS = 8
WRITERS = 4
# Between crashes, drawn anew each time.
UP_SECONDS = (0.2, 0.7)


class Rounds:
    """Threads that put records and reshard while the server crashes; they write down what was acknowledged."""

    def __init__(self, server: Server, name: str):
        self.server = server
        self.name = name
        self.acknowledged: dict[str, list[tuple[str, str, int]]] = {str(key): [] for key in range(WRITERS)}
        self.reshards = 0
        self.failures: list[BaseException] = []
        self.ending = threading.Event()

    def guarded(self, work, *arguments):
        """Runs one of the threads; its failure is the test's."""
        try:
            work(Streams(Lab(self.server)).kinesis, *arguments)
        except BaseException as failure:  # noqa: BLE001 - a thread's failure is the test's
            self.failures.append(failure)

    def write(self, kinesis, key: str):
        """Every attempt has data of its own: one without an answer may be there or not, but never twice."""
        for number in itertools.count():
            if self.ending.is_set():
                return
            data = [f"{key} {number} {part}" for part in range(3)]
            entries = [{"PartitionKey": key, "Data": one} for one in data]
            try:
                answer = kinesis.put_records(StreamName=self.name, Records=entries)
            except BotoCoreError:
                time.sleep(0.005)
                continue
            for one, entry in zip(data, answer["Records"], strict=True):
                if "SequenceNumber" in entry:
                    self.acknowledged[key].append((one, entry["ShardId"], int(entry["SequenceNumber"])))

    def reshard(self, kinesis, chance: random.Random):
        """Another number of shards, over and over."""
        while not self.ending.is_set():
            try:
                current = kinesis.describe_stream_summary(StreamName=self.name)["StreamDescriptionSummary"]["OpenShardCount"]
                target = chance.randint(max(1, (current + 1) // 2), min(6, current * 2))
                kinesis.update_shard_count(StreamName=self.name, TargetShardCount=target, ScalingType="UNIFORM_SCALING")
                self.reshards += 1
            except (BotoCoreError, ClientError) as error:
                if isinstance(error, ClientError):
                    # Another reshard is under way, or ended between the two calls.
                    assert error.response["Error"]["Code"] in ("ResourceInUseException", "InvalidArgumentException"), error
            time.sleep(0.05)

    def run(self):
        """So many crashes, at moments drawn from a seed that is printed."""
        seed = int(os.environ.get("WAYSTATION_SEED") or random.randrange(2**32))
        print(f"WAYSTATION_SEED={seed}")
        chance = random.Random(seed)
        threads = [threading.Thread(target=self.guarded, args=(self.write, key)) for key in self.acknowledged]
        threads.append(threading.Thread(target=self.guarded, args=(self.reshard, random.Random(seed + 1))))
        for thread in threads:
            thread.start()
        for _ in range(ROUNDS):
            time.sleep(chance.uniform(*UP_SECONDS))
            self.server.kill9()
            self.server.start()
        self.ending.set()
        for thread in threads:
            thread.join()
        assert not self.failures, self.failures
        stored = sum(len(own) for own in self.acknowledged.values())
        print(f"{stored} acknowledged, {self.reshards} reshards")
        assert stored > 10 * ROUNDS and self.reshards > 2, "too little went through to mean something"


@behaviour("KIN-077", "KIN-153", "KIN-154", "KIN-078", "KIN-094", "KIN-119", "KIN-118")
@pytest.mark.parametrize("flags", [(), ("--test-volatile-writes", "2")], ids=["killed", "unflushed writes lost"])
def test_every_acknowledged_record_is_there_once_in_order_with_its_number(flags: tuple[str, ...]):
    with Server(*flags) as server:
        stream = Streams(Lab(server)).stream(2)
        rounds = Rounds(server, stream.name)
        rounds.run()
        # A reshard that a crash interrupted goes on.
        stream = Stream(Streams(Lab(server)), stream.name).active()
        seen: dict[str, list[tuple[str, str, int]]] = {key: [] for key in rounds.acknowledged}
        for record in follow(stream):
            seen[record["PartitionKey"]].append((record["Data"].decode(), record["ShardId"], int(record["SequenceNumber"])))
        for key, acknowledged in rounds.acknowledged.items():
            there = seen[key]
            assert len({data for data, _, _ in there}) == len(there), "a record is there twice"
            assert [one for one in there if one in set(acknowledged)] == acknowledged
            numbers = [tuple(map(int, data.split()[1:])) for data, _, _ in there]
            assert numbers == sorted(numbers)
            assert [number for _, _, number in there] == sorted(number for _, _, number in there)


@behaviour("KIN-041", "KIN-063", "KIN-143", "KIN-167")
def test_transitions_go_on_after_a_crash():
    with Server() as server:
        streams = Streams(Lab(server))
        large = streams.create(ShardCount=1_000)
        dying = streams.stream(300)
        growing = streams.stream(100)
        dying.delete()
        streams.kinesis.update_shard_count(StreamName=growing.name, TargetShardCount=200, ScalingType="UNIFORM_SCALING")
        server.kill9()
        server.start()
        streams = Streams(Lab(server))
        for stream in (large, dying, growing):
            stream.kinesis, stream.streams = streams.kinesis, streams
        large.active()
        assert len(large.shards()) == 1_000
        growing.active()
        assert len(growing.open_shards()) == 200
        dying.gone()
        eventually(lambda: streams.stream(1, name=dying.name).data() == [], "the name is free")
