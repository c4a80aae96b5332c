"""Reference section 34: platform applications, their endpoints, and what is pushed to them."""

import json
import uuid
from functools import partial

import pytest

from harness.at_once import at_once, refusals
from harness.behaviours import behaviour
from harness.captured import PUSH, Captured
from harness.clients import aws_client
from harness.lab import refused
from harness.platforms import CREDENTIALS, Application
from harness.topics import INVALID, Topics, envelopes, text
from harness.waiting import eventually


@pytest.fixture
def app(clocked_topics: Topics) -> Application:
    """An application at one of the push services."""
    return Application(clocked_topics)


def attributes_of(app: Application, endpoint: str) -> dict[str, str]:
    return app.sns.get_endpoint_attributes(EndpointArn=endpoint)["Attributes"]


def change(app: Application, endpoint: str, **attributes: str):
    app.sns.set_endpoint_attributes(EndpointArn=endpoint, Attributes=attributes)


@behaviour("SNS-003", "SNS-004", "SNS-444", "SNS-445", "SNS-452")
def test_applications_and_endpoints_have_arns_and_attributes(app: Application):
    assert app.arn == f"arn:aws:sns:us-east-1:000000000000:app/GCM/{app.name}"
    assert app.attributes() == {"Enabled": "true"}
    endpoint = app.endpoint("token")
    prefix, _, last = endpoint.rpartition("/")
    assert prefix == f"arn:aws:sns:us-east-1:000000000000:endpoint/GCM/{app.name}"
    assert str(uuid.UUID(last)) == last
    assert attributes_of(app, endpoint) == {"Enabled": "true", "Token": "token"}
    with_data = app.endpoint(CustomUserData="data")
    assert attributes_of(app, with_data)["CustomUserData"] == "data"
    assert {listed["EndpointArn"] for listed in app.endpoints()} == {endpoint, with_data}
    assert {"EndpointArn": endpoint, "Attributes": {"Enabled": "true", "Token": "token"}} in app.endpoints()


@behaviour("SNS-444")
def test_attributes_are_kept_and_credentials_are_not_shown(app: Application, clocked_topics: Topics):
    topic = clocked_topics.topic().arn
    role = "arn:aws:iam::000000000000:role/r"
    given = {
        "EventEndpointCreated": topic,
        "EventEndpointDeleted": topic,
        "EventEndpointUpdated": topic,
        "EventDeliveryFailure": topic,
        "SuccessFeedbackRoleArn": role,
        "FailureFeedbackRoleArn": role,
        "SuccessFeedbackSampleRate": "50",
        "ApplePlatformTeamID": "team",
        "ApplePlatformBundleID": "bundle",
    }
    app.set(**given, **CREDENTIALS)
    assert app.attributes() == given | {"Enabled": "true"}
    app.set(EventEndpointCreated="", Enabled="false")
    del given["EventEndpointCreated"]
    assert app.attributes() == given | {"Enabled": "false"}
    for name in ("AppleCertificateExpiryDate", "AuthenticationMethod", "Unknown"):
        with refused(INVALID, f"Invalid parameter: Attributes Reason: Invalid attribute name: {name}"):
            app.set(**{name: "x"})
    for name, value in (("Enabled", "x"), ("SuccessFeedbackSampleRate", "101"), ("EventEndpointDeleted", "x")):
        with refused(INVALID):
            app.set(**{name: value})


@behaviour("SNS-439")
def test_platforms_are_known(clocked_topics: Topics):
    for platform in ("ADM", "APNS", "APNS_SANDBOX", "GCM", "APNS_VOIP", "APNS_VOIP_SANDBOX", "MACOS", "MACOS_SANDBOX", "BAIDU", "MPNS", "WNS"):
        assert f":app/{platform}/" in Application(clocked_topics, platform).arn
    with refused(INVALID, "Invalid parameter: Platform Reason: PIGEON is not supported"):
        Application(clocked_topics, "PIGEON")


@behaviour("SNS-440", "SNS-441")
def test_names_are_checked(clocked_topics: Topics):
    def create(name: str) -> str:
        answer = clocked_topics.sns.create_platform_application(Name=name, Platform="GCM", Attributes=CREDENTIALS)
        return answer["PlatformApplicationArn"]

    for good in ("n" * 256, "A-b_9.x"):
        assert create(good).endswith(f"/{good}")
    long = "n" * 257
    with refused(INVALID, f"Invalid parameter: {long} Reason: must be at most 256 characters long"):
        create(long)
    with refused(INVALID, "Invalid parameter:  Reason: cannot be empty"):
        create("")
    only = "must contain only characters 'a'-'z', 'A'-'Z', '0'-'9', '_', '-', and '.'"
    with refused(INVALID, f"Invalid parameter: a/b Reason: {only}"):
        create("a/b")


@behaviour("SNS-442")
def test_attributes_are_required(app: Application):
    expected = (
        "1 validation error detected: Value null at 'attributes' failed to satisfy constraint: Member must not be null"
    )
    with refused("ValidationError", expected):
        app.sns.create_platform_application(Name="a", Platform="GCM", Attributes={})
    with refused("ValidationError", expected):
        app.set()


@behaviour("SNS-443")
def test_credentials_come_together(app: Application, clocked_topics: Topics):
    reason = "Invalid parameter: Attributes Reason:"
    with refused(INVALID, f"{reason} PlatformPrincipal attribute provided without PlatformCredential"):
        app.set(PlatformPrincipal="p")
    apns = Application(clocked_topics, "APNS")
    with refused(INVALID, f"{reason} PlatformCredential attribute provided without PlatformPrincipal"):
        apns.set(PlatformCredential="c")
    app.set(PlatformCredential="a server key has no principal")


@behaviour("SNS-446", "SNS-458")
def test_a_missing_application_has_nothing(app: Application):
    app.endpoint()
    app.delete()
    for ask in (app.endpoint, app.endpoints, app.attributes, lambda: app.set(Enabled="true")):
        with refused("NotFound", "PlatformApplication does not exist", 404):
            ask()


@behaviour("SNS-447", "SNS-457")
def test_an_application_of_the_same_name_is_the_same(app: Application):
    app.set(ApplePlatformTeamID="team")
    assert app.create() == app.arn
    assert app.attributes()["ApplePlatformTeamID"] == "team"
    old = app.endpoint("token")
    app.delete()
    app.delete()
    assert app.create() == app.arn
    assert app.attributes() == {"Enabled": "true"}
    assert app.endpoints() == []
    assert app.endpoint("token") != old


@behaviour("SNS-448", "SNS-449", "SNS-451")
def test_a_token_has_one_endpoint(app: Application):
    endpoint = app.endpoint("token", CustomUserData="data")
    assert app.endpoint("token", CustomUserData="data") == endpoint
    assert app.endpoint("token", Attributes={"CustomUserData": "data", "Enabled": "true"}) == endpoint
    assert app.endpoint("token", CustomUserData="loses", Attributes={"CustomUserData": "data"}) == endpoint
    taken = f"Invalid parameter: Token Reason: Endpoint {endpoint} already exists with the same Token, but different attributes."
    for more in ({}, {"CustomUserData": "other"}, {"Attributes": {"CustomUserData": "data", "Enabled": "false"}}):
        with refused(INVALID, taken):
            app.endpoint("token", **more)
    change(app, endpoint, Enabled="false")
    assert app.endpoint("token", CustomUserData="data") == endpoint, "whether it is enabled counts only when asked"
    other = app.endpoint("other")
    with refused(INVALID, taken):
        change(app, other, Token="token")
    app.sns.delete_endpoint(EndpointArn=endpoint)
    assert app.endpoint("token") != endpoint


@behaviour("SNS-450", "SNS-453", "SNS-454")
def test_attributes_of_endpoints_are_checked(app: Application):
    endpoint = app.endpoint("token")
    change(app, endpoint, CustomUserData="ä" * 1024, Token="new", Enabled="false")
    assert attributes_of(app, endpoint) == {"Enabled": "false", "Token": "new", "CustomUserData": "ä" * 1024}
    assert app.endpoint("token") != endpoint, "the former token is free"
    unknown = "Invalid parameter: Attributes Reason: Invalid attribute name: Color"
    long = (
        "Invalid parameter: Attributes Reason: Invalid value for attribute: CustomUserData: must be at most 2048 bytes long"
        " in UTF-8 encoding"
    )
    for name, value, reason in (("Color", "red", unknown), ("CustomUserData", "ä" * 1025, long)):
        with refused(INVALID, reason):
            change(app, endpoint, **{name: value})
        with refused(INVALID, reason):
            app.endpoint(Attributes={name: value})


@behaviour("SNS-455", "SNS-456", "SNS-022")
def test_endpoints_are_addressed_by_arn(app: Application):
    endpoint = app.endpoint()
    slashes = "Invalid parameter: EndpointArn Reason: Wrong number of slashes in relative portion of the ARN."
    for arn, reason in (
        (endpoint.rpartition("/")[0], slashes),
        (f"{endpoint}/x", slashes),
        ("text", "Invalid parameter: EndpointArn Reason: An ARN must have at least 6 elements, not 1"),
    ):
        with refused(INVALID, reason):
            attributes_of(app, arn)
    short = "Invalid parameter: PlatformApplicationArn Reason: An ARN must have at least 6 elements, not 2"
    with refused(INVALID, short):
        app.sns.get_platform_application_attributes(PlatformApplicationArn="a:b")
    missing = f"{endpoint.rpartition('/')[0]}/{uuid.uuid4()}"
    with refused("NotFound", "Endpoint does not exist", 404):
        attributes_of(app, missing)
    with refused("NotFound", "Endpoint does not exist", 404):
        change(app, missing, Enabled="true")


@behaviour("SNS-457", "SNS-120")
def test_deleting_an_endpoint_leaves_its_subscriptions(app: Application, clocked_topics: Topics):
    topic, endpoint = clocked_topics.topic(), app.endpoint()
    arn = topic.sns.subscribe(TopicArn=topic.arn, Protocol="application", Endpoint=endpoint)["SubscriptionArn"]
    app.sns.delete_endpoint(EndpointArn=endpoint)
    app.sns.delete_endpoint(EndpointArn=endpoint)
    [listed] = topic.sns.list_subscriptions_by_topic(TopicArn=topic.arn)["Subscriptions"]
    assert (listed["SubscriptionArn"], listed["Endpoint"]) == (arn, endpoint)


@behaviour("SNS-123", "SNS-462", "SNS-163", "SNS-464")
def test_a_push_carries_the_text_of_its_platform(app: Application, captured: Captured):
    endpoint = app.endpoint("device")
    payload = json.dumps({"notification": {"title": "t"}})
    message = json.dumps({"default": "d", "GCM": payload, "APNS": "other"})
    controls = {"AWS.SNS.MOBILE.GCM.TTL": "60", "AWS.SNS.MOBILE.APNS.PRIORITY": "10"}
    answer = app.sns.publish(
        TargetArn=endpoint,
        Message=message,
        MessageStructure="json",
        MessageAttributes={name: text(value) for name, value in controls.items()} | {"own": text("v")},
    )
    pushed = captured.one(endpoint)
    assert (pushed["Kind"], pushed["Body"], pushed["MessageId"]) == ("push", payload, answer["MessageId"])
    shaped = {name.removeprefix("AWS.SNS.MOBILE."): value for name, value in controls.items()}
    assert pushed["Details"] == shaped | {"Platform": "GCM", "Token": "device"}
    assert "TopicArn" not in pushed
    shown = captured.show(PUSH, endpointArn=endpoint)
    assert [entry["Message"] for entry in shown["platform_endpoint_messages"][endpoint]] == [payload]


@behaviour("SNS-462", "SNS-165", "SNS-260", "SNS-069")
def test_topics_push(app: Application, clocked_topics: Topics, captured: Captured):
    topic, endpoint = clocked_topics.topic(), app.endpoint()
    arn = topic.sns.subscribe(TopicArn=topic.arn, Protocol="application", Endpoint=endpoint)["SubscriptionArn"]
    assert arn.startswith(topic.arn)
    topic.publish(json.dumps({"default": "d", "GCM": "g"}), MessageStructure="json")
    topic.publish(json.dumps({"default": "d", "ADM": "a"}), MessageStructure="json", MessageAttributes={"own": text("v")})
    pushed = captured.messages(endpoint, 2)
    assert sorted(message["Body"] for message in pushed) == ["d", "g"]
    assert {message["SubscriptionArn"] for message in pushed} == {arn}
    assert all("own" not in message["Details"] for message in pushed)
    with refused(INVALID):
        topic.sns.subscribe(TopicArn=topic.arn, Protocol="application", Endpoint=f"{endpoint[:-1]}x")


@behaviour("SNS-459", "SNS-460", "SNS-461")
def test_what_is_disabled_gets_nothing(app: Application, captured: Captured):
    endpoint = app.endpoint()
    change(app, endpoint, Enabled="false")
    with refused("EndpointDisabled", "Endpoint is disabled"):
        app.sns.publish(TargetArn=endpoint, Message="m")
    change(app, endpoint, Enabled="true")
    app.set(Enabled="false")
    with refused("PlatformApplicationDisabled"):
        app.sns.publish(TargetArn=endpoint, Message="m")
    app.set(Enabled="true")
    app.sns.publish(TargetArn=endpoint, Message="now")
    assert captured.one(endpoint)["Body"] == "now"


@behaviour("SNS-354", "SNS-459")
def test_a_topic_sends_what_a_disabled_endpoint_misses_to_the_dead_letters(app: Application, clocked_topics: Topics):
    topic, endpoint, dead = clocked_topics.topic(), app.endpoint(), clocked_topics.queue()
    redrive = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": dead.arn})}
    topic.sns.subscribe(TopicArn=topic.arn, Protocol="application", Endpoint=endpoint, Attributes=redrive)
    change(app, endpoint, Enabled="false")
    topic.publish("missed")
    [envelope] = eventually(lambda: envelopes(dead), "a dead letter")
    assert envelope["Message"] == "missed"


@behaviour("SNS-463")
def test_topics_hear_of_endpoints(app: Application, clocked_topics: Topics):
    names = ("EventEndpointCreated", "EventEndpointUpdated", "EventEndpointDeleted", "EventDeliveryFailure")
    topics = {name: clocked_topics.topic() for name in names}
    queues = {name: topic.subscribed_queue() for name, topic in topics.items()}
    app.set(**{name: topic.arn for name, topic in topics.items()})
    endpoint = app.endpoint("token")
    app.endpoint("token")
    change(app, endpoint, Enabled="false")
    with refused("EndpointDisabled"):
        app.sns.publish(TargetArn=endpoint, Message="m")
    app.sns.delete_endpoint(EndpointArn=endpoint)
    for name, queue in queues.items():
        [envelope] = eventually(lambda: envelopes(queue), name)
        event = json.loads(envelope["Message"])
        assert (event["EventType"], event["Resource"], event["EndpointArn"]) == (name[5:], app.arn, endpoint)
        assert envelope["Subject"] == f"{name[5:]} event for app {app.name} (GCM)"


def test_lists_have_pages(clocked_topics: Topics):
    app = Application(clocked_topics)
    made = {app.endpoint() for _ in range(101)}
    first = app.sns.list_endpoints_by_platform_application(PlatformApplicationArn=app.arn)
    assert len(first["Endpoints"]) == 100
    second = app.sns.list_endpoints_by_platform_application(PlatformApplicationArn=app.arn, NextToken=first["NextToken"])
    assert "NextToken" not in second
    assert {listed["EndpointArn"] for page in (first, second) for listed in page["Endpoints"]} == made
    found, more = [], {}
    while True:
        page = app.sns.list_platform_applications(**more)
        found += page["PlatformApplications"]
        if "NextToken" not in page:
            break
        more = {"NextToken": page["NextToken"]}
    assert {"PlatformApplicationArn": app.arn, "Attributes": {"Enabled": "true"}} in found


@behaviour("SNS-008")
def test_endpoints_are_addressed_in_their_region(app: Application):
    elsewhere = app.endpoint().replace("us-east-1", "eu-west-1")
    with refused(INVALID, "Invalid parameter: TargetArn"):
        app.sns.publish(TargetArn=elsewhere, Message="m")
    with refused(INVALID, "Invalid parameter: EndpointArn"):
        attributes_of(app, elsewhere)


@behaviour("SNS-448")
def test_many_may_add_endpoints_to_an_application_at_once(app: Application):
    """Each is written on the condition that its application is as it was read; nobody loses that race for ever."""
    rounds = 6

    def create(client, number: int) -> list[str]:
        answers = [client.create_platform_endpoint(PlatformApplicationArn=app.arn, Token=f"{number}-{count}") for count in range(rounds)]
        return [answer["EndpointArn"] for answer in answers]

    url = app.sns.meta.endpoint_url
    results = at_once([partial(create, aws_client("sns", url), number) for number in range(32)])
    assert refusals(results) == []
    created = {arn for arns in results for arn in arns}
    assert len(created) == 32 * rounds
    pages = app.sns.get_paginator("list_endpoints_by_platform_application").paginate(PlatformApplicationArn=app.arn)
    assert {endpoint["EndpointArn"] for page in pages for endpoint in page["Endpoints"]} == created
