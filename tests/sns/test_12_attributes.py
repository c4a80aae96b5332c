"""Reference sections 12, 13, 30 and 31: reserved names, numbers, the size of structured messages, policies, keys."""

import json

import pytest

from harness.behaviours import behaviour
from harness.lab import refused
from harness.topics import INVALID, Topics, envelopes, messages, text
from harness.waiting import eventually

BAD_VALUE = "ParameterValueInvalid"


@behaviour("SNS-145")
def test_names_of_aws_are_reserved(topics: Topics):
    topic = topics.topic()
    queue = topic.subscribed_queue()
    for name in ("AWS.x", "aws.x", "Amazon.x", "AMAZON.X", "AWS.SNS.x", "AWS.MM.x", "aws.sns.sms.SenderID"):
        with refused(BAD_VALUE):
            topic.publish(MessageAttributes={name: text("v")})
    for name in ("AWS.SNS.MOBILE.GCM.TTL", "AWS.SNS.SMS.SenderID", "AWS.MM.SMS.OriginationNumber", "AWSx", "Amazonas"):
        topic.publish(name, MessageAttributes={name: text("v")})
    assert len(eventually(lambda: messages(queue), "messages")) == 5


@behaviour("SNS-142")
def test_an_envelope_has_as_many_attributes_as_were_published(topics: Topics):
    topic = topics.topic()
    queue = topic.subscribed_queue()
    topic.publish("many", MessageAttributes={f"a{number}": text("v") for number in range(300)})
    (envelope,) = eventually(lambda: envelopes(queue), "the message")
    assert len(envelope["MessageAttributes"]) == 300


@behaviour("SNS-160")
@pytest.mark.parametrize("value", ["x", "1,5", "inf", "NaN", "0x1"])
def test_numbers_are_numbers(topics: Topics, value: str):
    with refused(BAD_VALUE, "Could not cast message attribute 'n' value to number."):
        topics.topic().publish(MessageAttributes={"n": text(value, "Number")})


@behaviour("SNS-173")
def test_all_texts_of_a_structured_message_count(topics: Topics):
    topic = topics.topic(MaximumMessageSize="1024")
    frame = len(json.dumps({"default": "", "sqs": ""}))
    for size in (1024 - frame, 1025 - frame):
        message = json.dumps({"default": "d" * (size - 10), "sqs": "s" * 10})
        if size + frame <= 1024:
            topic.publish(message, MessageStructure="json")
        else:
            with refused(INVALID, "Invalid parameter: Message too long"):
                topic.publish(message, MessageStructure="json")


def statement(number: int) -> dict:
    return {"Sid": f"s{number}", "Effect": "Allow", "Principal": "*", "Action": "SNS:Publish", "Resource": "*"}


@behaviour("SNS-413")
def test_a_policy_has_100_statements_and_30_kilobytes(topics: Topics):
    topic = topics.topic()

    def put(count: int, padding: int = 0):
        document = {"Version": "2012-10-17", "Statement": [statement(number) for number in range(count)], "Id": "x" * padding}
        text = json.dumps(document)
        topic.set("Policy", text)
        return len(text)

    size = put(100)
    with refused(INVALID):
        put(101)
    assert put(100, 30720 - size) == 30720
    with refused(INVALID):
        put(100, 30721 - size)
    with refused(INVALID):
        topic.sns.add_permission(TopicArn=topic.arn, Label="more", AWSAccountId=["111111111111"], ActionName=["Publish"])


@behaviour("SNS-421")
def test_a_topic_with_a_key_delivers_plain_text(topics: Topics):
    topic = topics.topic(KmsMasterKeyId="alias/aws/sns")
    queue = topic.subscribed_queue(RawMessageDelivery="true")
    topic.publish("plain")
    assert topic.attributes()["KmsMasterKeyId"] == "alias/aws/sns"
    assert eventually(queue.bodies, "the message") == ["plain"]
