"""Reference sections 11 to 15, 17, 18 and 26: messages from a publisher to the queues that subscribed."""

import json
import re

import pytest

from harness.behaviours import behaviour
from harness.lab import fresh_name, refused
from harness.topics import INVALID, Topics, envelopes, messages, text

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


@behaviour("SNS-006", "SNS-007", "SNS-125", "SNS-126", "SNS-138", "SNS-221")
def test_every_subscribed_queue_has_the_message(topics: Topics):
    topic = topics.topic()
    queues = [topic.subscribed_queue() for _ in range(3)]
    answer = topic.publish("hello")
    assert re.fullmatch(UUID, answer["MessageId"])
    assert "SequenceNumber" not in answer
    for queue in queues:
        message = queue.receive_one(MessageAttributeNames=["All"])
        assert json.loads(message["Body"])["MessageId"] == answer["MessageId"]
        assert message["MessageId"] != answer["MessageId"]
        assert "MessageAttributes" not in message


@behaviour("SNS-127")
def test_a_topic_without_subscriptions_takes_messages(topics: Topics):
    assert topics.topic().publish()["MessageId"]


@behaviour("SNS-128", "SNS-024")
def test_a_missing_topic_takes_none(topics: Topics):
    with refused("NotFound", "Topic does not exist", 404):
        topics.sns.publish(TopicArn=topics.missing(), Message="m")


@behaviour("SNS-122", "SNS-123", "SNS-124", "SNS-129", "SNS-466")
def test_a_publish_has_one_target(topics: Topics):
    topic = topics.topic()
    queue = topic.subscribed_queue()
    topics.sns.publish(TargetArn=topic.arn, Message="by target")
    assert messages(queue) == ["by target"]
    with refused(INVALID, "Invalid parameter: TopicArn or TargetArn Reason: no value for required parameter"):
        topics.sns.publish(Message="m")
    with refused(INVALID):
        topics.sns.publish(TopicArn=topic.arn, TargetArn=topic.arn, Message="m")
    endpoint = f"arn:aws:sns:us-east-1:000000000000:endpoint/GCM/app/{'0' * 8}-0000-4000-8000-{'0' * 12}"
    with refused(INVALID, "Invalid parameter: TargetArn Reason: No endpoint found for the target arn specified"):
        topics.sns.publish(TargetArn=endpoint, Message="m")
    with refused(INVALID, "Invalid parameter: PhoneNumber Reason: 12 is not valid to publish to"):
        topics.sns.publish(PhoneNumber="12", Message="m")


@behaviour("SNS-130")
def test_an_empty_message_is_refused(topics: Topics):
    with refused(INVALID, "Invalid parameter: Empty message"):
        topics.topic().publish("")


@behaviour("SNS-131", "SNS-132", "SNS-133")
def test_attributes_count_towards_the_size(topics: Topics):
    topic = topics.topic()
    attributes = {"n": text("vvvv")}
    topic.publish("x" * (262144 - 11), MessageAttributes=attributes)
    with refused(INVALID, "Invalid parameter: Message too long"):
        topic.publish("x" * (262144 - 10), MessageAttributes=attributes)
    topic.publish("ä" * 131072)
    with refused(INVALID, "Invalid parameter: Message too long"):
        topic.publish("ä" * 131073)


@behaviour("SNS-134", "SNS-135")
@pytest.mark.parametrize("subject", ["", "x" * 100, "a\nb", "a\tb", " a"])
def test_bad_subjects_are_refused(topics: Topics, subject: str):
    with refused(INVALID, "Invalid parameter: Subject"):
        topics.topic().publish(Subject=subject)


@behaviour("SNS-136", "SNS-223", "SNS-137")
def test_a_standard_topic_passes_the_group_on(topics: Topics):
    topic = topics.topic()
    queue = topic.subscribed_queue(RawMessageDelivery="true")
    topic.publish("m", MessageGroupId="tenant")
    assert queue.receive_one()["Attributes"]["MessageGroupId"] == "tenant"
    expected = (
        "Invalid parameter: MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not "
        "valid for this topic type"
    )
    with refused(INVALID, expected):
        topic.publish(MessageDeduplicationId="d")
    with refused(INVALID):
        topic.publish(MessageGroupId="a b")


@behaviour("SNS-140")
def test_all_characters_arrive(topics: Topics):
    topic = topics.topic()
    queue, raw = topic.subscribed_queue(), topic.subscribed_queue(RawMessageDelivery="true")
    said = 'ä "quoted" \\ 😀\n\ttab\u2028'
    topic.publish(said)
    assert messages(queue) == [said]
    assert raw.bodies() == [said]


@behaviour("SNS-186", "SNS-187", "SNS-188", "SNS-189", "SNS-190", "SNS-191", "SNS-192", "SNS-201")
def test_the_envelope(topics: Topics):
    topic = topics.topic()
    queue = topic.subscribed_queue()
    attributes = {"n": text("7", "Number"), "b": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}}
    answer = topic.publish("m", Subject="s", MessageAttributes=attributes)
    body = queue.receive_one()["Body"]
    assert body.startswith('{\n  "Type" : "Notification",\n  "MessageId" : "')
    envelope = json.loads(body)
    members = ["Type", "MessageId", "TopicArn", "Subject", "Message", "Timestamp"]
    assert [name for name in envelope if name in members] == members
    assert list(envelope)[-1] == "MessageAttributes"
    assert (envelope["MessageId"], envelope["TopicArn"]) == (answer["MessageId"], topic.arn)
    assert (envelope["Subject"], envelope["Message"]) == ("s", "m")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", envelope["Timestamp"])
    assert envelope["MessageAttributes"] == {
        "n": {"Type": "Number", "Value": "7"},
        "b": {"Type": "Binary", "Value": "AP8="},
    }
    topic.publish("plain")
    [plain] = envelopes(queue)
    assert not {"Subject", "MessageAttributes"} & set(plain)


def test_the_unsubscribe_url_leads_here(topics: Topics):
    topic = topics.topic()
    queue = topics.queue()
    arn = topic.subscribe(queue)
    topic.publish("m")
    [envelope] = envelopes(queue)
    assert envelope["UnsubscribeURL"] == f"{topics.lab.server.url}/?Action=Unsubscribe&SubscriptionArn={arn}"


@behaviour("SNS-214", "SNS-215")
def test_raw_delivery_is_the_bare_message(topics: Topics):
    topic = topics.topic()
    queue = topic.subscribed_queue(RawMessageDelivery="true")
    attributes = {
        "s": text("v", "String.label"),
        "n": text("1.5", "Number"),
        "b": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    topic.publish("raw", Subject="s", MessageAttributes=attributes)
    message = queue.receive_one(MessageAttributeNames=["All"])
    assert message["Body"] == "raw"
    assert message["MessageAttributes"] == attributes


@behaviour("SNS-216", "SNS-342", "SNS-346", "SNS-348", "SNS-354", "SNS-161")
def test_raw_messages_with_too_many_attributes_are_dead_letters(topics: Topics):
    topic, queue, dead = topics.topic(), topics.queue(), topics.queue()
    policy = json.dumps({"deadLetterTargetArn": dead.arn})
    topic.subscribe(queue, RawMessageDelivery="true", RedrivePolicy=policy)
    ten = {f"a{number}": text("v") for number in range(10)}
    topic.publish("ten", MessageAttributes=ten)
    topic.publish("eleven", MessageAttributes=ten | {"b": text("v")})
    assert queue.bodies() == ["ten"]
    assert dead.bodies() == ["eleven"]


@behaviour("SNS-226", "SNS-227", "SNS-350", "SNS-354")
def test_messages_for_a_deleted_queue_are_dead_letters(topics: Topics):
    topic, queue, dead = topics.topic(), topics.queue(), topics.queue()
    arn = topic.subscribe(queue, RedrivePolicy=json.dumps({"deadLetterTargetArn": dead.arn}))
    queue.delete_queue()
    topic.publish("lost", MessageAttributes={"a": text("v")})
    message = dead.receive_one(MessageAttributeNames=["All"])
    assert json.loads(message["Body"])["Message"] == "lost"
    assert "MessageAttributes" not in message
    assert topics.sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]["Endpoint"] == queue.arn
    again = topics.lab.queue(queue.name)
    topic.publish("found")
    assert messages(again) == ["found"]


@behaviour("SNS-222")
def test_the_sender_is_sns(topics: Topics):
    topic = topics.topic()
    queue = topic.subscribed_queue()
    topic.publish()
    assert queue.receive_one()["Attributes"]["SenderId"].startswith("AIDA")


@behaviour("SNS-164", "SNS-165", "SNS-168", "SNS-170", "SNS-171")
def test_a_structured_message_has_a_text_per_protocol(topics: Topics):
    topic = topics.topic()
    queue = topic.subscribed_queue(RawMessageDelivery="true")
    for said, heard in [
        ({"default": "d", "sqs": "for queues"}, "for queues"),
        ({"default": "d", "http": "h"}, "d"),
        ({"default": "d", "sqs": 7, "other": [1]}, "d"),
        ({"default": '{"a":1}'}, '{"a":1}'),
    ]:
        topic.publish(json.dumps(said), MessageStructure="json")
        assert queue.bodies() == [heard]


@behaviour("SNS-166", "SNS-167", "SNS-169", "SNS-172")
def test_a_structured_message_is_checked(topics: Topics):
    topic = topics.topic()
    no_default = "Invalid parameter: Message Structure - No default entry in JSON message body"
    unreadable = "Invalid parameter: Message Structure - JSON message body failed to parse"
    for said, expected in [
        ('{"sqs":"x"}', no_default),
        ('{"default":7}', no_default),
        ("text", unreadable),
        ("[]", unreadable),
        ('{"default":"a","default":"b"}', unreadable),
    ]:
        with refused(INVALID, expected):
            topic.publish(said, MessageStructure="json")
    with refused(INVALID):
        topic.publish("{}", MessageStructure="xml")


@behaviour("SNS-142", "SNS-143", "SNS-144", "SNS-146", "SNS-147", "SNS-148", "SNS-149", "SNS-150", "SNS-152", "SNS-153", "SNS-154")
@behaviour("SNS-155", "SNS-156", "SNS-157")
@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("n" * 257, text("v"), "Length of message attribute name must be less than 256 bytes."),
        (
            "a^b",
            text("v"),
            "Invalid non-alphanumeric character '#x5E' was found in the message attribute name. Can only include alphanumeric "
            "characters, hyphens, underscores, or dots.",
        ),
        (".a", text("v"), "Invalid message attribute name starting with character '.' was found."),
        ("a.", text("v"), "Invalid message attribute name ending with character '.' was found."),
        ("a..b", text("v"), "Message attribute name can not have successive '.' character."),
        (
            "a",
            text("v", "Stringprefixed"),
            "The message attribute 'a' has an invalid message attribute type, the set of supported type prefixes is Binary, "
            "Number, and String.",
        ),
        (
            "a",
            {"DataType": "String"},
            "The message attribute 'a' must contain non-empty message attribute value for message attribute type 'String'.",
        ),
        ("a", {"DataType": "String", "BinaryValue": b"v"}, "The message attribute 'a' with type 'String' must use field 'String'."),
        ("a", {"DataType": "Number", "BinaryValue": b"1"}, "The message attribute 'a' with type 'Number' must use field 'String'."),
        ("a", text("v", "Binary"), "The message attribute 'a' with type 'Binary' must use field 'Binary'."),
    ],
)
def test_message_attributes_are_checked(topics: Topics, name: str, value: dict, expected: str):
    with refused("ParameterValueInvalid", expected):
        topics.topic().publish(MessageAttributes={name: value})


def entries(*said: str) -> list[dict]:
    return [{"Id": str(number), "Message": message} for number, message in enumerate(said)]


@behaviour("SNS-174", "SNS-183", "SNS-324")
def test_a_batch_arrives_whole(topics: Topics):
    topic = topics.topic()
    queue = topic.subscribed_queue()
    wants_a = topic.subscribed_queue(FilterPolicy='{"k":["a"]}', FilterPolicyScope="MessageBody")
    said = [json.dumps({"k": key}) for key in "abcaaaaaaa"]
    answer = topics.sns.publish_batch(TopicArn=topic.arn, PublishBatchRequestEntries=entries(*said))
    assert answer["Failed"] == []
    assert [entry["Id"] for entry in answer["Successful"]] == [str(number) for number in range(10)]
    received = {envelope["MessageId"]: envelope["Message"] for envelope in envelopes(queue)}
    assert received == {entry["MessageId"]: said[int(entry["Id"])] for entry in answer["Successful"]}
    assert len(messages(wants_a)) == 8


@behaviour("SNS-175", "SNS-176", "SNS-177", "SNS-178", "SNS-179", "SNS-180", "SNS-181", "SNS-158")
def test_a_batch_is_checked_as_a_whole(topics: Topics):
    topic = topics.topic()
    queue = topic.subscribed_queue()

    def batch(batch_entries: list[dict], arn: str = topic.arn):
        topics.sns.publish_batch(TopicArn=arn, PublishBatchRequestEntries=batch_entries)

    with refused("EmptyBatchRequest"):
        batch([])
    with refused("TooManyEntriesInBatchRequest", "The batch request contains more entries than permissible."):
        batch(entries(*["m"] * 11))
    with refused("BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id."):
        batch([{"Id": "1", "Message": "m"}] * 2)
    impermissible = "The Id of a batch entry in the batch request contains an impermissible character: a.b"
    with refused("InvalidBatchEntryId", impermissible):
        batch([{"Id": "a.b", "Message": "m"}])
    with refused("InvalidBatchEntryId", f"The Id of a batch entry in the batch request is too long: {'i' * 81}"):
        batch([{"Id": "i" * 81, "Message": "m"}])
    with refused("BatchRequestTooLong", "The length of all the messages put together is more than the limit."):
        batch(entries("x" * 131072, "x" * 131073))
    with refused("NotFound", "Topic does not exist", 404):
        batch(entries("m"), topics.missing())
    with refused("ParameterValueInvalid"):
        batch([*entries("m"), {"Id": "x", "Message": "m", "MessageAttributes": {"a.": text("v")}}])
    assert messages(queue) == []


@behaviour("SNS-359", "SNS-360", "SNS-182")
def test_fifo_topics_ask_for_ids(topics: Topics):
    fifo = topics.topic(fresh_name(".fifo"), FifoTopic="true")
    with refused(INVALID, "Invalid parameter: The MessageGroupId parameter is required for FIFO topics"):
        fifo.publish()
    expected = (
        "Invalid parameter: The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided "
        "explicitly"
    )
    with refused(INVALID, expected):
        fifo.publish(MessageGroupId="g")


@behaviour("SNS-126", "SNS-007", "SNS-214")
def test_more_queues_than_a_record_takes_have_the_message(topics: Topics):
    topic = topics.topic()
    enveloped = [topic.subscribed_queue() for _ in range(258)]
    raw = topic.subscribed_queue(RawMessageDelivery="true")
    topic.publish("to all")
    for queue in enveloped:
        (body,) = queue.bodies(wait=5)
        assert json.loads(body)["Message"] == "to all"
    assert raw.bodies(wait=5) == ["to all"]
