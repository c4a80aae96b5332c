"""Reference section 10: what a receive returns."""

import time

import pytest

from harness.behaviours import behaviour
from harness.digests import body_digest
from harness.lab import Lab, refused, text_attribute

NAMES = {"General": text_attribute("Kenobi"), "Hello": text_attribute("There"), "Help.Me": text_attribute("Me")}


@behaviour("SQS-180")
@pytest.mark.parametrize("number", [0, 11, -1, 1000])
def test_a_receive_asks_for_1_to_10(lab: Lab, number: int):
    text = f"Value {number} for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."
    with refused("InvalidParameterValue", text):
        lab.queue().receive(number)


@behaviour("SQS-180")
def test_a_receive_returns_one_unless_asked_for_more(lab: Lab):
    queue = lab.queue()
    queue.send("a")
    queue.send("b")
    assert len(lab.sqs.receive_message(QueueUrl=queue.url)["Messages"]) == 1


@behaviour("SQS-181")
@pytest.mark.parametrize("number", [1, 3, 10])
def test_a_receive_never_returns_more_than_asked(lab: Lab, number: int):
    queue = lab.queue()
    for body in range(12):
        queue.send(str(body))
    assert 1 <= len(queue.receive(number)) <= number


@behaviour("SQS-182")
def test_every_message_has_id_handle_digest_and_body(lab: Lab):
    queue = lab.queue()
    sent = queue.send("body")
    [message] = lab.sqs.receive_message(QueueUrl=queue.url)["Messages"]
    handle = message.pop("ReceiptHandle")
    assert handle
    assert message == {"MessageId": sent["MessageId"], "MD5OfBody": body_digest("body"), "Body": "body"}


@behaviour("SQS-183", "SQS-186")
@pytest.mark.parametrize("member", ["MessageSystemAttributeNames", "AttributeNames"])
def test_system_attributes_come_when_asked_for_in_either_list(lab: Lab, member: str):
    queue = lab.queue()
    queue.send()
    asked = {"QueueUrl": queue.url, "VisibilityTimeout": 0}
    assert "Attributes" not in lab.wire.json("ReceiveMessage", asked).json["Messages"][0]
    one = lab.wire.json("ReceiveMessage", asked | {member: ["ApproximateReceiveCount"]}).json["Messages"][0]
    assert one["Attributes"] == {"ApproximateReceiveCount": "2"}
    absent = lab.wire.json("ReceiveMessage", asked | {member: ["SequenceNumber"]}).json["Messages"][0]
    assert "Attributes" not in absent


@behaviour("SQS-184")
def test_both_lists_together_are_a_union(lab: Lab):
    queue = lab.queue()
    queue.send()
    asked = {"AttributeNames": ["SentTimestamp"], "MessageSystemAttributeNames": ["SenderId"]}
    message = lab.wire.json("ReceiveMessage", {"QueueUrl": queue.url} | asked).json["Messages"][0]
    assert set(message["Attributes"]) == {"SentTimestamp", "SenderId"}


@behaviour("SQS-185")
def test_in_the_query_protocol_attribute_name_decides_alone(lab: Lab):
    queue = lab.queue()
    queue.send()
    asked = {"QueueUrl": queue.url, "AttributeName.1": "SentTimestamp", "MessageSystemAttributeName.1": "SenderId"}
    found = lab.wire.query("ReceiveMessage", asked).xml.findall("ReceiveMessageResult/Message/Attribute/Name")
    assert [name.text for name in found] == ["SentTimestamp"]


@behaviour("SQS-187", "SQS-188", "SQS-189", "SQS-193")
def test_all_on_a_plain_standard_queue(lab: Lab):
    queue = lab.queue()
    before = time.time() * 1000
    queue.send()
    attributes = queue.receive_one()["Attributes"]
    after = time.time() * 1000
    assert set(attributes) == {"ApproximateFirstReceiveTimestamp", "ApproximateReceiveCount", "SenderId", "SentTimestamp"}
    for name in ("SentTimestamp", "ApproximateFirstReceiveTimestamp"):
        assert before - 1000 <= int(attributes[name]) <= after + 1000
    assert int(attributes["SentTimestamp"]) <= int(attributes["ApproximateFirstReceiveTimestamp"])
    assert attributes["SenderId"]


@behaviour("SQS-187", "SQS-195")
def test_all_on_a_fifo_queue(lab: Lab):
    queue = lab.fifo()
    sent = queue.send("m", group="g", dedup="d")
    attributes = queue.receive_one()["Attributes"]
    assert attributes["MessageGroupId"] == "g"
    assert attributes["MessageDeduplicationId"] == "d"
    assert attributes["SequenceNumber"] == sent["SequenceNumber"]
    assert set(attributes) == {
        "ApproximateFirstReceiveTimestamp",
        "ApproximateReceiveCount",
        "SenderId",
        "SentTimestamp",
        "MessageGroupId",
        "MessageDeduplicationId",
        "SequenceNumber",
    }


@behaviour("SQS-190", "SQS-192", "SQS-227")
def test_receives_are_counted_and_the_first_is_remembered(clocked: Lab):
    queue = clocked.queue(VisibilityTimeout="10")
    queue.send()
    first = queue.receive_one()["Attributes"]
    assert first["ApproximateReceiveCount"] == "1"
    for count in (2, 3, 4):
        clocked.advance(11)
        attributes = queue.receive_one()["Attributes"]
        assert attributes["ApproximateReceiveCount"] == str(count)
        for name in ("ApproximateFirstReceiveTimestamp", "SentTimestamp"):
            assert attributes[name] == first[name]


@behaviour("SQS-194", "SQS-186")
def test_a_group_id_is_absent_where_none_was_sent(lab: Lab):
    queue = lab.queue()
    queue.send()
    assert "Attributes" not in queue.receive_one(MessageSystemAttributeNames=["MessageGroupId"])


@behaviour("SQS-197")
def test_a_message_that_never_moved_names_no_source(lab: Lab):
    queue = lab.queue()
    queue.send()
    assert "Attributes" not in queue.receive_one(MessageSystemAttributeNames=["DeadLetterQueueSourceArn"])


@behaviour("SQS-183")
def test_an_unknown_system_attribute_name_is_a_client_error(lab: Lab):
    queue = lab.queue()
    queue.send()
    with refused("InvalidAttributeName"):
        queue.receive(MessageSystemAttributeNames=["Nonsense"])


@behaviour("SQS-198", "SQS-199", "SQS-200", "SQS-201")
@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (["All"], {"General", "Hello", "Help.Me"}),
        ([".*"], {"General", "Hello", "Help.Me"}),
        (["Hello"], {"Hello"}),
        (["Hello", "General"], {"Hello", "General"}),
        (["Hel.*"], {"Hello", "Help.Me"}),
        (["Help.*"], {"Help.Me"}),
        (["Help.Me"], {"Help.Me"}),
        (["Gen.*", "Help.Me"], {"General", "Help.Me"}),
        (["hello"], set()),
        (["hel.*"], set()),
        (["Nothing"], set()),
        (["Nothing", "Hello"], {"Hello"}),
        (["!illegal", "a b"], set()),
        (["!illegal", "Hello"], {"Hello"}),
    ],
)
def test_message_attributes_are_selected_by_name_and_prefix(lab: Lab, asked: list[str], found: set[str]):
    queue = lab.queue()
    queue.send("m", MessageAttributes=NAMES)
    message = queue.receive_one(MessageAttributeNames=asked)
    assert message.get("MessageAttributes", {}) == {name: NAMES[name] for name in found}
    assert ("MD5OfMessageAttributes" in message) == bool(found)


@behaviour("SQS-202")
def test_no_message_attribute_comes_unasked(lab: Lab):
    queue = lab.queue()
    queue.send("m", MessageAttributes=NAMES)
    message = queue.receive_one()
    assert "MessageAttributes" not in message and "MD5OfMessageAttributes" not in message


@behaviour("SQS-203")
def test_the_timeout_of_a_receive_wins_over_that_of_the_queue(clocked: Lab):
    queue = clocked.queue(VisibilityTimeout="100")
    queue.send("a")
    queue.send("b")
    assert sorted(queue.bodies(10, VisibilityTimeout=10)) == ["a", "b"]
    clocked.advance(11)
    assert sorted(queue.bodies(10)) == ["a", "b"]
    clocked.advance(90)
    assert queue.bodies() == []
    clocked.advance(11)
    assert sorted(queue.bodies()) == ["a", "b"]


@behaviour("SQS-203", "SQS-204")
@pytest.mark.parametrize("seconds", [-1, 43_201])
def test_a_timeout_is_0_to_43200(lab: Lab, seconds: int):
    queue = lab.queue()
    queue.send()
    with refused("InvalidParameterValue"):
        queue.receive(VisibilityTimeout=seconds)
    assert queue.counts() == (1, 0, 0)
    assert len(queue.receive(VisibilityTimeout=43_200)) == 1


@behaviour("SQS-205")
def test_a_message_that_is_not_deleted_comes_back(clocked: Lab):
    queue = clocked.queue()
    queue.send("again")
    assert queue.bodies() == ["again"]
    assert queue.bodies() == []
    clocked.advance(31)
    assert queue.bodies() == ["again"]


@behaviour("SQS-181", "SQS-205")
def test_a_thousand_messages_all_come(lab: Lab):
    queue = lab.queue()
    sent = {f"body {number}" for number in range(1000)}
    bodies = sorted(sent)
    for start in range(0, 1000, 10):
        queue.send_batch(*[{"MessageBody": body} for body in bodies[start : start + 10]])
    assert queue.counts() == (1000, 0, 0)
    received = []
    while messages := queue.receive(10):
        received += [message["Body"] for message in messages]
        assert len(queue.delete_batch(*messages)["Successful"]) == len(messages)
    assert sorted(received) == bodies
    assert queue.counts() == (0, 0, 0)
