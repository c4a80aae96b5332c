"""Reference sections 15 and 16: signatures, checked by hand and by a validator that people use, as on AWS."""

import base64
import json
import re
import urllib.request
from collections.abc import Iterator

import pytest
import urllib3.util.connection
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from sns_message_validator import SNSMessageValidator

from harness.behaviours import behaviour
from harness.clients import aws_client
from harness.endpoint import Endpoint, subscribe
from harness.lab import Lab, fresh_name
from harness.server import Server
from harness.topics import Topics, envelopes, text

HOST = "sns.us-east-1.amazonaws.com"
HASHES = {"1": SHA1(), "2": SHA256()}
NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


def check(envelope: dict, certificate: bytes):
    """Checks a signature by hand."""
    members = NOTIFICATION if envelope["Type"] == "Notification" else CONFIRMATION
    signed = "".join(f"{name}\n{envelope[name]}\n" for name in members if name in envelope)
    key = x509.load_pem_x509_certificate(certificate).public_key()
    signature = base64.b64decode(envelope["Signature"], validate=True)
    key.verify(signature, signed.encode(), PKCS1v15(), HASHES[envelope["SignatureVersion"]])


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=20) as answer:
        return answer.read()


@behaviour("SNS-202", "SNS-203", "SNS-205", "SNS-206", "SNS-207", "SNS-208", "SNS-209", "SNS-211", "SNS-213")
@pytest.mark.parametrize("version", ["1", "2"])
def test_envelopes_are_signed(topics: Topics, version: str):
    topic = topics.topic(**({"SignatureVersion": "2"} if version == "2" else {}))
    queue = topic.subscribed_queue()
    topic.publish('ä "quoted"\n\\ 😀', Subject="s", MessageAttributes={"a": text("v")})
    topic.publish("plain")
    for envelope in envelopes(queue):
        assert envelope["SignatureVersion"] == version
        certificate = fetch(envelope["SigningCertURL"])
        check(envelope, certificate)
        with pytest.raises(Exception):
            check(envelope | {"Message": "another"}, certificate)


@behaviour("SNS-204", "SNS-209")
@pytest.mark.parametrize("version", ["1", "2"])
def test_confirmations_are_signed(topics: Topics, version: str):
    topic = topics.topic(SignatureVersion=version)
    with Endpoint() as endpoint:
        subscribe(topic, endpoint)
        asked = json.loads(endpoint.next()[1])
        assert asked["SignatureVersion"] == version
        check(asked, fetch(asked["SigningCertURL"]))


@behaviour("SNS-200")
def test_an_envelope_stays_what_it_is(clocked: Lab):
    topics = Topics(clocked)
    topic = topics.topic()
    queues = [topic.subscribed_queue() for _ in range(2)]
    topic.publish("m")
    bodies = [queue.receive_one()["Body"] for queue in queues]
    clocked.advance(31)
    assert [queue.receive_one()["Body"] for queue in queues] == bodies
    first, second = (json.loads(body) for body in bodies)
    assert first.pop("UnsubscribeURL") != second.pop("UnsubscribeURL")
    assert first == second


@behaviour("SNS-211")
def test_the_key_outlives_kill_9():
    with Server() as running:
        topics = Topics(Lab(running))
        topic = topics.topic()
        queue = topic.subscribed_queue()
        topic.publish("before")
        [before] = envelopes(queue)
        topic.publish("over it")
        running.kill9()
        running.start()
        topic.publish("after")
        received = {envelope["Message"]: envelope for envelope in (json.loads(body) for body in queue.drain(wait=1))}
        assert {before["SigningCertURL"]} == {envelope["SigningCertURL"] for envelope in received.values()}
        certificate = fetch(before["SigningCertURL"])
        for envelope in (before, *received.values()):
            check(envelope, certificate)


def test_another_certificate_is_not_there(topics: Topics):
    for method, path, status in [
        ("GET", f"/SimpleNotificationService-{'0' * 32}.pem", 404),
        ("POST", f"/SimpleNotificationService-{'0' * 32}.pem", 405),
    ]:
        assert topics.lab.wire.ask(method, path).status == status


class Amazon:
    """A server that clients reach under AWS's own name, and what they need for that."""

    def __init__(self, running: Server, monkeypatch: pytest.MonkeyPatch):
        self.lab = Lab(running)
        self.authority = running.data_dir / "tls/cert.pem"
        connect = urllib3.util.connection.create_connection

        def there(address, *args, **more):
            return connect(("127.0.0.1", running.port) if address[0] == HOST else address, *args, **more)

        # What a line in the hosts file and a port forwarder would do.
        monkeypatch.setattr(urllib3.util.connection, "create_connection", there)
        for name in ("REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE"):
            monkeypatch.setenv(name, str(self.authority))
        self.sns = aws_client("sns", f"https://{HOST}")


@pytest.fixture
def amazon(monkeypatch: pytest.MonkeyPatch) -> Iterator[Amazon]:
    """SNS under its own name."""
    running = Server("--tls", "self-signed")
    (running.scratch.path / "waystation.toml").write_text(f'hosts = ["{HOST}"]\n')
    with running:
        yield Amazon(running, monkeypatch)


@behaviour("SNS-193", "SNS-194", "SNS-198", "SNS-212", "SNS-211", "SNS-203", "SNS-207")
def test_a_validator_accepts_notifications(amazon: Amazon):
    arn = amazon.sns.create_topic(Name=fresh_name())["TopicArn"]
    queue = amazon.lab.queue()
    subscription = amazon.sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue.arn)["SubscriptionArn"]
    amazon.sns.publish(TopicArn=arn, Message="m", Subject="s")
    [envelope] = envelopes(queue)
    assert envelope["UnsubscribeURL"] == f"https://{HOST}/?Action=Unsubscribe&SubscriptionArn={subscription}"
    assert re.fullmatch(rf"https://{HOST}/SimpleNotificationService-[0-9a-f]{{32}}\.pem", envelope["SigningCertURL"])
    validator = SNSMessageValidator()
    validator.validate_message(envelope)
    with pytest.raises(Exception, match="Invalid signature"):
        validator.validate_message(envelope | {"Message": "another"})
    with Endpoint() as endpoint:
        amazon.sns.subscribe(TopicArn=arn, Protocol="http", Endpoint=endpoint.url)
        asked = json.loads(endpoint.next()[1])
        assert asked["SubscribeURL"] == f"https://{HOST}/?Action=ConfirmSubscription&TopicArn={arn}&Token={asked['Token']}"
        validator.validate_message(asked)
