"""Reference section 14: messages end when they are old, whatever state they are in."""

from harness.behaviours import behaviour
from harness.lab import Lab, redrive_policy


@behaviour("SQS-245")
def test_a_visible_message_expires(clocked: Lab):
    queue = clocked.queue(MessageRetentionPeriod="60")
    queue.send("old")
    clocked.advance(50)
    queue.send("young")
    clocked.advance(11)
    assert queue.counts() == (1, 0, 0)
    assert queue.bodies() == ["young"]


@behaviour("SQS-245")
def test_a_message_in_flight_expires(clocked: Lab):
    queue = clocked.queue(MessageRetentionPeriod="60", VisibilityTimeout="600")
    queue.send("m")
    queue.receive_one()
    clocked.advance(61)
    assert queue.counts() == (0, 0, 0)
    clocked.advance(600)
    assert queue.bodies() == []


@behaviour("SQS-245")
def test_a_delayed_message_expires(clocked: Lab):
    queue = clocked.queue(MessageRetentionPeriod="60")
    queue.send("m", DelaySeconds=900)
    assert queue.counts() == (0, 0, 1)
    clocked.advance(61)
    assert queue.counts() == (0, 0, 0)
    clocked.advance(900)
    assert queue.bodies() == []


@behaviour("SQS-246")
def test_age_counts_from_the_send_not_from_the_last_receive(clocked: Lab):
    queue = clocked.queue(MessageRetentionPeriod="60", VisibilityTimeout="10")
    queue.send("m")
    for _ in range(4):
        assert queue.bodies() == ["m"]
        clocked.advance(14)
    clocked.advance(5)
    assert queue.bodies() == []


@behaviour("SQS-247", "SQS-110")
def test_a_shorter_period_ends_messages_that_are_older(clocked: Lab):
    queue = clocked.queue(MessageRetentionPeriod="3600")
    queue.send("old")
    clocked.advance(120)
    queue.set(MessageRetentionPeriod="60")
    clocked.advance(15 * 60)
    assert queue.bodies() == []
    assert queue.counts() == (0, 0, 0)


@behaviour("SQS-248")
def test_a_longer_period_extends_the_life_of_messages(clocked: Lab):
    queue = clocked.queue(MessageRetentionPeriod="60")
    queue.send("m")
    clocked.advance(30)
    queue.set(MessageRetentionPeriod="3600")
    clocked.advance(1000)
    assert queue.bodies() == ["m"]


@behaviour("SQS-249")
def test_an_expired_message_does_not_go_to_the_dead_letter_queue(clocked: Lab):
    dead = clocked.queue()
    queue = clocked.queue(MessageRetentionPeriod="60", RedrivePolicy=redrive_policy(dead, 1))
    queue.send("m")
    queue.receive_one(VisibilityTimeout=0)
    clocked.advance(61)
    assert queue.bodies() == []
    assert dead.counts() == (0, 0, 0)


@behaviour("SQS-250")
def test_an_expired_fifo_message_unblocks_its_group(clocked: Lab):
    queue = clocked.fifo(MessageRetentionPeriod="60", VisibilityTimeout="600")
    queue.send("first", group="g")
    clocked.advance(30)
    queue.send("second", group="g")
    queue.receive_one()
    assert queue.bodies() == []
    clocked.advance(31)
    assert queue.bodies() == ["second"]


@behaviour("SQS-245")
def test_retention_of_two_weeks_keeps_a_message_that_long(clocked: Lab):
    queue = clocked.queue(MessageRetentionPeriod="1209600")
    queue.send("m")
    clocked.advance(1_209_600 - 60)
    assert queue.bodies(VisibilityTimeout=0) == ["m"]
    clocked.advance(61)
    assert queue.bodies() == []
