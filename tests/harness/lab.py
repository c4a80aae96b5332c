"""A server with its clients, and queues that know how they are used: what almost every SQS test begins with."""

import itertools
import json
import uuid
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from harness.clients import PROTOCOL, sqs_client
from harness.server import Server
from harness.wire import Wire

_NUMBERS = itertools.count(1)


def fresh_name(suffix: str = "") -> str:
    """A queue name that no other test uses."""
    return f"q{next(_NUMBERS)}-{uuid.uuid4().hex[:8]}{suffix}"


@contextmanager
def refused(code: str, text: str | None = None, status: int = 400):
    """The block's request fails with this code (as SDKs see it), this status and, when given, exactly this text."""
    with pytest.raises(ClientError) as caught:
        yield
    response = caught.value.response
    assert response["Error"]["Code"] == code, response["Error"]
    assert response["ResponseMetadata"]["HTTPStatusCode"] == status, response["Error"]
    if text is not None:
        assert response["Error"]["Message"] == text


MISSING_QUEUE = "AWS.SimpleQueueService.NonExistentQueue"
# The only text that differs between the protocols (SQS-043).
MISSING_QUEUE_TEXT = {
    "json": "The specified queue does not exist.",
    "query": "The specified queue does not exist for this wsdl version.",
}[PROTOCOL]


class Lab:
    """A running server, a boto3 client that validates nothing itself, and plain HTTP."""

    def __init__(self, server: Server):
        self.server = server
        self.sqs = sqs_client(server.url, validate=False)
        self.wire = Wire(server.host)

    def queue(self, name: str | None = None, tags: dict[str, str] | None = None, **attributes: str) -> "Queue":
        """A new standard queue."""
        extra = {"tags": tags} if tags else {}
        url = self.sqs.create_queue(QueueName=name or fresh_name(), Attributes=attributes, **extra)["QueueUrl"]
        return Queue(self, url)

    def fifo(self, name: str | None = None, *, content_based: bool = True, **attributes: str) -> "Queue":
        """A new FIFO queue, with content-based deduplication unless told otherwise."""
        own = {"FifoQueue": "true", "ContentBasedDeduplication": "true" if content_based else "false"}
        return self.queue(name or fresh_name(".fifo"), **(own | attributes))

    def advance(self, seconds: float):
        """Moves the test clock of the server forward."""
        self.server.advance(seconds)


class Queue:
    """A queue by its URL; the verbs are those of the API with the usual arguments filled in."""

    def __init__(self, lab: Lab, url: str):
        self.lab = lab
        self.url = url
        self.path = urlsplit(url).path
        self.account, self.name = self.path.split("/")[-2:]
        self.arn = f"arn:aws:sqs:us-east-1:{self.account}:{self.name}"

    def send(self, body: str = "message", group: str | None = None, dedup: str | None = None, **more) -> dict:
        """SendMessage."""
        if group is not None:
            more["MessageGroupId"] = group
        if dedup is not None:
            more["MessageDeduplicationId"] = dedup
        return self.lab.sqs.send_message(QueueUrl=self.url, MessageBody=body, **more)

    def send_batch(self, *entries: dict) -> dict:
        """SendMessageBatch; entries without an id get their number."""
        numbered = [{"Id": str(number)} | entry for number, entry in enumerate(entries)]
        return self.lab.sqs.send_message_batch(QueueUrl=self.url, Entries=numbered)

    def receive(self, most: int = 10, wait: int = 0, **more) -> list[dict]:
        """ReceiveMessage with all system attributes; the list is empty when nothing came."""
        more = {"MessageSystemAttributeNames": ["All"]} | more
        if PROTOCOL == "query":
            # The SDK of that time knows only the older name.
            more["AttributeNames"] = more.pop("MessageSystemAttributeNames")
        answer = self.lab.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=most, WaitTimeSeconds=wait, **more)
        return answer.get("Messages", [])

    def receive_one(self, **more) -> dict:
        """The one message that a receive returns now."""
        messages = self.receive(1, **more)
        assert len(messages) == 1, f"{len(messages)} messages in {self.name}"
        return messages[0]

    def bodies(self, most: int = 10, **more) -> list[str]:
        """The bodies that a receive returns now, in its order."""
        return [message["Body"] for message in self.receive(most, **more)]

    def drain(self, **more) -> list[str]:
        """The bodies of everything that can be received now, each deleted."""
        bodies = []
        while messages := self.receive(10, **more):
            for message in messages:
                bodies.append(message["Body"])
                self.delete(message)
        return bodies

    def delete(self, message: dict) -> dict:
        """DeleteMessage with the handle of a received message."""
        return self.lab.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])

    def delete_batch(self, *messages: dict) -> dict:
        """DeleteMessageBatch."""
        entries = [{"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]} for number, message in enumerate(messages)]
        return self.lab.sqs.delete_message_batch(QueueUrl=self.url, Entries=entries)

    def change(self, message: dict, seconds: int) -> dict:
        """ChangeMessageVisibility."""
        return self.lab.sqs.change_message_visibility(
            QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=seconds
        )

    def attributes(self, *names: str) -> dict[str, str]:
        """GetQueueAttributes; all without names."""
        answer = self.lab.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=list(names) or ["All"])
        return answer.get("Attributes", {})

    def attribute(self, name: str) -> str:
        """The value of one attribute that is there."""
        return self.attributes(name)[name]

    def set(self, **attributes: str) -> dict:
        """SetQueueAttributes."""
        return self.lab.sqs.set_queue_attributes(QueueUrl=self.url, Attributes=attributes)

    def counts(self) -> tuple[int, int, int]:
        """Visible, in flight, delayed."""
        names = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed")]
        found = self.attributes(*names)
        return tuple(int(found[name]) for name in names)

    def redrive_to(self, target: "Queue", receives: int) -> dict:
        """Makes `target` the dead-letter queue of this one."""
        return self.set(RedrivePolicy=redrive_policy(target, receives))

    def delete_queue(self) -> dict:
        """DeleteQueue."""
        return self.lab.sqs.delete_queue(QueueUrl=self.url)


def redrive_policy(target: Queue, receives: int) -> str:
    """The text of a RedrivePolicy."""
    return json.dumps({"deadLetterTargetArn": target.arn, "maxReceiveCount": receives})


def text_attribute(value: str, kind: str = "String") -> dict:
    """A message attribute whose value is text."""
    return {"DataType": kind, "StringValue": value}


def binary_attribute(value: bytes, kind: str = "Binary") -> dict:
    """A message attribute whose value is bytes."""
    return {"DataType": kind, "BinaryValue": value}
