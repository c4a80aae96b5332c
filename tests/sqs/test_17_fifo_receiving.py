"""Reference section 17: how a FIFO queue chooses what a receive returns."""

from concurrent.futures import ThreadPoolExecutor

from harness.behaviours import behaviour
from harness.lab import Lab, Queue
from harness.wire import Wire


def fill(queue: Queue, *bodies: str):
    """Sends messages named `g1-m1`: the group stands before the hyphen."""
    for body in bodies:
        queue.send(body, group=body.split("-")[0])


@behaviour("SQS-280", "SQS-281")
def test_a_message_in_flight_blocks_its_group(lab: Lab):
    queue = lab.fifo()
    fill(queue, "g1-m1", "g1-m2", "g2-m1")
    assert queue.bodies(1) == ["g1-m1"]
    assert queue.bodies() == ["g2-m1"]
    assert queue.bodies() == []


@behaviour("SQS-282", "SQS-285")
def test_a_receive_may_return_several_messages_of_a_group_in_order(lab: Lab):
    queue = lab.fifo()
    fill(queue, "g1-m1", "g1-m2", "g1-m3")
    assert queue.bodies() == ["g1-m1", "g1-m2", "g1-m3"]


@behaviour("SQS-283", "SQS-284", "SQS-285")
def test_a_receive_takes_all_of_one_group_before_the_next(lab: Lab):
    queue = lab.fifo()
    fill(queue, "g1-m1", "g2-m1", "g1-m2", "g2-m2", "g1-m3", "g2-m3")
    assert queue.bodies(4) == ["g1-m1", "g1-m2", "g1-m3", "g2-m1"]


@behaviour("SQS-286")
def test_a_send_does_not_unblock_a_group(lab: Lab):
    queue = lab.fifo()
    fill(queue, "g1-m1")
    queue.receive_one()
    fill(queue, "g1-m2")
    assert queue.bodies() == []


@behaviour("SQS-287")
def test_deleting_what_is_in_flight_makes_the_next_available(lab: Lab):
    queue = lab.fifo()
    fill(queue, "g1-m1", "g1-m2", "g1-m3")
    for message in queue.receive(2):
        queue.delete(message)
    assert queue.bodies() == ["g1-m3"]


@behaviour("SQS-288")
def test_deleting_one_of_two_in_flight_leaves_the_group_blocked(lab: Lab):
    queue = lab.fifo()
    fill(queue, "g1-m1", "g1-m2", "g1-m3")
    first, second = queue.receive(2)
    queue.delete(first)
    assert queue.bodies() == []
    queue.delete(second)
    assert queue.bodies() == ["g1-m3"]


@behaviour("SQS-288")
def test_deleting_the_second_of_two_in_flight_leaves_the_group_blocked(clocked: Lab):
    queue = clocked.fifo()
    fill(queue, "g1-m1", "g1-m2", "g1-m3")
    _, second = queue.receive(2)
    queue.delete(second)
    assert queue.bodies() == []
    clocked.advance(31)
    assert queue.bodies() == ["g1-m1", "g1-m3"]


@behaviour("SQS-289")
def test_after_the_timeout_messages_come_again_in_their_order(clocked: Lab):
    queue = clocked.fifo()
    fill(queue, "g1-m1", "g1-m2", "g1-m3")
    assert queue.bodies(2) == ["g1-m1", "g1-m2"]
    clocked.advance(31)
    assert queue.bodies() == ["g1-m1", "g1-m2", "g1-m3"]


def three_received(clocked: Lab, extended: int) -> Queue:
    """A queue whose three received messages timed out, but for the one that was extended."""
    queue = clocked.fifo()
    fill(queue, "g1-m1", "g1-m2", "g1-m3", "g1-m4")
    messages = queue.receive(3)
    assert len(messages) == 3
    queue.change(messages[extended], 600)
    clocked.advance(31)
    return queue


@behaviour("SQS-290")
def test_extending_the_first_of_three_blocks_all(clocked: Lab):
    queue = three_received(clocked, 0)
    assert queue.bodies() == []
    clocked.advance(600)
    assert queue.bodies() == ["g1-m1", "g1-m2", "g1-m3", "g1-m4"]


@behaviour("SQS-291")
def test_extending_the_second_of_three_leaves_the_first(clocked: Lab):
    assert three_received(clocked, 1).bodies() == ["g1-m1"]


@behaviour("SQS-292")
def test_extending_the_third_of_three_leaves_the_first_two(clocked: Lab):
    assert three_received(clocked, 2).bodies() == ["g1-m1", "g1-m2"]


@behaviour("SQS-293")
def test_the_first_of_two_comes_again_after_a_change_to_0(lab: Lab):
    queue = lab.fifo()
    fill(queue, "g1-m1", "g1-m2", "g1-m3")
    first, _ = queue.receive(2)
    queue.change(first, 0)
    assert queue.bodies() == ["g1-m1"]


@behaviour("SQS-294")
def test_a_timeout_of_0_starts_again_at_the_first(lab: Lab):
    queue = lab.fifo()
    fill(queue, "g1-m1", "g1-m2", "g1-m3")
    assert queue.bodies(2, VisibilityTimeout=0) == ["g1-m1", "g1-m2"]
    assert queue.bodies(1, VisibilityTimeout=0) == ["g1-m1"]
    assert queue.bodies() == ["g1-m1", "g1-m2", "g1-m3"]


@behaviour("SQS-295")
def test_groups_are_served_in_rotation(lab: Lab):
    queue = lab.fifo()
    fill(queue, "g1-m1", "g1-m2", "g2-m1", "g2-m2", "g3-m1")
    assert queue.bodies(3, VisibilityTimeout=0) == ["g1-m1", "g1-m2", "g2-m1"]
    assert queue.bodies(10, VisibilityTimeout=0) == ["g3-m1", "g1-m1", "g1-m2", "g2-m1", "g2-m2"]


@behaviour("SQS-296")
def test_an_emptied_group_can_be_used_again(lab: Lab):
    queue = lab.fifo()
    for round_number in range(3):
        fill(queue, f"g1-{round_number}")
        assert queue.drain() == [f"g1-{round_number}"]


@behaviour("SQS-297")
def test_only_messages_in_flight_count_as_not_visible(lab: Lab):
    queue = lab.fifo()
    fill(queue, "g1-m1", "g1-m2", "g1-m3", "g2-m1")
    queue.receive_one()
    assert queue.counts() == (3, 1, 0)


@behaviour("SQS-299")
def test_high_throughput_keeps_order_and_deduplication(lab: Lab):
    queue = lab.fifo(DeduplicationScope="messageGroup", FifoThroughputLimit="perMessageGroupId")
    fill(queue, "g1-m1", "g2-m1", "g1-m2", "g1-m1")
    assert queue.bodies(1) == ["g1-m1"]
    assert queue.bodies() == ["g2-m1"]


@behaviour("SQS-281", "SQS-190")
def test_counts_of_a_group_grow_together(clocked: Lab):
    queue = clocked.fifo()
    fill(queue, "g1-m1", "g1-m2")
    for count in ("1", "2", "3"):
        messages = queue.receive()
        assert [(message["Body"], message["Attributes"]["ApproximateReceiveCount"]) for message in messages] == [
            ("g1-m1", count),
            ("g1-m2", count),
        ]
        clocked.advance(31)


@behaviour("SQS-298")
def test_a_large_backlog_of_a_blocked_group_hides_others(lab: Lab):
    queue = lab.fifo()
    looked_at = 120_000

    def send(thread: int):
        wire = Wire(lab.server.host)
        for start in range(thread * 10, looked_at, 40):
            entries = [{"Id": str(one), "MessageBody": f"{start + one}", "MessageGroupId": "blocked"} for one in range(10)]
            answer = wire.json("SendMessageBatch", {"QueueUrl": queue.url, "Entries": entries})
            assert answer.status == 200 and "Failed" not in answer.json, answer.text

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(send, range(4)))
    held = queue.receive_one()
    queue.send("hidden", group="free")
    assert queue.receive() == [], "the free group stands behind what a receive looks through"
    queue.delete(held)
    assert "hidden" in queue.bodies() + queue.bodies(), "one message less stands before the free group"
