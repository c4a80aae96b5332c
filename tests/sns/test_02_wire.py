"""Reference sections 2 and 3: the query protocol as SNS speaks it, without an SDK."""

import http.client
import re
from urllib.parse import urlencode

from harness.behaviours import behaviour
from harness.lab import refused
from harness.topics import INVALID, Topics
from harness.wire import credential

NAMESPACE = "http://sns.amazonaws.com/doc/2010-03-31/"


def ask(topics: Topics, method: str = "POST", signed: bool = True, query: str = "", **parameters: str):
    """A raw request; status, content type and text of the answer."""
    connection = http.client.HTTPConnection(topics.lab.server.host, timeout=20)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    if signed:
        headers |= credential(service="sns")
    form = urlencode(parameters)
    if method == "GET":
        connection.request("GET", f"/?{form}", headers=headers)
    else:
        connection.request("POST", f"/{query}", body=form, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.getheader("Content-Type"), answer.read().decode()


@behaviour("SNS-009", "SNS-012", "SNS-013")
def test_a_form_gets_a_document(topics: Topics):
    arn = topics.topic().arn
    for method in ("POST", "GET"):
        status, content_type, text = ask(topics, method, Action="GetTopicAttributes", Version="2010-03-31", TopicArn=arn)
        assert (status, content_type) == (200, "text/xml")
        assert f'<GetTopicAttributesResponse xmlns="{NAMESPACE}"><GetTopicAttributesResult><Attributes><entry><key>' in text
        assert re.search(r"</GetTopicAttributesResult><ResponseMetadata><RequestId>[^<]+</RequestId></ResponseMetadata></GetTopicAttr", text)


@behaviour("SNS-010")
def test_parameters_may_stand_in_the_query(topics: Topics):
    arn = topics.topic().arn
    status, _, text = ask(topics, query="?Action=Publish&Version=2010-03-31", TopicArn=arn, Message="m")
    assert status == 200 and "<MessageId>" in text


@behaviour("SNS-011", "SNS-017")
def test_lists_and_maps_are_numbered(topics: Topics):
    status, _, text = ask(
        topics,
        Action="CreateTopic",
        Version="2010-03-31",
        Name="wire-lists",
        **{
            "Attributes.entry.1.key": "DisplayName",
            "Attributes.entry.1.value": "shown",
            "Tags.member.1.Key": "k",
            "Tags.member.1.Value": "v",
        },
    )
    assert status == 200
    arn = re.search(r"<TopicArn>([^<]+)</TopicArn>", text).group(1)
    assert topics.sns.get_topic_attributes(TopicArn=arn)["Attributes"]["DisplayName"] == "shown"
    assert topics.sns.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "k", "Value": "v"}]


@behaviour("SNS-014")
def test_operations_without_a_result_answer_metadata(topics: Topics):
    arn = topics.topic().arn
    status, _, text = ask(topics, Action="DeleteTopic", Version="2010-03-31", TopicArn=arn)
    assert status == 200
    assert "Result" not in text and "<ResponseMetadata>" in text


@behaviour("SNS-015", "SNS-016")
def test_failures_have_a_document(topics: Topics):
    status, _, text = ask(topics, Action="Publish", Version="2010-03-31", TopicArn=topics.missing(), Message="m")
    assert status == 404
    assert f'<ErrorResponse xmlns="{NAMESPACE}"><Error><Type>Sender</Type><Code>NotFound</Code><Message>Topic does not exist</Message></Error>' in text


@behaviour("SNS-018")
def test_an_unknown_action_is_refused(topics: Topics):
    status, _, text = ask(topics, Action="Nonsense", Version="2010-03-31")
    assert status == 400 and "<Code>InvalidAction</Code>" in text


@behaviour("SNS-019", "SNS-113")
def test_the_unsubscribe_link_works_without_a_signature(topics: Topics):
    topic = topics.topic()
    arn = topic.subscribe(topics.queue())
    status, _, _ = ask(topics, "GET", signed=False, Action="Unsubscribe", SubscriptionArn=arn)
    assert status == 200
    assert topics.sns.list_subscriptions_by_topic(TopicArn=topic.arn)["Subscriptions"] == []


@behaviour("SNS-020")
def test_missing_members_are_named(topics: Topics):
    status, _, text = ask(topics, Action="Publish", Version="2010-03-31", TopicArn=topics.topic().arn)
    assert status == 400 and "<Code>ValidationError</Code>" in text
    assert "1 validation error detected: Value null at 'message' failed to satisfy constraint: Member must not be null" in text


@behaviour("SNS-020", "SNS-151")
def test_a_missing_data_type_is_named(topics: Topics):
    expected = (
        "1 validation error detected: Value null at 'messageAttributes.attr1.member.dataType' failed to satisfy constraint: "
        "Member must not be null"
    )
    with refused("ValidationError", expected):
        topics.topic().publish(MessageAttributes={"attr1": {"StringValue": "v"}})


@behaviour("SNS-021")
def test_a_missing_data_type_in_a_batch_is_named(topics: Topics):
    entry = {"Id": "1", "Message": "m", "MessageAttributes": {"a": {"StringValue": "v"}}}
    expected = (
        "1 validation error detected: Value null at 'publishBatchRequestEntries.1.member.messageAttributes.a.member.dataType' "
        "failed to satisfy constraint: Member must not be null"
    )
    with refused("ValidationError", expected):
        topics.sns.publish_batch(TopicArn=topics.topic().arn, PublishBatchRequestEntries=[entry])


@behaviour("SNS-022", "SNS-023", "SNS-008")
def test_arns_are_checked(topics: Topics):
    with refused(INVALID, "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1"):
        topics.sns.publish(TopicArn="text", Message="m")
    with refused(INVALID, "Invalid parameter: TopicArn"):
        topics.sns.publish(TopicArn="arn:aws:sns:eu-west-1:000000000000:t", Message="m")


def test_what_is_absent_says_so(topics: Topics):
    attributes = {"Attributes.entry.1.key": "SubscriptionRoleArn", "Attributes.entry.1.value": "arn:aws:iam::000000000000:role/r"}
    stream = "arn:aws:firehose:us-east-1:000000000000:deliverystream/s"
    asked = {"Action": "Subscribe", "Version": "2010-03-31", "TopicArn": topics.topic().arn, "Protocol": "firehose"}
    status, _, text = ask(topics, **asked, Endpoint=stream, **attributes)
    assert status == 501 and "Subscribing the protocol firehose is not implemented." in text
