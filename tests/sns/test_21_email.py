"""Reference sections 8 and 21: mails, from the question to the notification."""

import json
import uuid
from urllib.parse import urlsplit

import pytest

from harness.behaviours import behaviour
from harness.captured import Captured
from harness.lab import refused
from harness.topics import INVALID, Topic, Topics, text
from harness.wire import Wire

SUBJECT = "AWS Notification - Subscription Confirmation"


@pytest.fixture
def address() -> str:
    """A mail address of this test."""
    return f"{uuid.uuid4().hex}@example.com"


def subscribe(topic: Topic, protocol: str, address: str, **more) -> str:
    return topic.sns.subscribe(TopicArn=topic.arn, Protocol=protocol, Endpoint=address, **more)["SubscriptionArn"]


def link(body: str) -> str:
    """The only link of a mail."""
    [url] = [line for line in body.splitlines() if line.startswith("http")]
    return url


def visit(captured: Captured, url: str):
    """Opens a link of a mail without a signature, as a browser does."""
    parts = urlsplit(url)
    assert parts.netloc == captured.host
    answer = Wire(captured.host).ask("GET", f"/?{parts.query}")
    assert answer.status == 200, answer.text


@behaviour("SNS-070", "SNS-091", "SNS-106", "SNS-253", "SNS-255", "SNS-103")
def test_a_mailbox_is_asked_and_then_hears(clocked_topics: Topics, captured: Captured, address: str):
    topic = clocked_topics.topic(DisplayName="Orders")
    assert subscribe(topic, "email", address) == "pending confirmation"
    topic.publish("unheard")
    question = captured.one(address)
    assert (question["Kind"], question["Subject"]) == ("email", SUBJECT)
    assert question["Details"]["From"] == "AWS Notifications <no-reply@sns.amazonaws.com>"
    assert topic.arn in question["Body"]
    [listed] = topic.sns.list_subscriptions_by_topic(TopicArn=topic.arn)["Subscriptions"]
    assert listed["SubscriptionArn"] == "PendingConfirmation"
    visit(captured, link(question["Body"]))
    [listed] = topic.sns.list_subscriptions_by_topic(TopicArn=topic.arn)["Subscriptions"]
    arn = listed["SubscriptionArn"]
    attributes = topic.sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert (attributes["PendingConfirmation"], attributes["ConfirmationWasAuthenticated"]) == ("false", "false")
    topic.publish("text", Subject="Subject")
    mail = captured.messages(address, 2)[1]
    assert (mail["Subject"], mail["SubscriptionArn"], mail["TopicArn"]) == ("Subject", arn, topic.arn)
    assert mail["Details"]["From"] == "Orders <no-reply@sns.amazonaws.com>"
    assert mail["Body"].startswith("text\n\n--\n")
    visit(captured, link(mail["Body"]))
    assert topic.sns.list_subscriptions_by_topic(TopicArn=topic.arn)["Subscriptions"] == []


@behaviour("SNS-254", "SNS-253", "SNS-096", "SNS-186", "SNS-255")
def test_email_json_carries_the_envelope(clocked_topics: Topics, captured: Captured, address: str):
    topic = clocked_topics.topic()
    arn = subscribe(topic, "email-json", address, ReturnSubscriptionArn=True)
    question = json.loads(captured.one(address)["Body"])
    assert (question["Type"], question["TopicArn"]) == ("SubscriptionConfirmation", topic.arn)
    assert topic.sns.confirm_subscription(TopicArn=topic.arn, Token=question["Token"])["SubscriptionArn"] == arn
    message = json.dumps({"default": "d", "email": "e", "email-json": "j"})
    published = topic.publish(message, MessageStructure="json", MessageAttributes={"a": text("v")})
    mail = captured.messages(address, 2)[1]
    assert mail["Subject"] == "AWS Notification Message"
    assert mail["Details"]["From"] == "AWS Notifications <no-reply@sns.amazonaws.com>"
    envelope = json.loads(mail["Body"])
    assert (envelope["Type"], envelope["Message"], envelope["MessageId"]) == ("Notification", "j", published["MessageId"])
    assert envelope["MessageAttributes"] == {"a": {"Type": "String", "Value": "v"}}


@behaviour("SNS-075", "SNS-094", "SNS-071")
def test_a_question_is_repeated_and_expires(clocked_topics: Topics, captured: Captured, address: str):
    topic = clocked_topics.topic()
    arn = subscribe(topic, "email", address, ReturnSubscriptionArn=True)
    assert subscribe(topic, "email", address, ReturnSubscriptionArn=True) == arn
    first, second = (link(mail["Body"]) for mail in captured.messages(address, 2))
    assert first == second
    clocked_topics.lab.advance(48 * 3600 + 1)
    assert topic.sns.list_subscriptions_by_topic(TopicArn=topic.arn)["Subscriptions"] == []
    with refused(INVALID, "Invalid parameter: Token"):
        topic.sns.confirm_subscription(TopicArn=topic.arn, Token=first.split("Token=")[1])


def test_addresses_and_attributes_are_checked(clocked_topics: Topics, address: str):
    topic = clocked_topics.topic()
    for bad in ("text", "a@b\nBcc: c@d", "@example.com"):
        with refused(INVALID, "Invalid parameter: Email address"):
            subscribe(topic, "email", bad)
    with refused(INVALID, "Invalid parameter: Attributes Reason: Delivery protocol [email] does not support raw message delivery."):
        subscribe(topic, "email", address, Attributes={"RawMessageDelivery": "true"})


def test_mails_are_shown_by_kind_and_cleared(clocked_topics: Topics, captured: Captured, address: str):
    topic = clocked_topics.topic()
    subscribe(topic, "email", address)
    assert address in [mail["Endpoint"] for mail in captured.show(Kind="email")["Messages"]]
    assert captured.show(Kind="sms", Endpoint=address)["Messages"] == []
    assert captured.show(Endpoint=address, AccountId="111111111111")["Messages"] == []
    captured.clear(Endpoint=address)
    assert captured.show(Endpoint=address)["Messages"] == []
    assert captured.ask("GET", "/_waystation/sns/captured", Kind="pigeon").status == 400
    assert captured.ask("GET", "/_waystation/sns/captured", Marker="x").status == 400
    assert captured.ask("GET", "/_waystation/sns/captured", AccountId="x").status == 400
    assert captured.ask("POST", "/_waystation/sns/opted-out", PhoneNumber="+15550100", Region="a/b").status == 400
