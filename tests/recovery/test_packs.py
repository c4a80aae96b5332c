"""What is kept for long beside what comes and goes moves into packs: every message and record stays what and where it was,
through kills and damage."""

import subprocess

import pytest

from harness.behaviours import behaviour
from harness.lab import Lab, Queue
from harness.server import Server
from harness.streams import Stream, Streams
from harness.waiting import eventually

SEGMENT_BYTES = 64 << 20
BODY_BYTES = 1 << 20
# A checkpoint comes after 256 MB or a minute.
CHECKPOINT_SECONDS_MAX = 90
# A body beyond 256 KiB is stored in chunks.
ROUNDS = 4
SIZES = [1, 300, 70_000, 300_000]


class Kept:
    """A queue and a stream with a few messages and records in each of some segments, which are otherwise dead."""

    def __init__(self, server: Server):
        self.server = server
        self.lab = Lab(server)
        self.queue = self.lab.queue("kept")
        self.stream = Streams(self.lab).create("kept", ShardCount=2).active()
        self.messages: list[str] = []
        self.records: dict[str, list[tuple[str, bytes]]] = {}
        passing = self.lab.queue("passing")
        for round_ in range(ROUNDS):
            self.add(f"round {round_}")
            for _ in range(SEGMENT_BYTES // BODY_BYTES + 1):
                passing.send("x" * BODY_BYTES)
                passing.delete(passing.receive_one())
        self.add("last")

    def add(self, text: str):
        """Sends and puts bodies of every size."""
        for size in SIZES:
            body = f"{text} {size} ".ljust(size, ".")
            self.messages.append(body)
            self.queue.send(body)
            for key in ("a", "b"):
                answer = self.stream.put(body, key)
                self.records.setdefault(answer["ShardId"], []).append((answer["SequenceNumber"], body.encode()))

    def await_packs(self):
        """Waits until a pack has what lives of the segments and these are gone."""
        journal = self.server.data_dir / "journal"

        def packed() -> bool:
            return bool(packs(self.server)) and all(int(file.stem, 16) >= ROUNDS for file in journal.glob("*.seg"))

        eventually(packed, "the segments are packed", CHECKPOINT_SECONDS_MAX)

    def restarted(self):
        """After a kill."""
        self.server.kill9()
        self.server.start()

    def verify(self):
        """All of it is there, in order."""
        found = {shard: [(record["SequenceNumber"], record["Data"]) for record in self.stream.records(shard)] for shard in self.records}
        assert found == self.records
        seen = Queue(self.lab, self.queue.url)
        bodies: list[str] = []
        while messages := seen.receive(VisibilityTimeout=30):
            bodies += [message["Body"] for message in messages]
        assert sorted(bodies) == sorted(self.messages)


@pytest.fixture
def kept():
    """A server whose first segments were packed."""
    with Server("--test-endpoints") as server:
        kept = Kept(server)
        kept.await_packs()
        yield kept


def packs(server: Server) -> list:
    """Their files, oldest first."""
    return sorted((server.data_dir / "journal").glob("*.pak"))


@behaviour("SQS-149", "KIN-098")
def test_what_was_packed_is_there_after_a_kill(kept: Kept):
    kept.restarted()
    kept.verify()
    [pack, *more] = packs(kept.server)
    assert more == [], "one pack for all segments: what lives in them expires in the same days"
    assert pack.stat().st_size < 2 * ROUNDS * 3 * sum(SIZES)


def check(server: Server) -> str:
    """What `waystation check` says of the stopped server's data; the server starts again."""
    command = [str(server.binary), "check", "--data-dir", str(server.data_dir)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr if done.returncode else ""


def test_damage_in_a_pack_is_named_and_nobody_is_told_anything_wrong(kept: Kept):
    kept.server.kill9()
    assert check(kept.server) == ""
    [pack] = packs(kept.server)
    intact = pack.read_bytes()
    place = intact.index(b"round 1 300 ") + 20
    pack.write_bytes(intact[:place] + b"!" + intact[place + 1 :])
    assert pack.name in check(kept.server)
    kept.server.start()
    wrong = "round 1 300 ".ljust(300, ".")
    found = {record["Data"] for shard in kept.records for record in readable(kept.stream, shard)}
    told = {body for records in kept.records.values() for _, body in records}
    assert found <= told, "nothing that nobody wrote"
    assert wrong.encode() not in found or intact.count(wrong.encode()) > 1
    kept.server.kill9()
    pack.write_bytes(b"?" + intact[1:])
    process = kept.server.launch()
    assert process.wait(20) not in (0, -9)
    assert pack.name in kept.server.log(), "whose bodies are in it nobody could tell"
    kept.server.process = None
    assert pack.name in check(kept.server)
    pack.write_bytes(intact)
    kept.server.start()
    kept.verify()


def readable(stream: Stream, shard: str) -> list[dict]:
    """Records up to the one that cannot be read."""
    iterator, found = stream.iterator(shard), []
    while True:
        try:
            answer = stream.read(iterator)
        except stream.kinesis.exceptions.ClientError:
            return found
        found += answer["Records"]
        iterator = answer["NextShardIterator"]
        if not answer["MillisBehindLatest"]:
            return found
