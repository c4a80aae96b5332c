"""Reference section 22: emptying a queue."""

from harness.behaviours import behaviour
from harness.lab import MISSING_QUEUE, Lab, Queue, refused


def purge(queue: Queue):
    """PurgeQueue."""
    queue.lab.sqs.purge_queue(QueueUrl=queue.url)


@behaviour("SQS-374", "SQS-375")
def test_a_purge_deletes_visible_in_flight_and_delayed_messages(clocked: Lab):
    queue = clocked.queue()
    for number in range(25):
        queue.send(str(number))
    queue.send("delayed", DelaySeconds=900)
    held = queue.receive(5)
    purge(queue)
    clocked.advance(60)
    assert queue.counts() == (0, 0, 0)
    assert queue.bodies() == []
    clocked.advance(900)
    assert queue.bodies() == []
    queue.delete(held[0])


@behaviour("SQS-374", "SQS-375")
def test_a_purged_queue_takes_messages_again(lab: Lab):
    queue = lab.queue()
    queue.send("before")
    purge(queue)
    queue.send("after")
    assert queue.bodies() == ["after"]


@behaviour("SQS-374", "SQS-377")
def test_a_purged_fifo_queue_forgets_groups_and_ids(lab: Lab):
    queue = lab.fifo()
    queue.send("one", group="g", dedup="d")
    queue.send("two", group="g", dedup="e")
    queue.receive_one()
    purge(queue)
    queue.send("three", group="g", dedup="d")
    assert queue.drain() == ["three"]


@behaviour("SQS-376")
def test_a_second_purge_waits_60_seconds_where_limits_apply(lab_with_limits: Lab):
    queue = lab_with_limits.queue()
    purge(queue)
    text = f"Only one PurgeQueue operation on {queue.name} is allowed every 60 seconds."
    with refused("AWS.SimpleQueueService.PurgeQueueInProgress", text, status=403):
        purge(queue)
    lab_with_limits.advance(61)
    purge(queue)


@behaviour("SQS-378")
def test_a_missing_queue_cannot_be_purged(lab: Lab):
    with refused(MISSING_QUEUE):
        purge(Queue(lab, lab.queue().url + "-missing"))


@behaviour("SQS-379")
def test_a_purge_leaves_attributes_and_tags_alone(lab: Lab):
    queue = lab.queue(tags={"a": "b"}, VisibilityTimeout="7")
    purge(queue)
    assert queue.attribute("VisibilityTimeout") == "7"
    assert lab.sqs.list_queue_tags(QueueUrl=queue.url)["Tags"] == {"a": "b"}
