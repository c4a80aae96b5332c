"""Reference section 21: message move tasks take dead letters back to where they came from, or to another queue."""

import base64
import json
import uuid

import pytest

from harness.behaviours import behaviour
from harness.lab import Lab, Queue, redrive_policy, refused, text_attribute
from harness.waiting import eventually

NO_SOURCE_TEXT = "The resource that you specified for the SourceArn parameter doesn't exist."
NO_DESTINATION_TEXT = "The resource that you specified for the DestinationArn parameter doesn't exist."
RUNNING_TEXT = "There is already a task running. Only one active task is allowed for a source queue arn at a given time."


def fail(queue: Queue, *bodies: str, group: str | None = None):
    """Sends messages and receives them until all are in the dead-letter queue."""
    for body in bodies:
        queue.send(body, group=group)
    while queue.receive(10, VisibilityTimeout=0) or sum(queue.counts()):
        pass


def settled(queue: Queue, count: int):
    """Waits until so many messages are in the queue."""
    eventually(lambda: queue.counts()[0] == count, f"{count} messages in {queue.name}, not {queue.counts()}")


def dead_letters(lab: Lab, *bodies: str, kind: str = "standard") -> tuple[Queue, Queue]:
    """A source and its dead-letter queue, which has these messages of it."""
    make = lab.fifo if kind == "fifo" else lab.queue
    dead = make()
    source = make(RedrivePolicy=redrive_policy(dead, 1))
    fail(source, *bodies, group="g" if kind == "fifo" else None)
    settled(dead, len(bodies))
    return source, dead


def start(source: Queue, **more) -> str:
    """Starts a task and returns its handle."""
    return source.lab.sqs.start_message_move_task(SourceArn=source.arn, **more)["TaskHandle"]


def tasks(source: Queue, most: int | None = None) -> list[dict]:
    """The latest tasks of the queue."""
    more = {} if most is None else {"MaxResults": most}
    return source.lab.sqs.list_message_move_tasks(SourceArn=source.arn, **more).get("Results", [])


def ended(source: Queue, status: str = "COMPLETED") -> dict:
    """The latest task of the queue once it has this state."""
    return eventually(lambda: next((task for task in tasks(source) if task["Status"] == status), None), f"a task {status}: {tasks(source)}")


def cancel(lab: Lab, handle: str) -> dict:
    """CancelMessageMoveTask."""
    return lab.sqs.cancel_message_move_task(TaskHandle=handle)


@behaviour("SQS-024", "SQS-343", "SQS-348", "SQS-358", "SQS-360", "SQS-363")
@pytest.mark.parametrize("kind", ["standard", "fifo"])
def test_messages_go_back_where_they_came_from(lab: Lab, kind: str):
    source, dead = dead_letters(lab, "one", "two", "three", kind=kind)
    assert start(dead)
    task = ended(dead)
    assert (task["ApproximateNumberOfMessagesMoved"], task["ApproximateNumberOfMessagesToMove"]) == (3, 3)
    assert task["SourceArn"] == dead.arn
    assert isinstance(task["StartedTimestamp"], int) and task["StartedTimestamp"] > 1_600_000_000_000
    assert dead.counts() == (0, 0, 0)
    assert source.counts() == (3, 0, 0)
    source.set(RedrivePolicy="")
    assert source.bodies() == ["one", "two", "three"]


@behaviour("SQS-348", "SQS-325")
def test_every_message_finds_its_own_source(lab: Lab):
    dead = lab.queue()
    sources = [lab.queue(RedrivePolicy=redrive_policy(dead, 1)) for _ in range(3)]
    for number in range(12):
        fail(sources[number % 3], f"{number}")
    settled(dead, 12)
    start(dead)
    assert ended(dead)["ApproximateNumberOfMessagesMoved"] == 12
    for place, source in enumerate(sources):
        source.set(RedrivePolicy="")
        assert sorted(source.drain()) == sorted(f"{number}" for number in range(place, 12, 3))


@behaviour("SQS-349", "SQS-362")
def test_a_destination_takes_them_all(lab: Lab):
    source, dead = dead_letters(lab, "one", "two")
    dead.send("sent here, not moved")
    settled(dead, 3)
    target = lab.queue()
    start(dead, DestinationArn=target.arn, MaxNumberOfMessagesPerSecond=500)
    task = ended(dead)
    assert (task["DestinationArn"], task["MaxNumberOfMessagesPerSecond"]) == (target.arn, 500)
    assert sorted(target.drain()) == ["one", "sent here, not moved", "two"]
    assert source.counts() == dead.counts() == (0, 0, 0)


@behaviour("SQS-362", "SQS-361", "SQS-364")
def test_an_entry_has_only_what_belongs_to_it(lab: Lab):
    _, dead = dead_letters(lab, "one")
    start(dead)
    task = ended(dead)
    for name in ("TaskHandle", "DestinationArn", "MaxNumberOfMessagesPerSecond", "FailureReason"):
        assert name not in task, task


@behaviour("SQS-349")
def test_the_destination_has_the_type_of_the_source(lab: Lab):
    _, dead = dead_letters(lab, "one")
    with refused("InvalidParameterValue"):
        start(dead, DestinationArn=lab.fifo().arn)
    with refused("InvalidParameterValue"):
        start(dead, DestinationArn=dead.arn)


@behaviour("SQS-355", "SQS-356", "SQS-008")
@pytest.mark.parametrize("kind", ["standard", "fifo"])
def test_a_moved_message_is_a_new_one(clocked: Lab, kind: str):
    make, group = (clocked.fifo, "g") if kind == "fifo" else (clocked.queue, None)
    dead = make()
    source = make(RedrivePolicy=redrive_policy(dead, 1))
    attributes = {"a": text_attribute("b")}
    sent = source.send("poison", group=group, MessageAttributes=attributes)
    before = source.receive_one(VisibilityTimeout=0)
    assert source.receive() == []
    settled(dead, 1)
    clocked.advance(100)
    start(dead)
    ended(dead)
    source.set(RedrivePolicy="")
    after = source.receive_one(MessageAttributeNames=["All"])
    assert after["MessageId"] != sent["MessageId"]
    assert (after["Body"], after["MessageAttributes"]) == ("poison", attributes)
    assert after["Attributes"]["ApproximateReceiveCount"] == "1"
    assert int(after["Attributes"]["SentTimestamp"]) >= int(before["Attributes"]["SentTimestamp"]) + 100_000
    assert int(after["Attributes"]["ApproximateFirstReceiveTimestamp"]) >= int(after["Attributes"]["SentTimestamp"])
    assert "DeadLetterQueueSourceArn" not in after["Attributes"]
    assert after["Attributes"].get("MessageGroupId") == group


@behaviour("SQS-355")
def test_a_moved_message_has_a_fresh_retention_period(clocked: Lab):
    dead = clocked.queue()
    source = clocked.queue(MessageRetentionPeriod="120", RedrivePolicy=redrive_policy(dead, 1))
    fail(source, "poison")
    settled(dead, 1)
    clocked.advance(1_000)
    start(dead)
    ended(dead)
    source.set(RedrivePolicy="")
    clocked.advance(100)
    assert source.bodies(VisibilityTimeout=0) == ["poison"]
    clocked.advance(21)
    assert source.bodies() == []


@behaviour("SQS-356", "SQS-319")
def test_a_moved_message_can_fail_again(lab: Lab):
    source, dead = dead_letters(lab, "poison")
    for _ in range(3):
        start(dead)
        ended(dead)
        fail(source)
        settled(dead, 1)
    again = dead.receive_one(VisibilityTimeout=0)
    assert again["Attributes"]["DeadLetterQueueSourceArn"] == source.arn
    assert again["Body"] == "poison"


@behaviour("SQS-354")
@pytest.mark.parametrize("kind", ["standard", "fifo"])
def test_the_oldest_go_first_and_mix_with_new_ones(clocked: Lab, kind: str):
    source, dead = dead_letters(clocked, *(f"{number}" for number in range(6)), kind=kind)
    start(dead, MaxNumberOfMessagesPerSecond=1)
    eventually(lambda: source.counts()[0] >= 1, "the first message")
    source.send("new", group="g" if kind == "fifo" else None)
    clocked.advance(60)
    ended(dead)
    source.set(RedrivePolicy="")
    bodies = source.bodies()
    assert len(bodies) == 7
    place = bodies.index("new")
    assert 1 <= place <= 5, bodies
    assert [body for body in bodies if body != "new"] == [f"{number}" for number in range(6)]


@behaviour("SQS-357")
def test_messages_that_come_later_stay(clocked: Lab):
    source, dead = dead_letters(clocked, "one", "two", "three")
    start(dead, MaxNumberOfMessagesPerSecond=1)
    eventually(lambda: source.counts()[0] >= 1, "the first message")
    dead.send("later")
    clocked.advance(60)
    assert ended(dead)["ApproximateNumberOfMessagesMoved"] == 3
    assert dead.bodies() == ["later"]


@behaviour("SQS-357")
def test_messages_in_flight_stay(lab: Lab):
    source, dead = dead_letters(lab, "one", "two", "three")
    held = dead.receive_one()
    start(dead)
    task = ended(dead)
    assert (task["ApproximateNumberOfMessagesMoved"], task["ApproximateNumberOfMessagesToMove"]) == (2, 2)
    dead.delete(held)
    assert dead.counts() == (0, 0, 0)
    assert source.counts() == (2, 0, 0)


@behaviour("SQS-357", "SQS-354")
def test_a_fifo_group_does_not_overtake_its_message_in_flight(lab: Lab):
    dead, target = lab.fifo(), lab.fifo()
    lab.fifo(RedrivePolicy=redrive_policy(dead, 1))
    for body in ("a1", "b1", "a2", "b2"):
        dead.send(body, group=body[0])
    held = dead.receive_one()
    assert held["Body"] == "a1"
    start(dead, DestinationArn=target.arn)
    assert ended(dead)["ApproximateNumberOfMessagesMoved"] == 2
    assert target.bodies() == ["b1", "b2"]
    dead.change(held, 0)
    assert dead.bodies() == ["a1", "a2"]


@behaviour("SQS-350")
def test_the_rate_is_kept_by_the_engines_clock(clocked: Lab):
    source, dead = dead_letters(clocked, *(f"{number}" for number in range(40)))
    start(dead, MaxNumberOfMessagesPerSecond=2)
    clocked.advance(5)
    eventually(lambda: source.counts()[0] >= 10, "five seconds' worth")
    moved = tasks(dead)[0]["ApproximateNumberOfMessagesMoved"]
    assert 10 <= moved <= 25, moved
    assert tasks(dead)[0]["Status"] == "RUNNING"
    clocked.advance(20)
    assert ended(dead)["ApproximateNumberOfMessagesMoved"] == 40


@behaviour("SQS-350")
@pytest.mark.parametrize("rate", [0, -1, 501])
def test_a_rate_out_of_range_is_refused(lab: Lab, rate: int):
    _, dead = dead_letters(lab, "one")
    with refused("InvalidParameterValue"):
        start(dead, MaxNumberOfMessagesPerSecond=rate)


@behaviour("SQS-344", "SQS-347")
def test_the_source_must_be_named_by_a_redrive_policy(lab: Lab):
    text = "Source queue must be configured as a Dead Letter Queue."
    with refused("InvalidParameterValue", text):
        start(lab.queue())
    source, dead = dead_letters(lab, "one")
    with refused("InvalidParameterValue", text):
        start(source)
    source.set(RedrivePolicy="")
    with refused("InvalidParameterValue", text):
        start(dead)


@behaviour("SQS-345", "SQS-346")
def test_queues_that_do_not_exist(lab: Lab):
    _, dead = dead_letters(lab, "one")
    missing = dead.arn + "x"
    with refused("ResourceNotFoundException", NO_SOURCE_TEXT, status=404):
        lab.sqs.start_message_move_task(SourceArn=missing)
    with refused("ResourceNotFoundException", NO_SOURCE_TEXT, status=404):
        lab.sqs.list_message_move_tasks(SourceArn=missing)
    with refused("ResourceNotFoundException", NO_DESTINATION_TEXT, status=404):
        start(dead, DestinationArn=missing)
    with refused("ResourceNotFoundException", NO_DESTINATION_TEXT, status=404):
        start(dead, DestinationArn=dead.arn.replace("us-east-1", "eu-west-1"))
    with refused("InvalidParameterValue"):
        lab.sqs.start_message_move_task(SourceArn="nonsense")


@behaviour("SQS-351", "SQS-361")
def test_one_task_at_a_time(clocked: Lab):
    _, dead = dead_letters(clocked, "one", "two", "three")
    handle = start(dead, MaxNumberOfMessagesPerSecond=1)
    with refused("InvalidParameterValue", RUNNING_TEXT):
        start(dead)
    [task] = tasks(dead)
    assert (task["Status"], task["TaskHandle"]) == ("RUNNING", handle)
    clocked.advance(60)
    ended(dead)
    start(dead)


@behaviour("SQS-359")
def test_the_latest_tasks_are_listed_newest_first(lab: Lab):
    source, dead = dead_letters(lab)
    assert tasks(dead) == []
    starts = []
    for number in range(12):
        start(dead, MaxNumberOfMessagesPerSecond=number + 1)
        starts.append(ended(dead)["MaxNumberOfMessagesPerSecond"])
    assert [task["MaxNumberOfMessagesPerSecond"] for task in tasks(dead, 10)] == list(range(12, 2, -1))
    assert len(tasks(dead)) == 1
    assert len(tasks(dead, 3)) == 3
    stamps = [task["StartedTimestamp"] for task in tasks(dead, 10)]
    assert stamps == sorted(stamps, reverse=True)
    for wrong in (0, 11, -1):
        with refused("InvalidParameterValue"):
            tasks(dead, wrong)


@behaviour("SQS-366", "SQS-367")
def test_a_task_can_be_cancelled(clocked: Lab):
    source, dead = dead_letters(clocked, *(f"{number}" for number in range(5)))
    handle = start(dead, MaxNumberOfMessagesPerSecond=1)
    eventually(lambda: source.counts()[0] >= 1, "the first message")
    assert cancel(clocked, handle)["ApproximateNumberOfMessagesMoved"] >= 1
    assert tasks(dead)[0]["Status"] in ("CANCELLING", "CANCELLED")
    assert "TaskHandle" not in tasks(dead)[0]
    clocked.advance(2)
    moved = ended(dead, "CANCELLED")["ApproximateNumberOfMessagesMoved"]
    assert (source.counts()[0], dead.counts()[0]) == (moved, 5 - moved)
    assert moved < 5
    with refused("InvalidParameterValue"):
        cancel(clocked, handle)
    start(dead)
    ended(dead)
    assert source.counts()[0] == 5


@behaviour("SQS-365", "SQS-364")
def test_a_destination_that_goes_fails_the_task(clocked: Lab):
    _, dead = dead_letters(clocked, *(f"{number}" for number in range(5)))
    target = clocked.queue()
    start(dead, DestinationArn=target.arn, MaxNumberOfMessagesPerSecond=1)
    eventually(lambda: target.counts()[0] >= 1, "the first message")
    left = target.counts()[0]
    target.delete_queue()
    clocked.advance(60)
    task = ended(dead, "FAILED")
    assert task["FailureReason"] == "AWS.SimpleQueueService.NonExistentQueue"
    moved = task["ApproximateNumberOfMessagesMoved"]
    assert left <= moved < 5
    assert dead.counts()[0] == 5 - moved


@behaviour("SQS-348", "SQS-364")
def test_a_source_that_went_fails_the_task(lab: Lab):
    source, dead = dead_letters(lab, "one", "two", kind="fifo")
    lab.fifo(RedrivePolicy=redrive_policy(dead, 1))
    source.delete_queue()
    start(dead)
    task = ended(dead, "FAILED")
    assert task["FailureReason"] == "AWS.SimpleQueueService.NonExistentQueue"
    assert task["ApproximateNumberOfMessagesMoved"] == 0
    assert dead.bodies() == ["one", "two"]


@behaviour("SQS-348", "SQS-364")
def test_a_message_without_a_source_fails_the_task(lab: Lab):
    source, dead = dead_letters(lab, "one")
    dead.send("sent here, not moved")
    settled(dead, 2)
    start(dead)
    task = ended(dead, "FAILED")
    assert task["FailureReason"] == "CouldNotDetermineMessageSource"
    assert task["ApproximateNumberOfMessagesMoved"] == 1
    assert dead.bodies() == ["sent here, not moved"]
    assert source.counts()[0] == 1


@behaviour("SQS-345", "SQS-369")
def test_the_tasks_of_a_queue_go_with_it(clocked: Lab):
    source, dead = dead_letters(clocked, "one", "two", "three")
    handle = start(dead, MaxNumberOfMessagesPerSecond=1)
    dead.delete_queue()
    with refused("ResourceNotFoundException", NO_SOURCE_TEXT, status=404):
        tasks(dead)
    with refused("ResourceNotFoundException", NO_SOURCE_TEXT, status=404):
        cancel(clocked, handle)
    clocked.advance(61)
    clocked.queue(dead.name)
    assert tasks(dead) == []
    with refused("ResourceNotFoundException", "Task does not exist.", status=404):
        cancel(clocked, handle)


@behaviour("SQS-368", "SQS-369", "SQS-370", "SQS-371")
def test_handles(lab: Lab):
    _, dead = dead_letters(lab, "one")
    handle = start(dead)
    content = json.loads(base64.b64decode(handle))
    assert content["sourceArn"] == dead.arn
    assert uuid.UUID(content["taskId"])

    def made(**parts: str) -> str:
        return base64.b64encode(json.dumps(content | parts).encode()).decode()

    for wrong in ("nonsense", "", "e30=", base64.b64encode(b"[]").decode(), handle[:-8], made(taskId="x"), made(sourceArn="x")):
        with refused("InvalidParameterValue", "Value for parameter TaskHandle is invalid."):
            cancel(lab, wrong)
    with refused("ResourceNotFoundException", NO_SOURCE_TEXT, status=404):
        cancel(lab, made(sourceArn=dead.arn + "x"))
    with refused("ResourceNotFoundException", "Task does not exist.", status=404):
        cancel(lab, made(taskId=str(uuid.uuid4())))


@behaviour("SQS-352")
def test_an_account_has_so_many_active_tasks(clocked: Lab):
    target = clocked.queue()
    queues = []
    for _ in range(101):
        dead = clocked.queue()
        clocked.queue(RedrivePolicy=redrive_policy(dead, 1))
        dead.send_batch(*({"MessageBody": "poison"} for _ in range(10)))
        dead.send_batch(*({"MessageBody": "poison"} for _ in range(10)))
        queues.append(dead)
    for dead in queues[:100]:
        start(dead, DestinationArn=target.arn, MaxNumberOfMessagesPerSecond=1)
    with refused("OverLimit", status=403):
        start(queues[100], DestinationArn=target.arn)
    clocked.advance(60)
    for dead in queues[:100]:
        ended(dead)
    start(queues[100], DestinationArn=target.arn)
    ended(queues[100])
    assert target.counts()[0] == 101 * 20


@behaviour("SQS-353", "SQS-364")
def test_a_task_has_an_end(clocked: Lab):
    _, dead = dead_letters(clocked, *(f"{number}" for number in range(10)))
    start(dead, MaxNumberOfMessagesPerSecond=1)
    clocked.advance(37 * 3600)
    task = ended(dead, "FAILED")
    assert task["FailureReason"]
    assert task["ApproximateNumberOfMessagesMoved"] < 10


@behaviour("SQS-373")
def test_ended_tasks_are_listed_for_a_while(clocked: Lab):
    _, dead = dead_letters(clocked)
    start(dead)
    ended(dead)
    clocked.advance(6 * 86_400)
    assert len(tasks(dead)) == 1
    clocked.advance(2 * 86_400)
    assert tasks(dead) == []


@behaviour("SQS-359", "SQS-360")
def test_lists_look_as_each_protocol_has_them(lab: Lab):
    _, dead = dead_letters(lab)
    answer = lab.wire.json("ListMessageMoveTasks", {"SourceArn": dead.arn})
    assert answer.json == {"Results": []}
    for _ in range(2):
        start(dead)
        ended(dead)
    answer = lab.wire.json("ListMessageMoveTasks", {"SourceArn": dead.arn, "MaxResults": 2})
    assert [task["Status"] for task in answer.json["Results"]] == ["COMPLETED", "COMPLETED"]
    answer = lab.wire.query("ListMessageMoveTasks", {"SourceArn": dead.arn, "MaxResults": "2"})
    result = answer.xml.find("ListMessageMoveTasksResult")
    entries = result.findall("ListMessageMoveTasksResultEntry")
    assert [entry.find("Status").text for entry in entries] == ["COMPLETED", "COMPLETED"]
    assert entries[0].find("ApproximateNumberOfMessagesMoved").text == "0"
