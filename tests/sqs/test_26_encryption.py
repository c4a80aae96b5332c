"""Reference section 26: the settings of encryption at rest."""

import pytest

from harness.behaviours import behaviour
from harness.lab import Lab, refused


@behaviour("SQS-422")
def test_new_queues_are_encrypted_by_sqs(lab: Lab):
    assert lab.queue().attribute("SqsManagedSseEnabled") == "true"


@behaviour("SQS-422", "SQS-098")
def test_encryption_by_sqs_can_be_switched_off(lab: Lab):
    queue = lab.queue(SqsManagedSseEnabled="false")
    assert queue.attribute("SqsManagedSseEnabled") == "false"
    queue.set(SqsManagedSseEnabled="true")
    assert queue.attribute("SqsManagedSseEnabled") == "true"


@behaviour("SQS-423")
def test_two_kinds_of_encryption_at_once_are_refused(lab: Lab):
    text = "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE."
    both = {"KmsMasterKeyId": "alias/mine", "SqsManagedSseEnabled": "true"}
    with refused("InvalidAttributeName", text):
        lab.queue(**both)
    with refused("InvalidAttributeName", text):
        lab.queue().set(**both)


@behaviour("SQS-424", "SQS-428")
@pytest.mark.parametrize("key", ["alias/mine", "alias/aws/sqs", "12345678-1234-1234-1234-123456789012"])
def test_a_kms_key_alone_switches_sqs_encryption_off(lab: Lab, key: str):
    queue = lab.queue()
    queue.set(KmsMasterKeyId=key)
    assert queue.attributes("KmsMasterKeyId", "SqsManagedSseEnabled", "KmsDataKeyReusePeriodSeconds") == {
        "KmsMasterKeyId": key,
        "SqsManagedSseEnabled": "false",
        "KmsDataKeyReusePeriodSeconds": "300",
    }
    assert lab.queue(KmsMasterKeyId=key).attribute("SqsManagedSseEnabled") == "false"


@behaviour("SQS-425", "SQS-427")
def test_removing_the_kms_key_leaves_both_off(lab: Lab):
    queue = lab.queue(KmsMasterKeyId="alias/mine", KmsDataKeyReusePeriodSeconds="600")
    queue.set(KmsMasterKeyId="")
    found = queue.attributes()
    assert found["SqsManagedSseEnabled"] == "false"
    assert "KmsMasterKeyId" not in found and "KmsDataKeyReusePeriodSeconds" not in found


@behaviour("SQS-426")
def test_sqs_encryption_replaces_a_kms_key(lab: Lab):
    queue = lab.queue(KmsMasterKeyId="alias/mine")
    queue.set(SqsManagedSseEnabled="true")
    found = queue.attributes()
    assert found["SqsManagedSseEnabled"] == "true"
    assert "KmsMasterKeyId" not in found


@behaviour("SQS-429", "SQS-433")
def test_messages_stay_readable_through_changes_of_encryption(lab: Lab):
    queue = lab.queue()
    queue.send("before")
    queue.set(KmsMasterKeyId="alias/mine")
    queue.send("after")
    assert sorted(queue.drain()) == ["after", "before"]
