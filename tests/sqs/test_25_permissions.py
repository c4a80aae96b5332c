"""Reference section 25: the statements that AddPermission and RemovePermission keep in the queue policy."""

import json

import pytest

from harness.behaviours import behaviour
from harness.lab import Lab, Queue, refused

ACCOUNT, OTHER = "111122223333", "444455556666"


def add(queue: Queue, label: str, accounts: list[str], actions: list[str]):
    """AddPermission."""
    queue.lab.sqs.add_permission(QueueUrl=queue.url, Label=label, AWSAccountIds=accounts, Actions=actions)


def remove(queue: Queue, label: str):
    """RemovePermission."""
    queue.lab.sqs.remove_permission(QueueUrl=queue.url, Label=label)


def policy_of(queue: Queue) -> dict:
    """The policy document."""
    return json.loads(queue.attribute("Policy"))


@behaviour("SQS-400", "SQS-401", "SQS-402")
def test_a_permission_becomes_a_statement(lab: Lab):
    queue = lab.queue()
    add(queue, "one", [ACCOUNT], ["SendMessage"])
    assert policy_of(queue) == {
        "Version": "2008-10-17",
        "Id": f"{queue.arn}/SQSDefaultPolicy",
        "Statement": [
            {
                "Sid": "one",
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
                "Action": "SQS:SendMessage",
                "Resource": queue.arn,
            }
        ],
    }


@behaviour("SQS-402")
def test_several_accounts_and_actions_are_arrays(lab: Lab):
    queue = lab.queue()
    add(queue, "many", [ACCOUNT, OTHER], ["SendMessage", "ReceiveMessage"])
    [statement] = policy_of(queue)["Statement"]
    assert statement["Principal"] == {"AWS": [f"arn:aws:iam::{one}:root" for one in (ACCOUNT, OTHER)]}
    assert statement["Action"] == ["SQS:SendMessage", "SQS:ReceiveMessage"]


@behaviour("SQS-403")
def test_every_action_is_a_star(lab: Lab):
    queue = lab.queue()
    add(queue, "all", [ACCOUNT], ["*"])
    assert policy_of(queue)["Statement"][0]["Action"] == "SQS:*"


@behaviour("SQS-400")
@pytest.mark.parametrize("label", ["x", "A-Z_0-9", "x" * 80])
def test_labels_that_are_accepted(lab: Lab, label: str):
    queue = lab.queue()
    add(queue, label, [ACCOUNT], ["SendMessage"])
    assert policy_of(queue)["Statement"][0]["Sid"] == label


@behaviour("SQS-400")
@pytest.mark.parametrize("label", ["x" * 81, "a b", "a.b"])
def test_labels_that_are_refused(lab: Lab, label: str):
    queue = lab.queue()
    with refused("InvalidParameterValue"):
        add(queue, label, [ACCOUNT], ["SendMessage"])
    assert "Policy" not in queue.attributes()


@behaviour("SQS-405")
def test_an_existing_label_is_refused(lab: Lab):
    queue = lab.queue()
    add(queue, "one", [ACCOUNT], ["SendMessage"])
    with refused("InvalidParameterValue", "Value one for parameter Label is invalid. Reason: Already exists."):
        add(queue, "one", [OTHER], ["ReceiveMessage"])
    assert len(policy_of(queue)["Statement"]) == 1


@behaviour("SQS-406")
def test_an_unknown_label_cannot_be_removed(lab: Lab):
    with refused("InvalidParameterValue", "Value none for parameter Label is invalid. Reason: can't find label."):
        remove(lab.queue(), "none")


@behaviour("SQS-407")
def test_removing_the_last_statement_removes_the_policy(lab: Lab):
    queue = lab.queue()
    add(queue, "one", [ACCOUNT], ["SendMessage"])
    add(queue, "two", [OTHER], ["ReceiveMessage"])
    remove(queue, "one")
    assert [statement["Sid"] for statement in policy_of(queue)["Statement"]] == ["two"]
    remove(queue, "two")
    assert "Policy" not in queue.attributes()


@behaviour("SQS-408")
def test_an_unknown_action_is_refused(lab: Lab):
    with refused("InvalidParameterValue"):
        add(lab.queue(), "one", [ACCOUNT], ["DoSomething"])


@behaviour("SQS-409")
def test_more_than_seven_actions_are_refused(lab: Lab):
    actions = [
        "SendMessage",
        "ReceiveMessage",
        "DeleteMessage",
        "ChangeMessageVisibility",
        "GetQueueAttributes",
        "GetQueueUrl",
        "PurgeQueue",
        "ListDeadLetterSourceQueues",
    ]
    queue = lab.queue()
    add(queue, "seven", [ACCOUNT], actions[:7])
    with refused("OverLimit", status=403):
        add(queue, "eight", [ACCOUNT], actions)


@behaviour("SQS-410", "SQS-413")
def test_more_than_twenty_statements_are_refused(lab: Lab):
    queue = lab.queue()
    for number in range(20):
        add(queue, f"label-{number}", [ACCOUNT], ["SendMessage"])
    with refused("OverLimit", status=403):
        add(queue, "one-more", [ACCOUNT], ["SendMessage"])
    assert len(policy_of(queue)["Statement"]) == 20


@behaviour("SQS-400", "SQS-412")
def test_a_permission_joins_a_policy_that_was_set(lab: Lab):
    own = {"Sid": "own", "Effect": "Deny", "Principal": "*", "Action": "SQS:*", "Resource": "*"}
    queue = lab.queue(Policy=json.dumps({"Version": "2012-10-17", "Statement": [own]}))
    add(queue, "added", [ACCOUNT], ["SendMessage"])
    policy = policy_of(queue)
    assert policy["Version"] == "2012-10-17"
    assert [statement["Sid"] for statement in policy["Statement"]] == ["own", "added"]
    remove(queue, "added")
    assert policy_of(queue)["Statement"] == [own]
