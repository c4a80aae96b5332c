"""Reference section 3: the query protocol as forms, query strings and XML documents."""

import hashlib
import re

import pytest

from harness.behaviours import behaviour
from harness.lab import Lab, fresh_name, redrive_policy
from harness.wire import XMLNS, Answer


def succeeded(answer: Answer, operation: str):
    """The result element of a successful document, None for an operation without output."""
    assert answer.status == 200, answer.text
    assert answer.headers["content-type"].startswith("text/xml")
    root = answer.xml
    assert root.tag == f"{operation}Response"
    assert root.find("ResponseMetadata/RequestId").text
    return root.find(f"{operation}Result")


def failed(answer: Answer, code: str, status: int = 400) -> str:
    """The message of an error document with this code."""
    assert answer.status == status, answer.text
    assert answer.headers["content-type"].startswith("text/xml")
    root = answer.xml
    assert root.tag == "ErrorResponse"
    assert [child.tag for child in root] == ["Error", "RequestId"]
    assert [child.tag for child in root.find("Error")] == ["Type", "Code", "Message", "Detail"]
    assert root.findtext("Error/Type") == "Sender"
    assert root.findtext("Error/Code") == code
    assert root.findtext("RequestId")
    return root.findtext("Error/Message")


@behaviour("SQS-032", "SQS-036")
def test_a_form_is_answered_with_a_document(lab: Lab):
    name = fresh_name()
    answer = lab.wire.query("CreateQueue", {"QueueName": name})
    assert succeeded(answer, "CreateQueue").findtext("QueueUrl").endswith("/" + name)
    shape = re.compile(
        rf'(<\?xml[^>]*\?>\s*)?<CreateQueueResponse xmlns="{XMLNS}"><CreateQueueResult><QueueUrl>[^<]+</QueueUrl></CreateQueueResult>'
        r"<ResponseMetadata><RequestId>[^<]+</RequestId></ResponseMetadata></CreateQueueResponse>\s*"
    )
    assert shape.fullmatch(answer.text), answer.text


@behaviour("SQS-032")
def test_a_query_string_does_what_a_form_does(lab: Lab):
    queue = lab.queue()
    sent = lab.wire.get("/", "SendMessage", {"QueueUrl": queue.url, "MessageBody": "by GET & more = ü"})
    assert succeeded(sent, "SendMessage").findtext("MD5OfMessageBody") == hashlib.md5("by GET & more = ü".encode()).hexdigest()
    assert queue.bodies() == ["by GET & more = ü"]


@behaviour("SQS-033", "SQS-034")
def test_on_the_path_of_a_queue_version_and_queue_url_may_be_missing(lab: Lab):
    queue = lab.queue()
    succeeded(lab.wire.query("SendMessage", {"MessageBody": "to the path"}, path=queue.path, version=None), "SendMessage")
    succeeded(lab.wire.get(queue.path, "SendMessage", {"MessageBody": "to the path too"}, version=None), "SendMessage")
    assert sorted(queue.bodies()) == ["to the path", "to the path too"]


@behaviour("SQS-035")
def test_parameters_of_a_post_may_stand_in_its_url(lab: Lab):
    queue = lab.queue()
    target = f"{queue.path}?Action=SendMessage&Version=2012-11-05"
    answer = lab.wire.query(None, {"MessageBody": "split"}, path=target, version=None)
    succeeded(answer, "SendMessage")
    assert queue.bodies() == ["split"]


@behaviour("SQS-037")
def test_an_operation_without_output_has_only_metadata(lab: Lab):
    answer = lab.wire.query("DeleteQueue", {"QueueUrl": lab.queue().url})
    assert succeeded(answer, "DeleteQueue") is None
    assert [child.tag for child in answer.xml] == ["ResponseMetadata"]


@behaviour("SQS-038")
def test_an_empty_receive_has_an_empty_result(lab: Lab):
    result = succeeded(lab.wire.query("ReceiveMessage", {"QueueUrl": lab.queue().url}), "ReceiveMessage")
    assert result is not None and len(result) == 0


@behaviour("SQS-039")
def test_attributes_and_tags_are_numbered_without_a_wrapper(lab: Lab):
    parameters = {
        "QueueName": fresh_name(),
        "Attribute.1.Name": "VisibilityTimeout",
        "Attribute.1.Value": "17",
        "Attribute.2.Name": "DelaySeconds",
        "Attribute.2.Value": "0",
        "Tag.1.Key": "colour",
        "Tag.1.Value": "blue",
        "Tag.2.Key": "size",
        "Tag.2.Value": "",
    }
    url = succeeded(lab.wire.query("CreateQueue", parameters), "CreateQueue").findtext("QueueUrl")
    names = {"QueueUrl": url, "AttributeName.1": "VisibilityTimeout", "AttributeName.2": "DelaySeconds"}
    result = succeeded(lab.wire.query("GetQueueAttributes", names), "GetQueueAttributes")
    assert [child.tag for child in result] == ["Attribute", "Attribute"]
    found = {child.findtext("Name"): child.findtext("Value") for child in result}
    assert found == {"VisibilityTimeout": "17", "DelaySeconds": "0"}
    tags = succeeded(lab.wire.query("ListQueueTags", {"QueueUrl": url}), "ListQueueTags")
    assert {child.findtext("Key"): child.findtext("Value") for child in tags} == {"colour": "blue", "size": ""}
    succeeded(lab.wire.query("UntagQueue", {"QueueUrl": url, "TagKey.1": "colour", "TagKey.2": "size"}), "UntagQueue")
    assert len(succeeded(lab.wire.query("ListQueueTags", {"QueueUrl": url}), "ListQueueTags")) == 0


@behaviour("SQS-039")
def test_messages_repeat_with_flat_attributes(lab: Lab):
    queue = lab.queue()
    parameters = {
        "QueueUrl": queue.url,
        "MessageBody": "with attributes",
        "MessageAttribute.1.Name": "word",
        "MessageAttribute.1.Value.DataType": "String",
        "MessageAttribute.1.Value.StringValue": "value",
        "MessageAttribute.2.Name": "blob",
        "MessageAttribute.2.Value.DataType": "Binary",
        "MessageAttribute.2.Value.BinaryValue": "AAEC",
    }
    sent = succeeded(lab.wire.query("SendMessage", parameters), "SendMessage")
    ask = {"QueueUrl": queue.url, "MessageAttributeName.1": "All", "AttributeName.1": "All", "MaxNumberOfMessages": "10"}
    result = succeeded(lab.wire.query("ReceiveMessage", ask), "ReceiveMessage")
    assert [child.tag for child in result] == ["Message"]
    message = result[0]
    assert message.findtext("MessageId") == sent.findtext("MessageId")
    assert message.findtext("MD5OfMessageAttributes") == sent.findtext("MD5OfMessageAttributes")
    system = {child.findtext("Name"): child.findtext("Value") for child in message.findall("Attribute")}
    assert system["ApproximateReceiveCount"] == "1"
    own = {child.findtext("Name"): child.find("Value") for child in message.findall("MessageAttribute")}
    assert own["word"].findtext("StringValue") == "value" and own["word"].findtext("DataType") == "String"
    assert own["blob"].findtext("BinaryValue") == "AAEC" and own["blob"].findtext("DataType") == "Binary"


@behaviour("SQS-039", "SQS-050", "SQS-176", "SQS-177")
def test_batches_are_numbered_and_sender_fault_is_a_word(lab: Lab):
    queue = lab.queue()
    prefix = "SendMessageBatchRequestEntry"
    parameters = {"QueueUrl": queue.url}
    for number in (1, 2):
        parameters[f"{prefix}.{number}.Id"] = f"id{number}"
        parameters[f"{prefix}.{number}.MessageBody"] = f"body {number}"
    result = succeeded(lab.wire.query("SendMessageBatch", parameters), "SendMessageBatch")
    assert [(child.tag, child.findtext("Id")) for child in result] == [
        ("SendMessageBatchResultEntry", "id1"),
        ("SendMessageBatchResultEntry", "id2"),
    ]
    prefix = "DeleteMessageBatchRequestEntry"
    handle = queue.receive_one()["ReceiptHandle"]
    parameters = {f"{prefix}.1.Id": "good", f"{prefix}.1.ReceiptHandle": handle, f"{prefix}.2.Id": "bad", f"{prefix}.2.ReceiptHandle": "x"}
    result = succeeded(lab.wire.query("DeleteMessageBatch", {"QueueUrl": queue.url} | parameters), "DeleteMessageBatch")
    assert result.findtext("DeleteMessageBatchResultEntry/Id") == "good"
    error = result.find("BatchResultErrorEntry")
    assert (error.findtext("Id"), error.findtext("Code"), error.findtext("SenderFault")) == ("bad", "ReceiptHandleIsInvalid", "true")


@behaviour("SQS-039")
def test_numbered_parameters_may_come_in_any_order(lab: Lab):
    queue = lab.queue()
    parameters = {"QueueUrl": queue.url, "Attribute.2.Value": "3", "Attribute.1.Name": "DelaySeconds"}
    parameters |= {"Attribute.2.Name": "VisibilityTimeout", "Attribute.1.Value": "2"}
    succeeded(lab.wire.query("SetQueueAttributes", parameters), "SetQueueAttributes")
    assert queue.attributes("DelaySeconds", "VisibilityTimeout") == {"DelaySeconds": "2", "VisibilityTimeout": "3"}


@behaviour("SQS-039", "SQS-085", "SQS-087")
def test_listed_urls_repeat(lab: Lab):
    prefix = fresh_name()
    names = [lab.queue(f"{prefix}-{number}").name for number in range(3)]
    result = succeeded(lab.wire.query("ListQueues", {"QueueNamePrefix": prefix}), "ListQueues")
    assert sorted(child.text.rsplit("/", 1)[1] for child in result.findall("QueueUrl")) == names
    page = succeeded(lab.wire.query("ListQueues", {"QueueNamePrefix": prefix, "MaxResults": "2"}), "ListQueues")
    assert len(page.findall("QueueUrl")) == 2
    assert page.findtext("NextToken")


@behaviour("SQS-039", "SQS-327")
def test_dead_letter_sources_repeat_as_queue_url(lab: Lab):
    dead = lab.queue()
    source = lab.queue(RedrivePolicy=redrive_policy(dead, 3))
    result = succeeded(lab.wire.query("ListDeadLetterSourceQueues", {"QueueUrl": dead.url}), "ListDeadLetterSourceQueues")
    assert [child.text for child in result.findall("QueueUrl")] == [source.url]


@behaviour("SQS-040", "SQS-041", "SQS-042", "SQS-043", "SQS-053")
def test_an_error_is_a_document_with_the_query_code(lab: Lab):
    answer = lab.wire.query("SendMessage", {"QueueUrl": lab.queue().url + "-missing", "MessageBody": "m"})
    message = failed(answer, "AWS.SimpleQueueService.NonExistentQueue")
    assert message == "The specified queue does not exist for this wsdl version."
    assert f'<ErrorResponse xmlns="{XMLNS}"><Error><Type>Sender</Type>' in answer.text
    assert "<Detail/></Error><RequestId>" in answer.text


@behaviour("SQS-042", "SQS-054")
def test_a_missing_parameter_has_its_query_code(lab: Lab):
    answer = lab.wire.query("SendMessage", {"QueueUrl": lab.queue().url})
    assert failed(answer, "MissingParameter") == "The request must contain the parameter MessageBody."


@behaviour("SQS-042", "SQS-055")
@pytest.mark.parametrize("value", ["11", "0", "-1"])
def test_a_number_out_of_range_has_its_query_code(lab: Lab, value: str):
    answer = lab.wire.query("ReceiveMessage", {"QueueUrl": lab.queue().url, "MaxNumberOfMessages": value})
    wanted = f"Value {value} for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."
    assert failed(answer, "InvalidParameterValue") == wanted


@behaviour("SQS-044")
@pytest.mark.parametrize("path", ["/", "queue"])
def test_an_unknown_action_is_refused(lab: Lab, path: str):
    target = lab.queue().path if path == "queue" else path
    answer = lab.wire.query("DoSomething", path=target)
    assert failed(answer, "InvalidAction") == "The action DoSomething is not valid for this endpoint."


@behaviour("SQS-045")
@pytest.mark.parametrize("action", ["CreateQueue", "ListQueues"])
def test_actions_of_the_account_are_refused_on_the_path_of_a_queue(lab: Lab, action: str):
    answer = lab.wire.query(action, {"QueueName": fresh_name()}, path=lab.queue().path)
    assert failed(answer, "InvalidAction") == f"The action {action} is not valid for this endpoint."


@behaviour("SQS-046")
def test_get_queue_url_works_on_the_path_of_a_queue(lab: Lab):
    queue, other = lab.queue(), lab.queue()
    own = lab.wire.query("GetQueueUrl", {"QueueName": queue.name}, path=queue.path)
    assert succeeded(own, "GetQueueUrl").findtext("QueueUrl") == queue.url
    of_other = lab.wire.query("GetQueueUrl", {"QueueName": other.name}, path=queue.path)
    assert succeeded(of_other, "GetQueueUrl").findtext("QueueUrl") == other.url


@behaviour("SQS-047")
@pytest.mark.parametrize("headers", [{}, {"Accept": "application/json"}])
def test_a_queue_url_without_an_action_is_an_unknown_operation(lab: Lab, headers: dict[str, str]):
    answer = lab.wire.get(lab.queue().path, version=None, headers=headers)
    assert answer.status == 404
    assert "<UnknownOperationException" in answer.text


@behaviour("SQS-048")
def test_json_can_be_asked_for_in_a_get(lab: Lab):
    queue = lab.queue()
    queue.send("as JSON")
    answer = lab.wire.get(queue.path, "ReceiveMessage", {"MaxNumberOfMessages": "1"}, headers={"Accept": "application/json"})
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("application/json")
    messages = answer.json["ReceiveMessageResponse"]["ReceiveMessageResult"]["messages"]
    assert [message["Body"] for message in messages] == ["as JSON"]


@behaviour("SQS-049")
def test_json_asked_for_in_a_get_shows_errors_too(lab: Lab):
    path = lab.queue().path + "-missing"
    answer = lab.wire.get(path, "ReceiveMessage", headers={"Accept": "application/json"})
    assert answer.status == 400
    error = answer.json["Error"]
    assert error["Code"] == "AWS.SimpleQueueService.NonExistentQueue"
    assert error["Message"] == "The specified queue does not exist for this wsdl version."
    assert error["Type"] == "Sender"
    assert answer.json["RequestId"]


@behaviour("SQS-051")
def test_characters_that_xml_forbids_are_refused_in_forms(lab: Lab):
    answer = lab.wire.query("SendMessage", {"QueueUrl": lab.queue().url, "MessageBody": "a\x00b"})
    failed(answer, "InvalidMessageContents")


@behaviour("SQS-052", "SQS-119")
def test_markup_and_carriage_returns_survive(lab: Lab):
    queue = lab.queue()
    body = '<a href="x">\r\n & \t ]]> \' </a>\r'
    succeeded(lab.wire.query("SendMessage", {"QueueUrl": queue.url, "MessageBody": body}), "SendMessage")
    answer = lab.wire.query("ReceiveMessage", {"QueueUrl": queue.url})
    assert succeeded(answer, "ReceiveMessage").findtext("Message/Body") == body
    assert "&#xD;" in answer.text or "&#13;" in answer.text


@behaviour("SQS-032", "SQS-014")
def test_a_message_sent_as_a_form_is_the_same_in_json(lab: Lab):
    queue = lab.queue()
    body = "ü + % & = ? / \u2603 \U0001d11e"
    succeeded(lab.wire.query("SendMessage", {"QueueUrl": queue.url, "MessageBody": body}), "SendMessage")
    assert queue.bodies() == [body]
