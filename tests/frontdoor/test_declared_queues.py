"""Queues declared in waystation.toml: they are there when the server is ready, and as the file says."""

import json
from pathlib import Path

import pytest

from harness.clients import sqs_client
from harness.lab import Lab
from harness.server import Server

FILE = """
[[sqs.queues]]
name = "orders"
attributes = { VisibilityTimeout = 60, SqsManagedSseEnabled = false }
tags = { team = "shop" }
redrive = { to = "orders-dead", receives = 5 }

[[sqs.queues]]
name = "orders-dead"
attributes = { MessageRetentionPeriod = "1209600" }

[[sqs.queues]]
name = "steps.fifo"
account = "111122223333"
region = "eu-west-1"
attributes = { ContentBasedDeduplication = true }
"""


def with_file(text: str, tmp_path: Path) -> Server:
    """A server that reads a file with this text."""
    file = tmp_path / "waystation.toml"
    file.write_text(text)
    return Server("--config", str(file))


def url(lab: Lab, name: str) -> str:
    return lab.sqs.get_queue_url(QueueName=name)["QueueUrl"]


def attributes(lab: Lab, name: str) -> dict[str, str]:
    return lab.sqs.get_queue_attributes(QueueUrl=url(lab, name), AttributeNames=["All"])["Attributes"]


def test_declared_queues_are_there_at_the_first_request(tmp_path: Path):
    with with_file(FILE, tmp_path) as server:
        lab = Lab(server)
        orders = attributes(lab, "orders")
        assert (orders["VisibilityTimeout"], orders["SqsManagedSseEnabled"]) == ("60", "false")
        assert json.loads(orders["RedrivePolicy"]) == {
            "deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:orders-dead",
            "maxReceiveCount": 5,
        }
        assert lab.sqs.list_queue_tags(QueueUrl=url(lab, "orders"))["Tags"] == {"team": "shop"}
        assert attributes(lab, "orders-dead")["MessageRetentionPeriod"] == "1209600"
        other = sqs_client(server.url, region="eu-west-1", access_key="111122223333")
        (steps,) = other.list_queues()["QueueUrls"]
        assert other.get_queue_attributes(QueueUrl=steps, AttributeNames=["FifoQueue"])["Attributes"] == {"FifoQueue": "true"}


def test_messages_and_queues_outlive_a_start_with_the_same_file(tmp_path: Path):
    with with_file(FILE, tmp_path) as server:
        lab = Lab(server)
        lab.sqs.send_message(QueueUrl=url(lab, "orders"), MessageBody="kept")
        before = attributes(lab, "orders")
        server.restart()
        after = attributes(lab, "orders")
        assert after == before, "nothing was written again"
        assert lab.sqs.receive_message(QueueUrl=url(lab, "orders"))["Messages"][0]["Body"] == "kept"


def test_what_changed_in_the_file_is_applied_and_the_rest_is_left_alone(tmp_path: Path):
    with with_file(FILE, tmp_path) as server:
        lab = Lab(server)
        lab.sqs.set_queue_attributes(QueueUrl=url(lab, "orders"), Attributes={"DelaySeconds": "7", "VisibilityTimeout": "1"})
        server.stop()
        (tmp_path / "waystation.toml").write_text(FILE.replace("receives = 5", "receives = 2").replace('"shop"', '"store"'))
        server.start()
        orders = attributes(lab, "orders")
        assert json.loads(orders["RedrivePolicy"])["maxReceiveCount"] == 2
        assert (orders["VisibilityTimeout"], orders["DelaySeconds"]) == ("60", "7")
        assert lab.sqs.list_queue_tags(QueueUrl=url(lab, "orders"))["Tags"] == {"team": "store"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[[sqs.queues]]\nname = "a/b"\n', ["line 2: queue a/b", "Can only include alphanumeric characters"]),
        ('\n[[sqs.queues]]\nname = "q"\nattributes = { DelaySeconds = 901 }\n', ["line 3: queue q", "Invalid value for the parameter DelaySeconds"]),
        ('[[sqs.queues]]\nname = "q"\nattributes = { Nonsense = 1 }\n', ["line 2: queue q", "Unknown Attribute Nonsense."]),
        ('[[sqs.queues]]\nname = "q"\nredrive = { to = "none", receives = 1 }\n', ["line 2: queue q", "Dead letter target does not exist."]),
        ('[[sqs.queues]]\nname = "q"\n[[sqs.queues]]\nname = "q"\n', ["line 4: queue q", "declared twice"]),
        ('[[sqs.queues]]\nnome = "q"\n', ["line 2", "nome"]),
    ],
)
def test_an_error_names_file_line_and_queue_and_refuses_the_start(text: str, words: list[str], tmp_path: Path):
    server = with_file(text, tmp_path)
    try:
        process = server.launch()
        assert process.wait(20) != 0
        server.process = None
        log = server.log()
        for word in ["waystation.toml", *words]:
            assert word in log, log
        assert "is ready" not in log
    finally:
        server.remove()
