"""Section 25: permissions, policies, and who may use a queue of another account."""

import json

from harness.behaviours import behaviour
from harness.clients import sqs_client
from harness.lab import MISSING_QUEUE, Lab, refused

OWNER = "111111111111"
STRANGER = "222222222222"


def as_account(lab: Lab, account: str):
    """A client whose access key says which account it is."""
    return sqs_client(lab.server.url, access_key=account, validate=False)


@behaviour("SQS-001", "SQS-083", "SQS-415")
def test_accounts_do_not_see_each_others_queues(lab: Lab):
    owner, stranger = as_account(lab, OWNER), as_account(lab, STRANGER)
    url = owner.create_queue(QueueName="isolated")["QueueUrl"]
    assert f"/{OWNER}/isolated" in url
    assert url not in stranger.list_queues().get("QueueUrls", [])
    with refused(MISSING_QUEUE):
        stranger.get_queue_url(QueueName="isolated")
    with refused(MISSING_QUEUE):
        stranger.get_queue_url(QueueName="isolated", QueueOwnerAWSAccountId=OWNER)
    with refused("AccessDenied", status=403):
        stranger.send_message(QueueUrl=url, MessageBody="from a stranger")
    own = stranger.create_queue(QueueName="isolated")["QueueUrl"]
    assert own != url


@behaviour("SQS-058")
def test_a_refusal_names_who_what_and_where(lab: Lab):
    owner, stranger = as_account(lab, OWNER), as_account(lab, STRANGER)
    url = owner.create_queue(QueueName="refusing")["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{OWNER}:refusing"
    with refused(
        "AccessDenied",
        f"User: arn:aws:iam::{STRANGER}:root is not authorized to perform: sqs:SendMessage on resource: {arn} "
        "because no resource-based policy allows the sqs:SendMessage action",
        status=403,
    ):
        stranger.send_message_batch(QueueUrl=url, Entries=[{"Id": "1", "MessageBody": "m"}])


@behaviour("SQS-083", "SQS-001")
def test_regions_do_not_see_each_others_queues(lab: Lab):
    queue = lab.queue()
    elsewhere = sqs_client(lab.server.url, region="eu-west-1", validate=False)
    with refused(MISSING_QUEUE):
        elsewhere.get_queue_url(QueueName=queue.name)
    with refused(MISSING_QUEUE):
        elsewhere.send_message(QueueUrl=queue.url, MessageBody="elsewhere")


@behaviour("SQS-081", "SQS-415")
def test_a_policy_lets_another_account_in(lab: Lab):
    owner, stranger = as_account(lab, OWNER), as_account(lab, STRANGER)
    url = owner.create_queue(QueueName="shared")["QueueUrl"]
    owner.add_permission(QueueUrl=url, Label="friends", AWSAccountIds=[STRANGER], Actions=["SendMessage", "GetQueueUrl"])
    assert stranger.get_queue_url(QueueName="shared", QueueOwnerAWSAccountId=OWNER)["QueueUrl"] == url
    assert stranger.send_message(QueueUrl=url, MessageBody="hello")["MessageId"]


@behaviour("SQS-400", "SQS-401", "SQS-402", "SQS-405", "SQS-406", "SQS-407")
def test_permissions_become_statements_of_the_policy(lab: Lab):
    queue = lab.queue()
    lab.sqs.add_permission(QueueUrl=queue.url, Label="one", AWSAccountIds=[STRANGER], Actions=["SendMessage"])
    attributes = lab.sqs.get_queue_attributes(QueueUrl=queue.url, AttributeNames=["Policy"])["Attributes"]
    policy = json.loads(attributes["Policy"])
    assert policy["Version"] == "2008-10-17"
    assert policy["Id"] == f"{queue.arn}/SQSDefaultPolicy"
    assert policy["Statement"] == [
        {
            "Sid": "one",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{STRANGER}:root"},
            "Action": "SQS:SendMessage",
            "Resource": queue.arn,
        }
    ]
    with refused("InvalidParameterValue", "Value one for parameter Label is invalid. Reason: Already exists."):
        lab.sqs.add_permission(QueueUrl=queue.url, Label="one", AWSAccountIds=[STRANGER], Actions=["SendMessage"])
    with refused("InvalidParameterValue", "Value two for parameter Label is invalid. Reason: can't find label."):
        lab.sqs.remove_permission(QueueUrl=queue.url, Label="two")
    lab.sqs.remove_permission(QueueUrl=queue.url, Label="one")
    assert "Attributes" not in lab.sqs.get_queue_attributes(QueueUrl=queue.url, AttributeNames=["Policy"])
