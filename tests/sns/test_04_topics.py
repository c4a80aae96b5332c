"""Reference sections 1, 4 and 29: creating, listing, tagging and deleting topics."""

import re

import pytest

from harness.behaviours import behaviour
from harness.lab import fresh_name, refused
from harness.topics import INVALID, Topics, messages


@behaviour("SNS-001", "SNS-026")
def test_create_returns_the_arn(topics: Topics):
    name = fresh_name()
    assert topics.topic(name).arn == f"arn:aws:sns:us-east-1:000000000000:{name}"


@behaviour("SNS-027", "SNS-005")
@pytest.mark.parametrize("name", ["A-Z_0-9", "t" * 256])
def test_names_have_1_to_256_plain_characters(topics: Topics, name: str):
    topic = topics.topic(name)
    assert topic.name == name
    topic.delete()


@behaviour("SNS-028")
@pytest.mark.parametrize("name", ["", "t" * 257, "a.b", "a b", "a/b", "ä", "a.fifo"])
def test_other_names_are_refused(topics: Topics, name: str):
    with refused(INVALID, "Invalid parameter: Topic Name"):
        topics.topic(name)


@behaviour("SNS-028", "SNS-027")
def test_the_fifo_suffix_and_the_attribute_go_together(topics: Topics):
    with refused(INVALID, "Invalid parameter: Topic Name"):
        topics.topic(fresh_name(), FifoTopic="true")
    assert topics.topic(fresh_name(".fifo"), FifoTopic="true").attributes()["FifoTopic"] == "true"


@behaviour("SNS-029", "SNS-030", "SNS-033")
def test_create_again_returns_the_same_topic(topics: Topics):
    topic = topics.topic(DisplayName="d", tags={"a": "1"})
    assert topics.topic(topic.name).arn == topic.arn
    assert topics.topic(topic.name, DisplayName="d").arn == topic.arn
    assert topics.topic(topic.name, tags={"a": "1"}).arn == topic.arn


@behaviour("SNS-031")
@pytest.mark.parametrize("attributes", [{"DisplayName": "e"}, {"KmsMasterKeyId": "k"}])
def test_create_again_with_other_attributes_is_refused(topics: Topics, attributes: dict):
    topic = topics.topic(DisplayName="d")
    with refused(INVALID, "Invalid parameter: Attributes Reason: Topic already exists with different attributes"):
        topics.topic(topic.name, **attributes)


@behaviour("SNS-032")
@pytest.mark.parametrize("tags", [{"a": "2"}, {"a": "1", "b": "2"}])
def test_create_again_with_other_tags_is_refused(topics: Topics, tags: dict):
    topic = topics.topic(tags={"a": "1"})
    with refused(INVALID, "Invalid parameter: Tags Reason: Topic already exists with different tags"):
        topics.topic(topic.name, tags=tags)


@behaviour("SNS-034", "SNS-037", "SNS-036")
def test_a_new_topic_of_an_old_name_has_nothing_of_it(topics: Topics):
    topic = topics.topic(DisplayName="d", tags={"a": "1"})
    queue = topic.subscribed_queue()
    topic.delete()
    again = topics.topic(topic.name)
    assert again.attributes()["DisplayName"] == ""
    assert again.attributes()["SubscriptionsConfirmed"] == "0"
    assert topics.sns.list_tags_for_resource(ResourceArn=again.arn)["Tags"] == []
    assert topics.sns.list_subscriptions_by_topic(TopicArn=again.arn)["Subscriptions"] == []
    again.publish()
    assert messages(queue) == []


@behaviour("SNS-035")
def test_deleting_a_missing_topic_succeeds(topics: Topics):
    topics.sns.delete_topic(TopicArn=topics.missing())


@behaviour("SNS-040", "SNS-041")
def test_lists_come_in_pages_of_100(topics: Topics):
    made = {topics.topic(fresh_name()).arn for _ in range(105)}
    first = topics.sns.list_topics()
    assert len(first["Topics"]) == 100 and first["NextToken"]
    pages = topics.sns.get_paginator("list_topics").paginate()
    listed = [topic["TopicArn"] for page in pages for topic in page["Topics"]]
    assert made <= set(listed) and len(listed) == len(set(listed))
    assert all(re.fullmatch(r"arn:aws:sns:us-east-1:000000000000:[^:]+", arn) for arn in listed)


@behaviour("SNS-394", "SNS-396", "SNS-398", "SNS-399")
def test_tags_are_added_replaced_and_removed(topics: Topics):
    arn = topics.topic().arn

    def tags() -> dict:
        return {tag["Key"]: tag["Value"] for tag in topics.sns.list_tags_for_resource(ResourceArn=arn)["Tags"]}

    assert tags() == {}
    topics.sns.tag_resource(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}])
    topics.sns.tag_resource(ResourceArn=arn, Tags=[{"Key": "a", "Value": "2"}])
    assert tags() == {"a": "2", "b": ""}
    topics.sns.untag_resource(ResourceArn=arn, TagKeys=["b", "unknown"])
    assert tags() == {"a": "2"}


@behaviour("SNS-394", "SNS-395", "SNS-397")
def test_tags_have_limits(topics: Topics):
    arn = topics.topic().arn
    with refused(INVALID, "Invalid parameter: Duplicated keys are not allowed."):
        topics.sns.tag_resource(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "1"}])
    with refused("TagLimitExceeded"):
        topics.sns.tag_resource(ResourceArn=arn, Tags=[{"Key": str(n), "Value": ""} for n in range(51)])
    for key, value in [("", "v"), ("k" * 129, "v"), ("k", "v" * 257)]:
        with refused(INVALID):
            topics.sns.tag_resource(ResourceArn=arn, Tags=[{"Key": key, "Value": value}])


@behaviour("SNS-400")
def test_a_missing_topic_has_no_tags(topics: Topics):
    with refused("ResourceNotFound", status=404):
        topics.sns.list_tags_for_resource(ResourceArn=topics.missing())
