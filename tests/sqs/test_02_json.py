"""Reference section 2: the JSON protocol as bytes on the wire."""

import base64
import json

import pytest

from harness.behaviours import behaviour
from harness.lab import Lab, fresh_name, redrive_policy, text_attribute
from harness.wire import Answer


def succeeded(answer: Answer):
    """The object of a successful answer."""
    assert answer.status == 200, answer.text
    assert answer.headers["content-type"] == "application/x-amz-json-1.0"
    assert answer.headers["x-amzn-requestid"]
    return answer.json


def failed(answer: Answer, shape: str, query_code: str, status: int = 400) -> str:
    """The message of an error answer of this shape."""
    assert answer.status == status, answer.text
    assert answer.headers["content-type"] == "application/x-amz-json-1.0"
    assert answer.headers["x-amzn-requestid"]
    assert answer.error_type() == shape
    assert answer.headers["x-amzn-query-error"] == f"{query_code};Sender"
    return answer.json["message"]


@behaviour("SQS-011", "SQS-013")
def test_a_request_names_its_operation_in_a_header(lab: Lab):
    name = fresh_name()
    url = succeeded(lab.wire.json("CreateQueue", {"QueueName": name}))["QueueUrl"]
    assert url.endswith("/" + name)


@behaviour("SQS-013")
def test_every_response_has_a_request_id_of_its_own(lab: Lab):
    ids = {lab.wire.json("ListQueues", {"MaxResults": 1}).headers["x-amzn-requestid"] for _ in range(5)}
    assert len(ids) == 5


@behaviour("SQS-012")
def test_a_request_may_go_to_the_path_of_a_queue(lab: Lab):
    queue = lab.queue()
    sent = succeeded(lab.wire.json("SendMessage", {"QueueUrl": queue.url, "MessageBody": "by path"}, path=queue.path))
    assert sent["MD5OfMessageBody"]
    assert queue.bodies() == ["by path"]


@behaviour("SQS-014")
@pytest.mark.parametrize("operation", ["SetQueueAttributes", "TagQueue", "UntagQueue", "PurgeQueue", "DeleteQueue"])
def test_an_operation_without_output_returns_an_empty_object(lab: Lab, operation: str):
    queue = lab.queue()
    more = {
        "SetQueueAttributes": {"Attributes": {"DelaySeconds": "1"}},
        "TagQueue": {"Tags": {"a": "b"}},
        "UntagQueue": {"TagKeys": ["a"]},
    }
    answer = lab.wire.json(operation, {"QueueUrl": queue.url} | more.get(operation, {}))
    assert succeeded(answer) == {}
    assert answer.text == "{}"


@behaviour("SQS-014")
def test_delete_and_change_visibility_return_an_empty_object(lab: Lab):
    queue = lab.queue()
    queue.send()
    handle = queue.receive_one()["ReceiptHandle"]
    common = {"QueueUrl": queue.url, "ReceiptHandle": handle}
    assert lab.wire.json("ChangeMessageVisibility", common | {"VisibilityTimeout": 5}).text == "{}"
    assert lab.wire.json("DeleteMessage", common).text == "{}"


@behaviour("SQS-014", "SQS-123")
def test_members_without_a_value_are_absent(lab: Lab):
    queue = lab.queue()
    sent = succeeded(lab.wire.json("SendMessage", {"QueueUrl": queue.url, "MessageBody": "m"}))
    assert set(sent) == {"MessageId", "MD5OfMessageBody"}
    received = succeeded(lab.wire.json("ReceiveMessage", {"QueueUrl": queue.url}))["Messages"][0]
    assert set(received) == {"MessageId", "ReceiptHandle", "MD5OfBody", "Body"}


@behaviour("SQS-014")
def test_a_null_member_counts_as_absent(lab: Lab):
    queue = lab.queue()
    request = {"QueueUrl": queue.url, "MessageBody": "m", "DelaySeconds": None, "MessageAttributes": None}
    assert set(succeeded(lab.wire.json("SendMessage", request))) == {"MessageId", "MD5OfMessageBody"}


@behaviour("SQS-015")
def test_an_empty_receive_returns_an_empty_object(lab: Lab):
    assert succeeded(lab.wire.json("ReceiveMessage", {"QueueUrl": lab.queue().url})) == {}


@behaviour("SQS-016")
def test_a_list_without_a_match_returns_an_empty_object(lab: Lab):
    assert succeeded(lab.wire.json("ListQueues", {"QueueNamePrefix": fresh_name()})) == {}


@behaviour("SQS-017")
def test_tags_of_an_untagged_queue_are_an_empty_object(lab: Lab):
    assert succeeded(lab.wire.json("ListQueueTags", {"QueueUrl": lab.queue().url})) == {}


@behaviour("SQS-018")
def test_no_attribute_asked_for_is_an_empty_object(lab: Lab):
    assert succeeded(lab.wire.json("GetQueueAttributes", {"QueueUrl": lab.queue().url})) == {}


@behaviour("SQS-019")
def test_a_batch_omits_the_side_that_is_empty(lab: Lab):
    queue = lab.queue()
    good = {"QueueUrl": queue.url, "Entries": [{"Id": "a", "MessageBody": "m"}]}
    assert set(succeeded(lab.wire.json("SendMessageBatch", good))) == {"Successful"}
    bad = {"QueueUrl": queue.url, "Entries": [{"Id": "a", "ReceiptHandle": "nonsense"}]}
    assert set(succeeded(lab.wire.json("DeleteMessageBatch", bad))) == {"Failed"}


@behaviour("SQS-020", "SQS-327")
def test_dead_letter_sources_are_listed_with_a_small_q(lab: Lab):
    dead = lab.queue()
    source = lab.queue(RedrivePolicy=redrive_policy(dead, 3))
    answer = lab.wire.json("ListDeadLetterSourceQueues", {"QueueUrl": dead.url})
    assert succeeded(answer) == {"queueUrls": [source.url]}


@behaviour("SQS-021", "SQS-397")
def test_create_queue_takes_tags_in_lower_case(lab: Lab):
    url = succeeded(lab.wire.json("CreateQueue", {"QueueName": fresh_name(), "tags": {"team": "blue"}}))["QueueUrl"]
    assert succeeded(lab.wire.json("ListQueueTags", {"QueueUrl": url})) == {"Tags": {"team": "blue"}}
    assert succeeded(lab.wire.json("TagQueue", {"QueueUrl": url, "Tags": {"team": "red"}})) == {}
    assert succeeded(lab.wire.json("ListQueueTags", {"QueueUrl": url})) == {"Tags": {"team": "red"}}


@behaviour("SQS-022", "SQS-154")
def test_binary_values_are_base64_text(lab: Lab):
    queue = lab.queue()
    value = bytes(range(256))
    attributes = {"blob": {"DataType": "Binary", "BinaryValue": base64.b64encode(value).decode()}}
    request = {"QueueUrl": queue.url, "MessageBody": "m", "MessageAttributes": attributes}
    sent = succeeded(lab.wire.json("SendMessage", request))
    request = {"QueueUrl": queue.url, "MessageAttributeNames": ["All"]}
    received = succeeded(lab.wire.json("ReceiveMessage", request))["Messages"][0]
    assert received["MessageAttributes"] == attributes
    assert received["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]


@behaviour("SQS-022")
def test_binary_values_that_are_no_base64_are_refused(lab: Lab):
    attributes = {"blob": {"DataType": "Binary", "BinaryValue": "***"}}
    request = {"QueueUrl": lab.queue().url, "MessageBody": "m", "MessageAttributes": attributes}
    assert lab.wire.json("SendMessage", request).status == 400


@behaviour("SQS-023")
def test_attribute_values_are_strings(lab: Lab):
    queue = lab.fifo()
    queue.send("m", group="g")
    attributes = succeeded(lab.wire.json("GetQueueAttributes", {"QueueUrl": queue.url, "AttributeNames": ["All"]}))["Attributes"]
    assert all(isinstance(value, str) for value in attributes.values()), attributes
    assert attributes["ContentBasedDeduplication"] == "true"
    request = {"QueueUrl": queue.url, "MessageSystemAttributeNames": ["All"]}
    message = succeeded(lab.wire.json("ReceiveMessage", request))["Messages"][0]
    assert all(isinstance(value, str) for value in message["Attributes"].values()), message
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"


@behaviour("SQS-025", "SQS-026", "SQS-028", "SQS-043", "SQS-053")
def test_a_modelled_error_names_shape_and_query_code(lab: Lab):
    queue = lab.queue()
    answer = lab.wire.json("SendMessage", {"QueueUrl": queue.url + "-missing", "MessageBody": "m"})
    message = failed(answer, "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue")
    assert message == "The specified queue does not exist."
    assert set(answer.json) == {"__type", "message"}
    assert answer.json["__type"] == "com.amazonaws.sqs#QueueDoesNotExist"


@behaviour("SQS-027", "SQS-028", "SQS-055", "SQS-180")
def test_a_generic_error_of_a_value(lab: Lab):
    answer = lab.wire.json("ReceiveMessage", {"QueueUrl": lab.queue().url, "MaxNumberOfMessages": 11})
    message = failed(answer, "InvalidParameterValueException", "InvalidParameterValue")
    assert message == "Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."


@behaviour("SQS-027", "SQS-028", "SQS-054")
def test_a_generic_error_of_a_missing_parameter(lab: Lab):
    answer = lab.wire.json("SendMessage", {"MessageBody": "m"})
    message = failed(answer, "MissingRequiredParameterException", "MissingParameter")
    assert message == "The request must contain the parameter QueueUrl."


@behaviour("SQS-028", "SQS-029")
@pytest.mark.parametrize("mode", [{}, {"x-amzn-query-mode": "true"}])
def test_the_query_error_header_comes_with_and_without_the_mode_header(lab: Lab, mode: dict[str, str]):
    answer = lab.wire.json("GetQueueUrl", {"QueueName": fresh_name()}, headers=mode)
    failed(answer, "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue")


@behaviour("SQS-030")
@pytest.mark.parametrize("body", [{"text": "m"}, ["m"]])
def test_a_structure_where_text_belongs_is_refused(lab: Lab, body):
    answer = lab.wire.json("SendMessage", {"QueueUrl": lab.queue().url, "MessageBody": body})
    assert answer.status == 400
    assert answer.error_type() == "SerializationException"


@behaviour("SQS-030")
@pytest.mark.parametrize("text", ["{", '{"QueueUrl": ', "[]", '{"QueueUrl": "a"} trailing', "\xff"])
def test_text_that_is_no_json_object_is_refused(lab: Lab, text: str):
    answer = lab.wire.json("SendMessage", text.encode("latin-1"))
    assert answer.status == 400
    assert answer.error_type() == "SerializationException"


@behaviour("SQS-031")
def test_a_number_where_attribute_text_belongs_is_accepted(lab: Lab):
    request = {"QueueName": fresh_name(), "Attributes": {"VisibilityTimeout": 45}}
    url = succeeded(lab.wire.json("CreateQueue", request))["QueueUrl"]
    request = {"QueueUrl": url, "AttributeNames": ["VisibilityTimeout"]}
    assert succeeded(lab.wire.json("GetQueueAttributes", request)) == {"Attributes": {"VisibilityTimeout": "45"}}


@behaviour("SQS-011")
def test_unknown_members_are_ignored(lab: Lab):
    queue = lab.queue()
    request = {"QueueUrl": queue.url, "MessageBody": "m", "NotAMember": {"deep": [1, {"x": None}]}}
    assert "MessageId" in succeeded(lab.wire.json("SendMessage", request))


@behaviour("SQS-011", "SQS-119")
def test_escapes_and_unescaped_unicode_mean_the_same(lab: Lab):
    queue = lab.queue()
    body = 'quote " backslash \\ slash / tab \t newline \n snowman \u2603 clef \U0001d11e'
    for ascii_only in (True, False):
        text = json.dumps({"QueueUrl": queue.url, "MessageBody": body}, ensure_ascii=ascii_only)
        succeeded(lab.wire.json("SendMessage", text.encode()))
    received = succeeded(lab.wire.json("ReceiveMessage", {"QueueUrl": queue.url, "MaxNumberOfMessages": 10}))["Messages"]
    assert [message["Body"] for message in received] == [body, body]


@behaviour("SQS-023")
def test_message_attributes_keep_their_types(lab: Lab):
    queue = lab.queue()
    attributes = {"count": text_attribute("42", "Number.int"), "word": text_attribute("häuser")}
    request = {"QueueUrl": queue.url, "MessageBody": "m", "MessageAttributes": attributes}
    succeeded(lab.wire.json("SendMessage", request))
    request = {"QueueUrl": queue.url, "MessageAttributeNames": ["All"]}
    assert succeeded(lab.wire.json("ReceiveMessage", request))["Messages"][0]["MessageAttributes"] == attributes
