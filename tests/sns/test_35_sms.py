"""Reference section 35: text messages, who gets them, and what an account sets for them."""

import json
from functools import partial

import pytest

from harness.at_once import at_once, refusals
from harness.behaviours import behaviour
from harness.captured import SMS, Captured, fresh_number
from harness.clients import aws_client
from harness.lab import Lab, refused
from harness.server import Server
from harness.topics import INVALID, Topics, text

MONTH_SECONDS = 30 * 24 * 3600


@pytest.fixture
def number() -> str:
    """A phone number of this test."""
    return fresh_number()


def in_region(lab: Lab, region: str):
    """A client of an account's other region, where nothing is set yet."""
    return aws_client("sns", lab.server.url, region=region, validate=False)


@behaviour("SNS-465", "SNS-466", "SNS-122")
def test_a_number_gets_what_is_published_to_it(clocked_topics: Topics, captured: Captured, number: str):
    answer = clocked_topics.sns.publish(PhoneNumber=number, Message="hello", Subject="unused")
    sms = captured.one(number)
    assert (sms["Kind"], sms["Body"], sms["MessageId"]) == ("sms", "hello", answer["MessageId"])
    assert sms["Parts"] == ["hello"]
    assert sms["Details"] == {"SMSType": "Promotional"}
    for bad in ("12", "+0123456", "1555123456", "+1555-12345", "+1234567890123456"):
        with refused(INVALID, f"Invalid parameter: PhoneNumber Reason: {bad} is not valid to publish to"):
            clocked_topics.sns.publish(PhoneNumber=bad, Message="m")
    with refused(INVALID, "Invalid parameter: Empty message"):
        clocked_topics.sns.publish(PhoneNumber=number, Message="")


@behaviour("SNS-467")
def test_long_texts_come_in_parts(clocked_topics: Topics, captured: Captured, number: str):
    gsm, ascii_only, wide = "word " * 40, "`" * 150, "ł" * 100
    for message in (gsm, ascii_only, wide, "x" * 1600):
        clocked_topics.sns.publish(PhoneNumber=number, Message=message)
    parts = [sms["Parts"] for sms in captured.messages(number, 4)]
    assert parts[0] == ["word " * 32, "word " * 8]
    assert [len(part) for part in parts[1]] == [140, 10]
    assert [len(part) for part in parts[2]] == [70, 30]
    assert [len(part) for part in parts[3]] == [160] * 10
    with refused(INVALID, "Invalid parameter: Message too long"):
        clocked_topics.sns.publish(PhoneNumber=number, Message="x" * 1601)


@behaviour("SNS-468", "SNS-145")
def test_attributes_control_an_sms(clocked_topics: Topics, captured: Captured, number: str):
    attributes = {
        "AWS.SNS.SMS.SenderID": text("Waystation"),
        "AWS.SNS.SMS.SMSType": text("Transactional"),
        "AWS.SNS.SMS.MaxPrice": text("0.50", "Number"),
        "AWS.MM.SMS.OriginationNumber": text("+15550100"),
        "AWS.MM.SMS.EntityId": text("entity"),
        "AWS.MM.SMS.TemplateId": text("template"),
    }
    clocked_topics.sns.publish(PhoneNumber=number, Message="m", MessageAttributes=attributes | {"own": text("v")})
    assert captured.one(number)["Details"] == {
        "SenderID": "Waystation",
        "SMSType": "Transactional",
        "MaxPrice": "0.50",
        "OriginationNumber": "+15550100",
        "EntityId": "entity",
        "TemplateId": "template",
    }
    for name, value in (("SenderID", "123"), ("SMSType", "Other"), ("MaxPrice", "x")):
        with refused(INVALID):
            clocked_topics.sns.publish(
                PhoneNumber=number, Message="m", MessageAttributes={f"AWS.SNS.SMS.{name}": text(value)}
            )


@behaviour("SNS-469", "SNS-470", "SNS-471", "SNS-472")
def test_an_account_sets_what_holds_for_its_sms(clocked: Lab, captured: Captured, number: str):
    sns = in_region(clocked, "eu-west-2")
    assert sns.get_sms_attributes()["attributes"] == {"MonthlySpendLimit": "1"}
    given = {
        "MonthlySpendLimit": "5",
        "DeliveryStatusIAMRole": "arn:aws:iam::000000000000:role/r",
        "DeliveryStatusSuccessSamplingRate": "100",
        "DefaultSenderID": "Sender1",
        "DefaultSMSType": "Transactional",
        "UsageReportS3Bucket": "bucket",
    }
    sns.set_sms_attributes(attributes=given)
    assert sns.get_sms_attributes()["attributes"] == given
    named = sns.get_sms_attributes(attributes=["DefaultSMSType", "MonthlySpendLimit"])["attributes"]
    assert named == {"DefaultSMSType": "Transactional", "MonthlySpendLimit": "5"}
    sns.publish(PhoneNumber=number, Message="m")
    [sms] = captured.show(Endpoint=number, Region="eu-west-2")["Messages"]
    assert sms["Details"] == {"SenderID": "Sender1", "SMSType": "Transactional"}
    with refused(INVALID, "Color is not a valid attribute"):
        sns.set_sms_attributes(attributes={"Color": "red"})
    with refused(INVALID, "DefaultSMSType is invalid"):
        sns.set_sms_attributes(attributes={"DefaultSMSType": "Other", "MonthlySpendLimit": "9"})
    for name, value in (
        ("DefaultSenderID", "123"),
        ("DefaultSenderID", "Waystation12"),
        ("DeliveryStatusSuccessSamplingRate", "101"),
        ("MonthlySpendLimit", "x"),
    ):
        with refused(INVALID):
            sns.set_sms_attributes(attributes={name: value})
    assert sns.get_sms_attributes()["attributes"] == given, "a refused request changes nothing"


@behaviour("SNS-473", "SNS-474")
def test_who_opted_out_hears_nothing(clocked_topics: Topics, captured: Captured, number: str):
    sns = clocked_topics.sns

    def is_opted_out() -> bool:
        return sns.check_if_phone_number_is_opted_out(phoneNumber=number)["isOptedOut"]

    assert not is_opted_out()
    sns.opt_in_phone_number(phoneNumber=number)
    captured.opt_out(number)
    assert is_opted_out()
    assert number in sns.list_phone_numbers_opted_out()["phoneNumbers"]
    assert sns.publish(PhoneNumber=number, Message="unheard")["MessageId"]
    sns.opt_in_phone_number(phoneNumber=number)
    assert not is_opted_out()
    sns.publish(PhoneNumber=number, Message="heard")
    assert captured.one(number)["Body"] == "heard"
    captured.opt_out(number)
    with refused(INVALID):
        sns.opt_in_phone_number(phoneNumber=number)
    clocked_topics.lab.advance(MONTH_SECONDS)
    sns.opt_in_phone_number(phoneNumber=number)
    assert not is_opted_out()
    malformed = "Invalid parameter: PhoneNumber Reason: input incorrectly formatted"
    with refused(INVALID, malformed):
        sns.opt_in_phone_number(phoneNumber="text")
    with refused(INVALID, malformed):
        sns.check_if_phone_number_is_opted_out(phoneNumber="+1")


@behaviour("SNS-473")
def test_opted_out_numbers_have_pages(clocked: Lab, captured: Captured):
    sns = in_region(clocked, "eu-west-3")
    made = [fresh_number() for _ in range(101)]
    for number in made:
        answer = captured.ask("POST", "/_waystation/sns/opted-out", PhoneNumber=number, Region="eu-west-3")
        assert answer.status == 200
    first = sns.list_phone_numbers_opted_out()
    second = sns.list_phone_numbers_opted_out(nextToken=first["nextToken"])
    assert len(first["phoneNumbers"]) == 100 and "nextToken" not in second
    assert sorted(first["phoneNumbers"] + second["phoneNumbers"]) == sorted(made)


@behaviour("SNS-475", "SNS-476", "SNS-477")
def test_the_sandbox_lets_verified_numbers_through(lab_with_limits: Lab):
    sns, captured = Topics(lab_with_limits).sns, Captured(lab_with_limits.server)
    number = fresh_number()

    def later(operation, **parameters):
        lab_with_limits.advance(1)  # Once in a second.
        return operation(**parameters)

    def listed() -> list[dict]:
        return later(sns.list_sms_sandbox_phone_numbers)["PhoneNumbers"]

    assert sns.get_sms_sandbox_account_status()["IsInSandbox"] is True
    assert sns.publish(PhoneNumber=number, Message="lost")["MessageId"]
    later(sns.create_sms_sandbox_phone_number, PhoneNumber=number, LanguageCode="de-DE")
    assert {"PhoneNumber": number, "Status": "Pending"} in listed()
    password = captured.one(number)["Body"].split()[-1]
    assert len(password) == 6 and password.isdigit()
    wrong = str((int(password) + 1) % 1_000_000).zfill(6)
    with refused("VerificationException"):
        later(sns.verify_sms_sandbox_phone_number, PhoneNumber=number, OneTimePassword=wrong)
    sns.publish(PhoneNumber=number, Message="lost")
    later(sns.verify_sms_sandbox_phone_number, PhoneNumber=number, OneTimePassword=password)
    assert {"PhoneNumber": number, "Status": "Verified"} in listed()
    sns.publish(PhoneNumber=number, Message="heard")
    assert [sms["Body"] for sms in captured.messages(number, 2)][1] == "heard"
    later(sns.delete_sms_sandbox_phone_number, PhoneNumber=number)
    assert number not in [entry["PhoneNumber"] for entry in listed()]
    with refused("ResourceNotFound", status=404):
        later(sns.delete_sms_sandbox_phone_number, PhoneNumber=number)
    with refused("ResourceNotFound", status=404):
        later(sns.verify_sms_sandbox_phone_number, PhoneNumber=number, OneTimePassword="12345")


@behaviour("SNS-476", "SNS-477")
def test_sandbox_numbers_are_checked(clocked: Lab, captured: Captured):
    sns = in_region(clocked, "eu-north-1")
    assert sns.get_sms_sandbox_account_status()["IsInSandbox"] is False
    pattern = "Member must satisfy regular expression pattern: ^(\\+[0-9]{8,}|[0-9]{0,9})$"
    for bad in ("+1234567", "1234567890", "text", "+12345678901234567890"):
        expected = f"1 validation error detected: Value '{bad}' at 'phoneNumber' failed to satisfy constraint: {pattern}"
        with refused("ValidationError", expected):
            sns.create_sms_sandbox_phone_number(PhoneNumber=bad)
    with refused("ValidationError"):
        sns.create_sms_sandbox_phone_number(PhoneNumber=fresh_number(), LanguageCode="xx-XX")
    for language in ("en-US", "en-GB", "es-419", "es-ES", "de-DE", "fr-CA", "fr-FR", "it-IT", "ja-JP", "pt-BR"):
        sns.create_sms_sandbox_phone_number(PhoneNumber=fresh_number(), LanguageCode=language)
    with refused("UserError"):
        sns.create_sms_sandbox_phone_number(PhoneNumber=fresh_number())
    first = sns.list_sms_sandbox_phone_numbers(MaxResults=9)
    second = sns.list_sms_sandbox_phone_numbers(MaxResults=9, NextToken=first["NextToken"])
    assert (len(first["PhoneNumbers"]), len(second["PhoneNumbers"])) == (9, 1)
    for most in (0, 101):
        with refused("ValidationError"):
            sns.list_sms_sandbox_phone_numbers(MaxResults=most)
    elsewhere, number = in_region(clocked, "eu-south-1"), fresh_number()
    answer = captured.ask("POST", "/_waystation/sns/opted-out", PhoneNumber=number, Region="eu-south-1")
    assert answer.status == 200
    with refused("OptedOut"):
        elsewhere.create_sms_sandbox_phone_number(PhoneNumber=number)
    for language in ("kr-KR", "zh-CN", "zh-TW"):
        elsewhere.create_sms_sandbox_phone_number(PhoneNumber=fresh_number(), LanguageCode=language)


@behaviour("SNS-478", "SNS-260", "SNS-069", "SNS-064")
def test_topics_send_sms(clocked_topics: Topics, captured: Captured, number: str):
    topic = clocked_topics.topic(DisplayName="A long display name")
    plain = clocked_topics.topic()
    separated = f"{number[:4]}-{number[4:]}"
    arns = [
        entry.sns.subscribe(TopicArn=entry.arn, Protocol="sms", Endpoint=separated)["SubscriptionArn"]
        for entry in (topic, plain)
    ]
    assert all(arn.count(":") == 6 for arn in arns)
    topic.publish("named")
    plain.publish(json.dumps({"default": "d", "sms": "own text"}), MessageStructure="json")
    found = {sms["SubscriptionArn"]: sms["Body"] for sms in captured.messages(separated, 2)}
    assert found == {arns[0]: "A long dis> named", arns[1]: "own text"}


@behaviour("SNS-280")
def test_filters_of_sms_are_checked_and_hold(clocked_topics: Topics, captured: Captured, number: str):
    topic = clocked_topics.topic()

    def subscribe(policy: str):
        attributes = {"FilterPolicy": policy}
        topic.sns.subscribe(TopicArn=topic.arn, Protocol="sms", Endpoint=number, Attributes=attributes)

    with refused(INVALID):
        subscribe('{"a":[]}')
    subscribe('{"a":["x"]}')
    topic.publish("not", MessageAttributes={"a": text("y")})
    topic.publish("yes", MessageAttributes={"a": text("x")})
    assert captured.one(number)["Body"] == "yes"


def test_nobody_owns_numbers_to_send_from(clocked_topics: Topics):
    assert clocked_topics.sns.list_origination_numbers()["PhoneNumbers"] == []
    for most in (0, 31):
        with refused("ValidationException"):
            clocked_topics.sns.list_origination_numbers(MaxResults=most)


def test_numbers_are_shown_and_cleared_by_number(clocked_topics: Topics, captured: Captured):
    one, other = fresh_number(), fresh_number()
    for number in (one, one, other):
        clocked_topics.sns.publish(PhoneNumber=number, Message="m")
    shown = captured.show(SMS)
    assert shown["region"] == "us-east-1" and shown["accountId"] == "000000000000"
    assert len(shown["sms_messages"][one]) == 2 and len(shown["sms_messages"][other]) == 1
    entry = shown["sms_messages"][other][0]
    assert (entry["PhoneNumber"], entry["Message"], entry["TopicArn"]) == (other, "m", None)
    captured.clear(SMS, phoneNumber=one)
    assert captured.show(SMS, phoneNumber=one)["sms_messages"] == {one: []}
    assert len(captured.messages(other)) == 1
    unescaped = captured.show(f"{SMS}?phoneNumber={other}&x=")
    assert list(unescaped["sms_messages"]) == [other], "a plus sign need not be escaped"


def test_captured_messages_survive_kill_9_and_go_with_a_reset():
    with Server("--test-endpoints") as running:
        topics, captured = Topics(Lab(running)), Captured(running)
        number = fresh_number()
        topic = topics.topic()
        topic.sns.subscribe(TopicArn=topic.arn, Protocol="sms", Endpoint=number)
        topics.sns.publish(PhoneNumber=number, Message="direct")
        topics.sns.set_sms_attributes(attributes={"DefaultSenderID": "Kept"})
        captured.opt_out("+15559999")
        topic.publish("by topic")
        running.kill9()
        running.start()
        assert sorted(sms["Body"] for sms in captured.messages(number, 2)) == ["by topic", "direct"]
        assert topics.sns.get_sms_attributes()["attributes"]["DefaultSenderID"] == "Kept"
        assert topics.sns.check_if_phone_number_is_opted_out(phoneNumber="+15559999")["isOptedOut"]
        assert captured.ask("POST", "/_waystation/reset").status == 200
        assert captured.show()["Messages"] == []
        assert topics.sns.get_sms_attributes()["attributes"] == {"MonthlySpendLimit": "1"}
        topics.sns.publish(PhoneNumber=number, Message="anew")
        assert captured.one(number)["Body"] == "anew"


@behaviour("SNS-469", "SNS-472")
def test_many_may_set_what_holds_for_sms_at_once(clocked: Lab):
    region, rounds = "eu-west-3", 10
    names = {
        "MonthlySpendLimit": [str(count) for count in range(1, rounds + 1)],
        "DefaultSenderID": [f"Sender{count}" for count in range(rounds)],
        "DefaultSMSType": ["Promotional", "Transactional"] * (rounds // 2),
        "UsageReportS3Bucket": [f"bucket{count}" for count in range(rounds)],
    }

    def change(client, name: str):
        for value in names[name]:
            client.set_sms_attributes(attributes={name: value})

    results = at_once([partial(change, in_region(clocked, region), name) for name in [*names] * 8])
    assert refusals(results) == []
    found = in_region(clocked, region).get_sms_attributes()["attributes"]
    assert found == {name: values[-1] for name, values in names.items()}
