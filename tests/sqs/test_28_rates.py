"""Reference section 28: the rates of FIFO queues, which only a server with AWS's limits keeps."""

import uuid

from harness.behaviours import behaviour
from harness.clients import PROTOCOL
from harness.lab import Lab, Queue, fresh_name

# More than any rate here; whoever is not refused by then is not going to be.
REQUESTS_MAX = 4_000


def send(queue: Queue, group: str = "g") -> tuple[int, str]:
    """One send over plain HTTP, which is fast enough to be too fast: status and code."""
    parameters = {"QueueUrl": queue.url, "MessageBody": "m", "MessageGroupId": group, "MessageDeduplicationId": uuid.uuid4().hex}
    return outcome(queue, "SendMessage", parameters)


def outcome(queue: Queue, operation: str, parameters: dict[str, str]) -> tuple[int, str]:
    """Status and code of a request."""
    if PROTOCOL == "query":
        answer = queue.lab.wire.query(operation, parameters)
        return answer.status, "" if answer.status == 200 else answer.xml.findtext("Error/Code")
    answer = queue.lab.wire.json(operation, parameters)
    return answer.status, "" if answer.status == 200 else answer.error_type()


def until_refused(queue: Queue, ask) -> tuple[int, tuple[int, str]]:
    """How many requests succeeded, and the first that did not."""
    for number in range(REQUESTS_MAX):
        answer = ask()
        if answer[0] != 200:
            return number, answer
    raise AssertionError(f"{REQUESTS_MAX} requests in a row were accepted")


@behaviour("SQS-441", "SQS-442")
def test_a_fifo_queue_takes_300_sends_a_second(lab_with_limits: Lab):
    queue = lab_with_limits.fifo()
    accepted, refusal = until_refused(queue, lambda: send(queue))
    assert accepted >= 300
    assert refusal == (403, "RequestThrottled")
    # Each action has its own allowance, and time fills it.
    assert outcome(queue, "ReceiveMessage", {"QueueUrl": queue.url}) == (200, "")
    lab_with_limits.advance(1)
    assert send(queue) == (200, "")


@behaviour("SQS-441")
def test_receives_have_the_same_rate(lab_with_limits: Lab):
    queue = lab_with_limits.fifo()
    receive = lambda: outcome(queue, "ReceiveMessage", {"QueueUrl": queue.url})
    accepted, refusal = until_refused(queue, receive)
    assert accepted >= 300 and refusal == (403, "RequestThrottled")
    assert send(queue) == (200, "")


@behaviour("SQS-444", "SQS-179")
def test_a_group_of_a_fast_queue_has_a_rate_of_its_own(lab_with_limits: Lab):
    queue = lab_with_limits.fifo(DeduplicationScope="messageGroup", FifoThroughputLimit="perMessageGroupId")
    accepted, refusal = until_refused(queue, lambda: send(queue, "busy"))
    assert accepted >= 300 and refusal == (403, "RequestThrottled")
    assert send(queue, "quiet") == (200, "")
    entries = [{"MessageBody": f"{uuid.uuid4()}", "MessageGroupId": group} for group in ["busy"] * 9 + ["quiet"]]
    failed = []
    for _ in range(200):
        answer = queue.send_batch(*(entry | {"MessageBody": uuid.uuid4().hex} for entry in entries))
        failed = answer.get("Failed", [])
        assert "9" in [entry["Id"] for entry in answer["Successful"]], "the quiet group is not held up"
        if failed:
            break
    assert failed and {(entry["Code"], entry["SenderFault"]) for entry in failed} == {("RequestThrottled", False)}


@behaviour("SQS-440")
def test_a_standard_queue_has_no_rate(lab_with_limits: Lab):
    queue = lab_with_limits.queue(fresh_name())
    parameters = {"QueueUrl": queue.url, "MessageBody": "m"}
    for _ in range(1_000):
        assert outcome(queue, "SendMessage", parameters) == (200, "")


def test_without_aws_limits_nobody_is_refused(clocked: Lab):
    queue = clocked.fifo()
    for _ in range(1_000):
        assert send(queue) == (200, "")
