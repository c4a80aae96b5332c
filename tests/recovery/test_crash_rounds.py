"""Producers and consumers under load while the server is killed again and again: nothing promised is broken."""

import json
import os
import random

import pytest

from harness import checks, places
from harness.behaviours import behaviour
from harness.history import History
from harness.load import Load
from harness.roles import clumsy_consumer, consumer, fifo_producer, patient_consumer, producer
from harness.server import Server

ROUNDS = 20
SHOWN_MAX = 20


def new_load(server: Server, padding_bytes: int = 0) -> Load:
    """A load whose seed is printed, and taken from the environment to repeat a run."""
    seed = int(os.environ.get("WAYSTATION_SEED") or random.randrange(2**32))
    print(f"WAYSTATION_SEED={seed}")
    return Load(server, seed, padding_bytes)


def crash_rounds(server: Server, rounds: int, padding_bytes: int = 0) -> tuple[Load, str, str]:
    """A standard and a FIFO queue through so many crashes; the load with its history, and both URLs."""
    load = new_load(server, padding_bytes)
    standard = load.create("crash-standard")
    fifo = load.create("crash.fifo", FifoQueue="true")
    for role in (producer, producer, consumer, patient_consumer):
        load.add(role(load, standard))
    for role in (fifo_producer, fifo_producer, consumer, patient_consumer):
        load.add(role(load, fifo))
    with load.running():
        load.rounds(rounds)
    load.drain(standard)
    load.drain(fifo)
    print(load.history.summary())
    return load, standard, fifo


def assert_busy(history: History, rounds: int):
    """The run was hard enough to mean something: every crash met requests, and much went through."""
    assert len(history.crashes) == rounds
    assert len(history.sends) > 20 * rounds
    assert len(history.deletes) > 10 * rounds


def report(violations: list[str]) -> str:
    """The first of them, one a line."""
    return f"{len(violations)} violations:\n" + "\n".join(violations[:SHOWN_MAX])


@behaviour("SQS-148", "SQS-149", "SQS-005", "SQS-009", "SQS-190", "SQS-220", "SQS-239", "SQS-252", "SQS-254", "SQS-269", "SQS-281")
@pytest.mark.parametrize(
    "flags",
    [(), ("--test-volatile-writes", "0"), ("--test-volatile-writes", "4")],
    ids=["killed", "unflushed writes lost", "slow disk, unflushed writes lost"],
)
def test_nothing_promised_is_broken_by_crashes(flags: tuple[str, ...]):
    with Server(*flags) as server:
        load, standard, fifo = crash_rounds(server, ROUNDS)
        assert load.unexpected == [], server.log()
        for queue in (standard, fifo):
            assert_busy(load.history.of(queue), ROUNDS)
        violations = checks.of_standard(load.history.of(standard)) + checks.of_fifo(load.history.of(fifo))
        assert violations == [], report(violations)


@behaviour("SQS-148", "SQS-149", "SQS-119")
def test_nothing_promised_is_broken_through_checkpoints():
    """Large bodies, so that segments fill, checkpoints are written and segments are used again between the crashes."""
    with Server() as server:
        load, standard, fifo = crash_rounds(server, 12, padding_bytes=120_000)
        assert load.unexpected == [], server.log()
        violations = checks.of_standard(load.history.of(standard)) + checks.of_fifo(load.history.of(fifo))
        assert violations == [], report(violations)


@behaviour("SQS-317", "SQS-148", "SQS-149", "SQS-319")
@pytest.mark.parametrize("kind", ["standard", "fifo"])
def test_every_message_is_in_one_of_both_queues_whatever_crashes_during_moves(kind: str):
    with Server("--test-volatile-writes", "2") as server:
        load = new_load(server)
        suffix, fifo = (".fifo", {"FifoQueue": "true"}) if kind == "fifo" else ("", {})
        dead = load.create("dead" + suffix, **fifo)
        arn = f"arn:aws:sqs:us-east-1:000000000000:dead{suffix}"
        redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 2})
        source = load.create("source" + suffix, RedrivePolicy=redrive, **fifo)
        make = fifo_producer if kind == "fifo" else producer
        for role in (make, clumsy_consumer, clumsy_consumer, clumsy_consumer):
            load.add(role(load, source))
        with load.running():
            load.rounds(ROUNDS)
        assert load.unexpected == [], server.log()
        before = len(load.history.received)
        load.drain(source)
        load.drain(dead)
        print(load.history.summary())
        assert any(one.queue == dead for one in load.history.received), "nothing moved"
        assert checks.lost(load.history) == []
        assert checks.kept_twice(load.history.received[before:]) == []


@behaviour("SQS-148")
def test_the_checks_find_a_server_that_answers_before_the_flush():
    """A bug on purpose: the build `planted-bugs` can answer early, and these rounds must notice."""
    flags = ("--test-plant", "early-ack", "--test-volatile-writes", "20")
    with Server(*flags, binary=places.planted_binary()) as server:
        load, standard, _ = crash_rounds(server, 8)
        found = checks.lost(load.history.of(standard))
        assert found, "messages were acknowledged before they were on disk, and nobody noticed"
