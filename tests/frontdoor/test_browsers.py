"""Pages of foreign sites and host names that a stranger can point at us may not call."""

import pytest

from harness.lab import Lab, fresh_name
from harness.server import Server
from harness.wire import FORM_TYPE, JSON_TYPE, Wire, credential

LIST = {"Content-Type": JSON_TYPE, "X-Amz-Target": "AmazonSQS.ListQueues"}


def list_queues(lab: Lab, headers: dict[str, str]):
    """ListQueues with these headers."""
    return Wire(lab.server.host).ask("POST", "/", "{}", credential() | LIST | headers)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost.evil.example", "http://10.0.0.1"])
def test_pages_of_foreign_origins_are_refused(lab: Lab, origin: str):
    answer = list_queues(lab, {"Origin": origin})
    assert answer.status == 403
    assert answer.error_type() == "AccessDeniedException"
    assert "access-control-allow-origin" not in answer.headers


def test_a_refused_page_changes_nothing(lab: Lab):
    name = fresh_name()
    form = f"Action=CreateQueue&Version=2012-11-05&QueueName={name}"
    # What a page can send without asking: a form, without any header of its own.
    answer = Wire(lab.server.host).ask("POST", "/", form, {"Content-Type": FORM_TYPE, "Origin": "https://evil.example"})
    assert answer.status == 403
    assert "QueueUrls" not in lab.sqs.list_queues(QueueNamePrefix=name)


def test_a_get_that_a_foreign_page_caused_is_refused(lab: Lab):
    name = fresh_name()
    target = f"/?Action=CreateQueue&Version=2012-11-05&QueueName={name}"
    answer = Wire(lab.server.host).ask("GET", target, None, {"Sec-Fetch-Site": "cross-site"})
    assert answer.status == 403
    assert "QueueUrls" not in lab.sqs.list_queues(QueueNamePrefix=name)


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://127.0.0.1:8080", "https://app.localhost"])
def test_pages_of_this_machine_may_call(lab: Lab, origin: str):
    answer = list_queues(lab, {"Origin": origin})
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == origin
    assert "x-amzn-requestid" in answer.headers["access-control-expose-headers"].lower()


def test_a_preflight_is_answered_for_pages_of_this_machine(lab: Lab):
    asked = {
        "Origin": "http://localhost:3000",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-amz-target,authorization",
    }
    answer = Wire(lab.server.host).ask("OPTIONS", "/", None, asked)
    assert answer.status in (200, 204)
    assert answer.headers["access-control-allow-origin"] == "http://localhost:3000"
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == "x-amz-target,authorization"
    refused = Wire(lab.server.host).ask("OPTIONS", "/", None, asked | {"Origin": "https://evil.example"})
    assert refused.status == 403


@pytest.mark.parametrize("host", ["evil.example", "evil.example:4566", "amazonaws.com.evil.example", "192.168.0.1"])
def test_host_names_that_can_be_pointed_at_us_are_refused(lab: Lab, host: str):
    answer = list_queues(lab, {"Host": host})
    assert answer.status == 403
    assert answer.error_type() == "AccessDeniedException"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "[::1]:4566", "sqs.us-east-1.amazonaws.com", "sqs.us-east-1.localhost"])
def test_host_names_of_this_machine_and_of_aws_are_served(lab: Lab, host: str):
    assert list_queues(lab, {"Host": host}).status == 200


def test_origins_and_hosts_can_be_allowed_by_the_configuration():
    server = Server("--config", "waystation.toml")
    text = 'cors_origins = ["https://app.example"]\nhosts = ["queues.example"]\n'
    (server.scratch.path / "waystation.toml").write_text(text)
    with server:
        lab = Lab(server)
        answer = list_queues(lab, {"Origin": "https://app.example", "Host": "queues.example"})
        assert answer.status == 200
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
        assert list_queues(lab, {"Origin": "https://other.example"}).status == 403
