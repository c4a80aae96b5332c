"""Reference section 4: which error, with which code and status."""

import pytest

from harness.behaviours import behaviour
from harness.lab import MISSING_QUEUE, MISSING_QUEUE_TEXT, Lab, refused

NEEDING_A_QUEUE = {
    "ChangeMessageVisibility": {"ReceiptHandle": "handle", "VisibilityTimeout": 1},
    "ChangeMessageVisibilityBatch": {"Entries": [{"Id": "a", "ReceiptHandle": "handle", "VisibilityTimeout": 1}]},
    "DeleteMessage": {"ReceiptHandle": "handle"},
    "DeleteMessageBatch": {"Entries": [{"Id": "a", "ReceiptHandle": "handle"}]},
    "DeleteQueue": {},
    "GetQueueAttributes": {"AttributeNames": ["All"]},
    "ListDeadLetterSourceQueues": {},
    "ListQueueTags": {},
    "PurgeQueue": {},
    "ReceiveMessage": {},
    "SendMessage": {"MessageBody": "m"},
    "SendMessageBatch": {"Entries": [{"Id": "a", "MessageBody": "m"}]},
    "SetQueueAttributes": {"Attributes": {"DelaySeconds": "1"}},
    "TagQueue": {"Tags": {"a": "b"}},
    "UntagQueue": {"TagKeys": ["a"]},
}


def call(lab: Lab, operation: str, **parameters):
    """One operation by its name in the API."""
    return lab.sqs._make_api_call(operation, parameters)


@behaviour("SQS-053")
@pytest.mark.parametrize("operation", NEEDING_A_QUEUE)
def test_every_operation_on_a_missing_queue_fails_alike(lab: Lab, operation: str):
    url = lab.queue().url + "-missing"
    with refused(MISSING_QUEUE, MISSING_QUEUE_TEXT):
        call(lab, operation, QueueUrl=url, **NEEDING_A_QUEUE[operation])


@behaviour("SQS-054")
@pytest.mark.parametrize("operation", NEEDING_A_QUEUE)
def test_every_operation_misses_its_queue_url(lab: Lab, operation: str):
    with refused("MissingParameter", "The request must contain the parameter QueueUrl."):
        call(lab, operation, **NEEDING_A_QUEUE[operation])


REQUIRED = [
    ("CreateQueue", {}, "QueueName"),
    ("GetQueueUrl", {}, "QueueName"),
    ("SendMessage", {}, "MessageBody"),
    ("DeleteMessage", {}, "ReceiptHandle"),
    ("ChangeMessageVisibility", {"VisibilityTimeout": 1}, "ReceiptHandle"),
    ("ChangeMessageVisibility", {"ReceiptHandle": "handle"}, "VisibilityTimeout"),
]


@behaviour("SQS-054")
@pytest.mark.parametrize(("operation", "parameters", "missing"), REQUIRED)
def test_every_required_parameter_is_missed_by_name(lab: Lab, operation: str, parameters: dict, missing: str):
    if operation not in ("CreateQueue", "GetQueueUrl"):
        parameters = parameters | {"QueueUrl": lab.queue().url}
    with refused("MissingParameter", f"The request must contain the parameter {missing}."):
        call(lab, operation, **parameters)


@behaviour("SQS-055")
def test_an_out_of_range_value_is_named_with_its_reason(lab: Lab):
    text = "Value 21 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided."
    with refused("InvalidParameterValue", text):
        call(lab, "ReceiveMessage", QueueUrl=lab.queue().url, WaitTimeSeconds=21)


@behaviour("SQS-053", "SQS-010")
@pytest.mark.parametrize("url", ["", "nonsense", "http://localhost/", "http://localhost/12345", "/a/b/c/d"])
def test_text_that_is_no_queue_url_is_a_client_error(lab: Lab, url: str):
    answer = lab.wire.json("SendMessage", {"QueueUrl": url, "MessageBody": "m"})
    assert answer.status in (400, 404), answer.text
    assert answer.headers["x-amzn-query-error"].endswith(";Sender")
