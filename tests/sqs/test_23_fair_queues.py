"""Reference section 23: on a standard queue messages of quiet tenants come before those of noisy ones."""

from collections import Counter
from collections.abc import Iterator

import pytest

from harness.behaviours import behaviour
from harness.lab import Lab, Queue
from harness.server import Server

LONG = 36_000


@pytest.fixture
def restartable() -> Iterator[Lab]:
    """A server of its own."""
    with Server("--test-clock", "--test-endpoints") as server:
        yield Lab(server)


def flood(queue: Queue, tenant: str | None, number: int):
    """Sends so many messages of one tenant; their bodies are its name."""
    entry = {"MessageBody": tenant or "nobody"} | ({"MessageGroupId": tenant} if tenant else {})
    for start in range(0, number, 10):
        answer = queue.send_batch(*[entry] * min(10, number - start))
        assert "Failed" not in answer


def take(queue: Queue, number: int, seconds: int = LONG) -> list[dict]:
    """Takes so many messages in flight."""
    taken = []
    while len(taken) < number:
        messages = queue.receive(min(10, number - len(taken)), VisibilityTimeout=seconds)
        assert messages, f"{len(taken)} of {number} messages"
        taken += messages
    return taken


def bodies(messages: list[dict]) -> Counter:
    """How many came of each tenant."""
    return Counter(message["Body"] for message in messages)


@behaviour("SQS-206", "SQS-380", "SQS-382", "SQS-385", "SQS-386")
def test_quiet_tenants_overtake_the_backlog_of_a_noisy_one(lab: Lab):
    queue = lab.queue()
    flood(queue, "loud", 300)
    assert bodies(take(queue, 40)) == {"loud": 40}
    for number in range(13):
        queue.send(f"calm{number}", group=f"calm{number}")
    queue.send("nobody")
    first, second = take(queue, 10), take(queue, 10)
    assert bodies(first)["loud"] == 0
    # No quiet message is left: what else there is comes as usual, and all of it.
    assert bodies(second)["loud"] == 6
    assert {one["Body"] for one in first + second} == {"loud", "nobody"} | {f"calm{n}" for n in range(13)}
    assert bodies(take(queue, 254)) == {"loud": 254}
    assert queue.receive() == []


@behaviour("SQS-381")
def test_messages_without_a_group_are_never_noisy(lab: Lab):
    queue = lab.queue()
    flood(queue, None, 100)
    take(queue, 60)
    flood(queue, "calm", 10)
    flood(queue, None, 10)
    # The oldest first, as without tenants.
    assert bodies(take(queue, 40)) == {"nobody": 40}
    assert bodies(take(queue, 10)) == {"calm": 10}


@behaviour("SQS-382", "SQS-384")
def test_few_messages_in_flight_make_no_noise(lab: Lab):
    queue = lab.queue()
    flood(queue, "loud", 100)
    take(queue, 20)
    queue.send("calm", group="calm")
    assert bodies(take(queue, 5)) == {"loud": 5}
    take(queue, 10)
    assert bodies(take(queue, 1)) == {"calm": 1}


@behaviour("SQS-382", "SQS-389")
def test_a_small_share_makes_no_noise(lab: Lab):
    queue = lab.queue()
    flood(queue, "busy", 40)
    take(queue, 40)
    queue.send("busy", group="busy")
    queue.send("calm", group="calm")
    assert bodies(take(queue, 1)) == {"calm": 1}
    # The share falls to less than a tenth because others are served, and then age decides again.
    flood(queue, None, 400)
    assert bodies(take(queue, 350)) == {"nobody": 350}
    assert bodies(take(queue, 30))["busy"] == 1


@behaviour("SQS-383")
def test_much_processing_time_makes_noise(clocked: Lab):
    queue = clocked.queue()
    for number in range(4):
        queue.send(f"slow{number}", group="slow")
    held = take(queue, 1)
    clocked.advance(60)
    queue.delete(held[0])
    queue.send("calm", group="calm")
    assert bodies(take(queue, 1)) == {"calm": 1}
    # The share is a recent one.
    queue.send("slow4", group="slow")
    clocked.advance(240)
    queue.send("slow5", group="slow")
    queue.send("calm", group="other")
    assert bodies(take(queue, 1)) == {"slow1": 1}


@behaviour("SQS-387", "SQS-389")
def test_of_noisy_tenants_the_one_with_the_fewest_in_flight_comes_first(lab: Lab):
    queue = lab.queue()
    flood(queue, "a", 60)
    take(queue, 60)
    flood(queue, "b", 40)
    take(queue, 40)
    flood(queue, "a", 100)
    flood(queue, "b", 100)
    assert bodies(take(queue, 20)) == {"b": 20}
    # Their shares are the same by now, and so are their turns.
    assert bodies(take(queue, 40)) == {"a": 20, "b": 20}


@behaviour("SQS-388")
def test_a_tenant_without_a_backlog_is_quiet(clocked: Lab):
    queue = clocked.queue()
    flood(queue, "slow", 5)
    held = take(queue, 1)
    clocked.advance(60)
    queue.send("calm", group="calm")
    assert bodies(take(queue, 1)) == {"calm": 1}
    for message in held + take(queue, 4):
        queue.delete(message)
    assert queue.receive() == []
    queue.send("slow again", group="slow")
    queue.send("calm", group="other")
    assert bodies(take(queue, 1)) == {"slow again": 1}


@behaviour("SQS-388")
def test_a_tenant_that_was_silent_for_five_minutes_is_quiet(clocked: Lab):
    queue = clocked.queue()
    flood(queue, "loud", 100)
    take(queue, 50)
    clocked.advance(299)
    queue.send("calm", group="calm")
    assert bodies(take(queue, 1)) == {"calm": 1}
    clocked.advance(2)
    queue.send("calm", group="other")
    assert bodies(take(queue, 1)) == {"loud": 1}


@behaviour("SQS-385", "SQS-388")
def test_messages_that_come_back_keep_to_their_tenants(clocked: Lab):
    queue = clocked.queue()
    flood(queue, "loud", 200)
    loud = take(queue, 60)
    flood(queue, "calm", 10)
    calm = take(queue, 10, seconds=30)
    assert bodies(calm) == {"calm": 10}
    for message in loud[:20]:
        queue.change(message, 0)
    clocked.advance(31)
    again = take(queue, 10)
    assert {one["MessageId"] for one in again} == {one["MessageId"] for one in calm}
    assert bodies(take(queue, 160)) == {"loud": 160}
    assert queue.receive() == []


@behaviour("SQS-385")
@pytest.mark.parametrize("ends", ["stopped", "killed"])
def test_who_is_noisy_is_known_after_a_restart(restartable: Lab, ends: str):
    lab = restartable
    queue = lab.queue()
    flood(queue, "loud", 200)
    take(queue, 100)
    flood(queue, "calm", 10)
    queue.counts()
    if ends == "stopped":
        assert lab.server.stop() == 0
    else:
        lab.server.kill9()
    lab.server.start()
    assert bodies(take(queue, 10)) == {"calm": 10}
    assert bodies(take(queue, 90))["loud"] == 90


@behaviour("SQS-382", "SQS-245")
def test_what_outlived_the_retention_in_flight_makes_no_noise(clocked: Lab):
    queue = clocked.queue(MessageRetentionPeriod="60")
    flood(queue, "loud", 1030)
    take(queue, 1030)
    clocked.advance(61)
    assert queue.counts() == (0, 0, 0)
    clocked.advance(300)
    flood(queue, "loud", 20)
    flood(queue, "calm", 10)
    assert bodies(take(queue, 10)) == {"loud": 10}


@behaviour("SQS-391")
def test_tenants_without_number(lab: Lab):
    queue = lab.queue()
    for start in range(0, 3000, 10):
        queue.send_batch(*[{"MessageBody": f"t{start + n}", "MessageGroupId": f"t{start + n}"} for n in range(10)])
    came = bodies(take(queue, 3000))
    assert len(came) == 3000 and set(came.values()) == {1}


@behaviour("SQS-380", "SQS-385")
def test_dwell_times_of_quiet_tenants_stay_short(lab: Lab):
    """Consumers that hold 100 messages work off a backlog while every tenant goes on sending."""
    queue = lab.queue()
    flood(queue, "loud", 600)
    held = take(queue, 100)
    sent, dwelt = {}, []
    for turn in range(40):
        for tenant in range(3):
            body = f"calm{turn}-{tenant}"
            queue.send(body, group=f"calm{tenant}")
            sent[body] = turn
        flood(queue, "loud", 10)
        done, held = held[:10], held[10:]
        queue.delete_batch(*done)
        came = take(queue, 10)
        dwelt += [turn - sent.pop(one["Body"]) for one in came if one["Body"] != "loud"]
        held += came
    # The backlog alone takes 50 turns.
    assert dwelt == [0] * 120
