"""Reference sections 5, 30 and 36: attributes, permissions and data protection policies of topics."""

import json

import pytest

from harness.behaviours import behaviour
from harness.lab import fresh_name, refused
from harness.topics import INVALID, Topics

DEFAULT = {
    "http": {
        "defaultHealthyRetryPolicy": {
            "minDelayTarget": 20,
            "maxDelayTarget": 20,
            "numRetries": 3,
            "numMaxDelayRetries": 0,
            "numNoDelayRetries": 0,
            "numMinDelayRetries": 0,
            "backoffFunction": "linear",
        },
        "disableSubscriptionOverrides": False,
        "defaultRequestPolicy": {"headerContentType": "text/plain; charset=UTF-8"},
    }
}


@behaviour("SNS-042", "SNS-047")
def test_a_new_topic_has_these_attributes(topics: Topics):
    topic = topics.topic()
    attributes = topic.attributes()
    assert set(attributes) == {
        "DisplayName",
        "EffectiveDeliveryPolicy",
        "Owner",
        "Policy",
        "SubscriptionsConfirmed",
        "SubscriptionsDeleted",
        "SubscriptionsPending",
        "TopicArn",
    }
    assert attributes["DisplayName"] == ""
    assert (attributes["Owner"], attributes["TopicArn"]) == ("000000000000", topic.arn)
    assert json.loads(attributes["EffectiveDeliveryPolicy"]) == DEFAULT


@behaviour("SNS-043")
def test_a_fifo_topic_has_two_more(topics: Topics):
    attributes = topics.topic(fresh_name(".fifo"), FifoTopic="true").attributes()
    assert (attributes["FifoTopic"], attributes["ContentBasedDeduplication"]) == ("true", "false")


@behaviour("SNS-044", "SNS-024")
def test_a_missing_topic_has_none(topics: Topics):
    with refused("NotFound", "Topic does not exist", 404):
        topics.sns.get_topic_attributes(TopicArn=topics.missing())


@behaviour("SNS-045")
@pytest.mark.parametrize("name", ["FifoTopic", "Owner", "Nonsense", "ContentBasedDeduplication"])
def test_unknown_and_fixed_attributes_cannot_be_set(topics: Topics, name: str):
    with refused(INVALID, "Invalid parameter: AttributeName"):
        topics.topic().set(name, "true")


@behaviour("SNS-046", "SNS-048", "SNS-049", "SNS-050", "SNS-329")
def test_delivery_policies_are_completed(topics: Topics):
    topic = topics.topic()
    policy = {"http": {"defaultHealthyRetryPolicy": {"numRetries": 5}, "defaultThrottlePolicy": None}}
    topic.set("DeliveryPolicy", json.dumps(policy))
    attributes = topic.attributes()
    assert json.loads(attributes["DeliveryPolicy"]) == {
        "http": {"defaultHealthyRetryPolicy": {"numRetries": 5}, "disableSubscriptionOverrides": False}
    }
    effective = json.loads(attributes["EffectiveDeliveryPolicy"])["http"]["defaultHealthyRetryPolicy"]
    assert (effective["numRetries"], effective["minDelayTarget"]) == (5, 20)
    topic.set("DeliveryPolicy", "")
    assert "DeliveryPolicy" not in topic.attributes()


@behaviour("SNS-053", "SNS-054", "SNS-132", "SNS-133")
def test_the_message_size_can_be_set(topics: Topics):
    topic = topics.topic()
    for bad in ("1023", "1048577", "x"):
        with refused(INVALID):
            topic.set("MaximumMessageSize", bad)
    topic.set("MaximumMessageSize", "1024")
    topic.publish("x" * 1024)
    with refused(INVALID, "Invalid parameter: Message too long"):
        topic.publish("x" * 1025)
    topic.set("MaximumMessageSize", "1048576")
    topic.publish("x" * 1048576)


@behaviour("SNS-051", "SNS-052")
def test_large_messages_limit_the_subscriptions(topics: Topics):
    topic = topics.topic(MaximumMessageSize="262145")
    for number in range(100):
        topic.subscribe(f"arn:aws:sqs:us-east-1:000000000000:large-{number}")
    with refused(INVALID):
        topic.subscribe("arn:aws:sqs:us-east-1:000000000000:large-100")
    topic.set("MaximumMessageSize", "262144")
    topic.subscribe("arn:aws:sqs:us-east-1:000000000000:large-100")
    with refused(INVALID):
        topic.set("MaximumMessageSize", "262145")


@behaviour("SNS-055")
def test_fifo_topics_have_no_active_tracing(topics: Topics):
    fifo = topics.topic(fresh_name(".fifo"), FifoTopic="true")
    with refused(INVALID):
        fifo.set("TracingConfig", "Active")
    topics.topic(TracingConfig="Active")


@behaviour("SNS-366")
def test_a_throughput_scope_is_not_taken_back(topics: Topics):
    fifo = topics.topic(fresh_name(".fifo"), FifoTopic="true", FifoThroughputScope="Topic")
    fifo.set("FifoThroughputScope", "MessageGroup")
    with refused(INVALID):
        fifo.set("FifoThroughputScope", "Topic")


@behaviour("SNS-423")
def test_feedback_roles_are_kept(topics: Topics):
    topic = topics.topic(SQSSuccessFeedbackRoleArn="arn:aws:iam::000000000000:role/r", SQSSuccessFeedbackSampleRate="50")
    assert topic.attributes()["SQSSuccessFeedbackSampleRate"] == "50"
    with refused(INVALID):
        topic.set("HTTPSuccessFeedbackSampleRate", "101")


@behaviour("SNS-403")
def test_the_default_policy_is_that_of_aws(topics: Topics):
    topic = topics.topic()
    policy = json.loads(topic.attributes()["Policy"])
    assert (policy["Version"], policy["Id"]) == ("2008-10-17", "__default_policy_ID")
    [statement] = policy["Statement"]
    assert statement["Sid"] == "__default_statement_ID"
    assert statement["Resource"] == topic.arn
    assert statement["Condition"] == {"StringEquals": {"AWS:SourceOwner": "000000000000"}}
    assert len(statement["Action"]) == 8


@behaviour("SNS-404", "SNS-405", "SNS-408", "SNS-409")
def test_permissions_are_statements(topics: Topics):
    topic = topics.topic()
    arguments = {"TopicArn": topic.arn, "Label": "one", "AWSAccountId": ["111111111111"], "ActionName": ["Publish"]}
    topics.sns.add_permission(**arguments)
    with refused(INVALID, "Invalid parameter: Statement already exists"):
        topics.sns.add_permission(**arguments)
    more = {"Label": "two", "AWSAccountId": ["111111111111", "222222222222"], "ActionName": ["Publish", "Subscribe"]}
    topics.sns.add_permission(**(arguments | more))
    default, one, two = json.loads(topic.attributes()["Policy"])["Statement"]
    assert default["Sid"] == "__default_statement_ID"
    assert one == {
        "Sid": "one",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
        "Action": "SNS:Publish",
        "Resource": topic.arn,
    }
    assert two["Principal"]["AWS"] == ["arn:aws:iam::111111111111:root", "arn:aws:iam::222222222222:root"]
    assert two["Action"] == ["SNS:Publish", "SNS:Subscribe"]
    topics.sns.remove_permission(TopicArn=topic.arn, Label="one")
    topics.sns.remove_permission(TopicArn=topic.arn, Label="unknown")
    assert [statement["Sid"] for statement in json.loads(topic.attributes()["Policy"])["Statement"]] == [
        "__default_statement_ID",
        "two",
    ]


@behaviour("SNS-406", "SNS-407", "SNS-410")
def test_permissions_are_checked(topics: Topics):
    arguments = {"Label": "l", "AWSAccountId": ["111111111111"]}
    with refused(INVALID, "Invalid parameter: Policy statement action out of service scope!"):
        topics.sns.add_permission(TopicArn=topics.topic().arn, ActionName=["CreateTopic"], **arguments)
    with refused("NotFound", "Topic does not exist", 404):
        topics.sns.add_permission(TopicArn=topics.missing(), ActionName=["Publish"], **arguments)
    with refused("NotFound", "Topic does not exist", 404):
        topics.sns.remove_permission(TopicArn=topics.missing(), Label="l")


@behaviour("SNS-411")
@pytest.mark.parametrize("policy", ["x", "{}", '{"Statement":[{}]}'])
def test_a_malformed_policy_is_refused(topics: Topics, policy: str):
    with refused(INVALID, "Invalid parameter: Policy Error: null"):
        topics.topic().set("Policy", policy)


@behaviour("SNS-480", "SNS-481", "SNS-486")
def test_data_protection_policies_are_kept(topics: Topics):
    topic = topics.topic()
    policy = json.dumps({"Name": "n", "Version": "2021-06-01", "Statement": []})
    topics.sns.put_data_protection_policy(ResourceArn=topic.arn, DataProtectionPolicy=policy)
    assert topics.sns.get_data_protection_policy(ResourceArn=topic.arn)["DataProtectionPolicy"] == policy
    assert "DataProtectionPolicy" not in topic.attributes()
    with refused("NotFound", "Topic does not exist", 404):
        topics.sns.get_data_protection_policy(ResourceArn=topics.missing())
    with refused("NotFound", "Topic does not exist", 404):
        topics.sns.put_data_protection_policy(ResourceArn=topics.missing(), DataProtectionPolicy=policy)
