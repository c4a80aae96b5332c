"""Crash rounds over a million waiting messages: checkpoints, spilled pages and segments used again, all under kills."""

import os
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import checks
from harness.behaviours import behaviour
from harness.load import Client, Load
from harness.roles import consumer, fifo_producer, patient_consumer, producer
from harness.server import Server

STOCK = 1_000_000
THREADS = 8
ROUNDS = 20
# Large bodies of the load beside the stock, so that segments fill, die and are used again between the crashes.
PADDING_BYTES = 120_000


def in_parallel(load: Load, work):
    """Runs `work(client, share)` in each of the threads."""
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda share: work(Client(load), share), range(THREADS)))


def fill(load: Load, queue: str, fifo: bool):
    """Sends the stock in batches; every body is its number."""

    def send(client: Client, share: int):
        for first in range(share * 10, STOCK, THREADS * 10):
            entries = [{"Id": str(number), "MessageBody": str(number)} for number in range(first, first + 10)]
            for entry in entries if fifo else ():
                entry |= {"MessageGroupId": f"g{first % 1000}", "MessageDeduplicationId": entry["Id"]}
            answer = client.ask("SendMessageBatch", {"QueueUrl": queue, "Entries": entries})
            assert len(answer["Successful"]) == 10, answer

    in_parallel(load, send)


def drain(load: Load, queue: str) -> list[int]:
    """Receives and deletes everything; the numbers in the order of the answers."""
    found, lock = [], threading.Lock()

    def receive(client: Client, _: int):
        while messages := client.ask("ReceiveMessage", {"QueueUrl": queue, "MaxNumberOfMessages": 10}).get("Messages"):
            entries = [{"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]} for n, message in enumerate(messages)]
            client.ask("DeleteMessageBatch", {"QueueUrl": queue, "Entries": entries})
            with lock:
                found.extend(int(message["Body"]) for message in messages)

    in_parallel(load, receive)
    return found


@behaviour("SQS-148", "SQS-149", "SQS-119", "SQS-254")
@pytest.mark.parametrize("kind", ["standard", "fifo"])
def test_a_million_waiting_messages_outlive_every_crash(kind: str):
    seed = int(os.environ.get("WAYSTATION_SEED") or random.randrange(2**32))
    print(f"WAYSTATION_SEED={seed}")
    fifo = kind == "fifo"
    suffix, attributes = (".fifo", {"FifoQueue": "true"}) if fifo else ("", {})
    with Server("--test-volatile-writes", "0") as server:
        load = Load(server, seed, PADDING_BYTES)
        stock = load.create("stock" + suffix, **attributes)
        fill(load, stock, fifo)
        standard, busy = load.create("busy"), load.create("busy.fifo", FifoQueue="true")
        for role in (producer, producer, consumer, patient_consumer):
            load.add(role(load, standard))
        for role in (fifo_producer, consumer, patient_consumer):
            load.add(role(load, busy))
        with load.running():
            load.rounds(ROUNDS)
        assert load.unexpected == [], server.log()
        load.drain(standard)
        load.drain(busy)
        violations = checks.of_standard(load.history.of(standard)) + checks.of_fifo(load.history.of(busy))
        assert violations == [], "\n".join(violations[:20])
        found = drain(load, stock)
        assert len(found) == STOCK
        assert len(set(found)) == STOCK
