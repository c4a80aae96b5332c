"""Reference section 9: batches succeed entry by entry and fail as a whole."""

import pytest

from harness.behaviours import behaviour
from harness.lab import Lab, Queue, refused, text_attribute

ID_TEXT = "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long."
PREFIX = "AWS.SimpleQueueService."


def ask(lab: Lab, operation: str, queue: Queue, entries: list[dict]):
    """One batch operation with exactly these entries."""
    return lab.sqs._make_api_call(operation, {"QueueUrl": queue.url, "Entries": entries})


def entries_of(operation: str, ids: list[str]) -> list[dict]:
    """Entries with these ids; only sends can succeed."""
    more = {
        "SendMessageBatch": {"MessageBody": "m"},
        "DeleteMessageBatch": {"ReceiptHandle": "handle"},
        "ChangeMessageVisibilityBatch": {"ReceiptHandle": "handle", "VisibilityTimeout": 1},
    }
    return [{"Id": one} | more[operation] for one in ids]


OPERATIONS = ["SendMessageBatch", "DeleteMessageBatch", "ChangeMessageVisibilityBatch"]
every_operation = pytest.mark.parametrize("operation", OPERATIONS)


@behaviour("SQS-161", "SQS-173", "SQS-174")
@pytest.mark.parametrize("size", [1, 10])
def test_a_batch_has_1_to_10_entries(lab: Lab, size: int):
    queue = lab.queue()
    answer = queue.send_batch(*[{"MessageBody": f"body {number}"} for number in range(size)])
    assert "Failed" not in answer
    assert [entry["Id"] for entry in answer["Successful"]] == [str(number) for number in range(size)]
    assert len(queue.drain()) == size


@behaviour("SQS-161", "SQS-162")
@every_operation
def test_an_empty_batch_is_refused(lab: Lab, operation: str):
    with refused(PREFIX + "EmptyBatchRequest"):
        ask(lab, operation, lab.queue(), [])


@behaviour("SQS-161", "SQS-163")
@every_operation
def test_more_than_ten_entries_are_refused(lab: Lab, operation: str):
    queue = lab.queue()
    text = "Maximum number of entries per request are 10. You have sent 11."
    with refused(PREFIX + "TooManyEntriesInBatchRequest", text):
        ask(lab, operation, queue, entries_of(operation, [str(number) for number in range(11)]))
    assert queue.counts() == (0, 0, 0)


@behaviour("SQS-164")
@pytest.mark.parametrize("one", ["a", "Z9-_", "x" * 80])
def test_ids_that_are_accepted(lab: Lab, one: str):
    assert ask(lab, "SendMessageBatch", lab.queue(), entries_of("SendMessageBatch", [one]))["Successful"][0]["Id"] == one


@behaviour("SQS-164", "SQS-165")
@every_operation
@pytest.mark.parametrize("one", ["", "x" * 81, "a b", "a.b", "\u00fc", "a:b"])
def test_ids_that_are_refused(lab: Lab, operation: str, one: str):
    queue = lab.queue()
    with refused(PREFIX + "InvalidBatchEntryId", ID_TEXT):
        ask(lab, operation, queue, entries_of(operation, ["good", one]))
    assert queue.counts() == (0, 0, 0)


@behaviour("SQS-166")
@every_operation
def test_two_equal_ids_are_refused(lab: Lab, operation: str):
    queue = lab.queue()
    with refused(PREFIX + "BatchEntryIdsNotDistinct"):
        ask(lab, operation, queue, entries_of(operation, ["same", "other", "same"]))
    assert queue.counts() == (0, 0, 0)


@behaviour("SQS-167")
def test_the_sum_of_all_sizes_is_limited(lab: Lab):
    queue = lab.queue()
    half = 1_048_576 // 2
    answer = queue.send_batch({"MessageBody": "x" * half}, {"MessageBody": "y" * half})
    assert len(answer["Successful"]) == 2
    text = "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes."
    with refused(PREFIX + "BatchRequestTooLong", text):
        queue.send_batch({"MessageBody": "x" * half}, {"MessageBody": "y" * (half + 1)})
    assert queue.counts() == (2, 0, 0)


@behaviour("SQS-167", "SQS-120")
def test_attributes_count_in_the_sum(lab: Lab):
    queue = lab.queue()
    attributes = {"a": text_attribute("b")}
    own = len("a" + "String" + "b")
    half = 1_048_576 // 2
    queue.send_batch({"MessageBody": "x" * half}, {"MessageBody": "y" * (half - own), "MessageAttributes": attributes})
    with refused(PREFIX + "BatchRequestTooLong"):
        queue.send_batch({"MessageBody": "x" * half}, {"MessageBody": "y" * (half - own + 1), "MessageAttributes": attributes})


@behaviour("SQS-168", "SQS-169", "SQS-172", "SQS-173", "SQS-176")
def test_an_entry_that_is_too_long_fails_alone(lab: Lab):
    queue = lab.queue(MaximumMessageSize="1024")
    answer = queue.send_batch({"MessageBody": "a"}, {"MessageBody": "x" * 1025}, {"MessageBody": "b"}, {"MessageBody": "x" * 900_000})
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert [entry["Id"] for entry in answer["Successful"]] == ["0", "2"]
    text = "One or more parameters cannot be validated. Reason: Message must be shorter than 1024 bytes."
    assert sorted(answer["Failed"], key=lambda entry: entry["Id"]) == [
        {"Id": one, "Code": "InvalidParameterValue", "SenderFault": True, "Message": text} for one in ("1", "3")
    ]
    assert sorted(queue.drain()) == ["a", "b"]


@behaviour("SQS-168")
def test_the_sum_is_checked_before_the_entries(lab: Lab):
    queue = lab.queue(MaximumMessageSize="1024")
    with refused(PREFIX + "BatchRequestTooLong"):
        queue.send_batch({"MessageBody": "a"}, {"MessageBody": "x" * 1_048_576})
    assert queue.counts() == (0, 0, 0)


@behaviour("SQS-170")
def test_a_missing_group_fails_the_whole_batch(lab: Lab):
    queue = lab.fifo()
    with refused("InvalidParameterValue", "The request must contain the parameter MessageGroupId."):
        queue.send_batch({"MessageBody": "a", "MessageGroupId": "g"}, {"MessageBody": "b"})
    assert queue.counts() == (0, 0, 0)


@behaviour("SQS-171", "SQS-265")
def test_a_missing_deduplication_id_fails_the_whole_batch(lab: Lab):
    queue = lab.fifo(content_based=False)
    text = "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"
    with refused("InvalidParameterValue", text):
        queue.send_batch(
            {"MessageBody": "a", "MessageGroupId": "g", "MessageDeduplicationId": "d"},
            {"MessageBody": "b", "MessageGroupId": "g"},
        )
    assert queue.counts() == (0, 0, 0)


@behaviour("SQS-172", "SQS-176")
def test_a_bad_body_fails_alone(lab: Lab):
    queue = lab.queue()
    answer = queue.send_batch({"MessageBody": "good"}, {"MessageBody": "bad \x00"})
    assert [entry["Id"] for entry in answer["Successful"]] == ["0"]
    [entry] = answer["Failed"]
    assert (entry["Id"], entry["Code"], entry["SenderFault"]) == ("1", "InvalidMessageContents", True)
    assert queue.drain() == ["good"]


@behaviour("SQS-175", "SQS-254")
def test_fifo_entries_keep_their_order(lab: Lab):
    queue = lab.fifo()
    answer = queue.send_batch(*[{"MessageBody": f"body {number}", "MessageGroupId": "g"} for number in range(10)])
    numbers = [int(entry["SequenceNumber"]) for entry in answer["Successful"]]
    assert numbers == sorted(set(numbers))
    assert queue.bodies() == [f"body {number}" for number in range(10)]


@behaviour("SQS-139")
def test_entries_have_delays_of_their_own(clocked: Lab):
    queue = clocked.queue()
    queue.send_batch({"MessageBody": "now"}, {"MessageBody": "later", "DelaySeconds": 60})
    assert queue.counts() == (1, 0, 1)
    assert queue.bodies() == ["now"]
    clocked.advance(61)
    assert "later" in queue.bodies()


@behaviour("SQS-177", "SQS-176", "SQS-173")
def test_deleting_with_good_and_bad_handles(lab: Lab):
    queue = lab.queue()
    queue.send("one")
    message = queue.receive_one()
    answer = ask(
        lab,
        "DeleteMessageBatch",
        queue,
        [{"Id": "good", "ReceiptHandle": message["ReceiptHandle"]}, {"Id": "bad", "ReceiptHandle": "nonsense"}],
    )
    assert [entry["Id"] for entry in answer["Successful"]] == ["good"]
    [entry] = answer["Failed"]
    assert (entry["Id"], entry["Code"], entry["SenderFault"]) == ("bad", "ReceiptHandleIsInvalid", True)
    assert entry["Message"]
    assert queue.counts() == (0, 0, 0)


@behaviour("SQS-177", "SQS-241")
def test_deleting_with_an_expired_fifo_handle(clocked: Lab):
    queue = clocked.fifo()
    queue.send("m", group="g")
    message = queue.receive_one(VisibilityTimeout=10)
    clocked.advance(11)
    [entry] = queue.delete_batch(message)["Failed"]
    assert (entry["Code"], entry["SenderFault"]) == ("InvalidParameterValue", True)
    assert queue.bodies() == ["m"]


@behaviour("SQS-178", "SQS-230")
def test_changing_the_visibility_of_a_deleted_message(lab: Lab):
    queue = lab.queue()
    queue.send("one")
    queue.send("two")
    gone, kept = queue.receive_one(), queue.receive_one()
    queue.delete(gone)
    entries = [
        {"Id": "gone", "ReceiptHandle": gone["ReceiptHandle"], "VisibilityTimeout": 5},
        {"Id": "kept", "ReceiptHandle": kept["ReceiptHandle"], "VisibilityTimeout": 0},
    ]
    answer = ask(lab, "ChangeMessageVisibilityBatch", queue, entries)
    assert [entry["Id"] for entry in answer["Successful"]] == ["kept"]
    [entry] = answer["Failed"]
    assert (entry["Id"], entry["Code"], entry["SenderFault"]) == ("gone", "InvalidParameterValue", True)
    handle = gone["ReceiptHandle"]
    text = f"Value {handle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change."
    assert entry["Message"] == text
    assert queue.bodies() == [kept["Body"]]


@behaviour("SQS-224", "SQS-172")
def test_a_timeout_out_of_range_fails_alone(lab: Lab):
    queue = lab.queue()
    queue.send("one")
    queue.send("two")
    first, second = queue.receive_one(), queue.receive_one()
    entries = [
        {"Id": "bad", "ReceiptHandle": first["ReceiptHandle"], "VisibilityTimeout": 43_201},
        {"Id": "good", "ReceiptHandle": second["ReceiptHandle"], "VisibilityTimeout": 0},
    ]
    answer = ask(lab, "ChangeMessageVisibilityBatch", queue, entries)
    assert [entry["Id"] for entry in answer["Successful"]] == ["good"]
    assert [(entry["Id"], entry["Code"]) for entry in answer["Failed"]] == [("bad", "InvalidParameterValue")]


@behaviour("SQS-161")
def test_ten_are_deleted_and_changed_at_once(lab: Lab):
    queue = lab.queue()
    queue.send_batch(*[{"MessageBody": str(number)} for number in range(10)])
    messages = queue.receive(10)
    entries = [
        {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 100}
        for number, message in enumerate(messages)
    ]
    assert len(ask(lab, "ChangeMessageVisibilityBatch", queue, entries)["Successful"]) == len(messages)
    assert len(queue.delete_batch(*messages)["Successful"]) == len(messages) == 10
    assert queue.counts() == (0, 0, 0)
