"""Reference section 20: HTTPS endpoints, whom they are trusted by, and user names in URLs."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.behaviours import behaviour
from harness.endpoint import Endpoint, attributes, certificate, confirmed, retries, subscribe
from harness.lab import Lab, refused
from harness.server import Server
from harness.topics import INVALID, Topics


class Trusting:
    """A server that trusts the authority of one certificate, which is for 127.0.0.1."""

    def __init__(self, directory: Path):
        self.context, authority = certificate(directory, "127.0.0.1")
        self.server = Server("--trusted-ca", str(authority))


@pytest.fixture(scope="module")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trusting]:
    """Shared by the file."""
    made = Trusting(tmp_path_factory.mktemp("certificates"))
    with made.server:
        yield made


@pytest.fixture
def secure(trusting: Trusting) -> Topics:
    """Topics of the server that trusts."""
    return Topics(Lab(trusting.server))


@behaviour("SNS-250", "SNS-092", "SNS-236")
def test_an_endpoint_over_tls_hears(secure: Topics, trusting: Trusting):
    with Endpoint(tls=trusting.context) as endpoint:
        topic = secure.topic()
        arn = confirmed(topic, endpoint)
        shown = attributes(topic, arn)
        assert (shown["Protocol"], shown["Endpoint"]) == ("https", endpoint.url)
        assert "EffectiveDeliveryPolicy" in shown
        topic.publish("secret")
        headers, body, _ = endpoint.next()
        assert headers["Host"] == f"127.0.0.1:{endpoint.port}"
        assert json.loads(body)["Message"] == "secret"


@behaviour("SNS-250", "SNS-245")
def test_a_certificate_that_nobody_vouches_for_is_a_failure(secure: Topics, trusting: Trusting, tmp_path: Path):
    stranger, _ = certificate(tmp_path, "127.0.0.1")
    with Endpoint(tls=trusting.context) as endpoint, Endpoint(tls=stranger) as strange:
        topic, dead = secure.topic(), secure.queue()
        policy = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": dead.arn}), "DeliveryPolicy": retries(1)}
        # The name that was confirmed is not the name in the certificate.
        named = endpoint.url.replace("127.0.0.1", "localhost")
        assert subscribe(topic, endpoint, named, **policy) and subscribe(topic, strange, **policy)
        assert endpoint.is_quiet(1) and strange.is_quiet(0.1)
        assert "invalid peer certificate" in secure.lab.server.log()


def test_the_endpoint_matches_its_protocol(topics: Topics):
    topic = topics.topic()
    with refused(INVALID, "Invalid parameter: Endpoint must match the specified protocol"):
        topics.sns.subscribe(TopicArn=topic.arn, Protocol="https", Endpoint="http://127.0.0.1/")


@behaviour("SNS-249")
def test_a_password_is_shown_to_who_asks(secure: Topics, trusting: Trusting):
    seen = []

    def basic(headers):
        seen.append(headers["Authorization"])
        return None if seen[-1] else (401, {"WWW-Authenticate": 'Basic realm="r"'})

    with Endpoint(tls=trusting.context, judge=basic) as endpoint:
        topic = secure.topic()
        url = endpoint.url.replace("https://", "https://me:p%40ss@")
        arn = subscribe(topic, endpoint, url)
        assert endpoint.next() and json.loads(endpoint.next()[1])["Token"]
        assert seen == [None, "Basic " + base64.b64encode(b"me:p@ss").decode()]
        assert attributes(topic, arn)["Endpoint"] == endpoint.url.replace("https://", "https://me:****@")
        [listed] = secure.sns.list_subscriptions_by_topic(TopicArn=topic.arn)["Subscriptions"]
        assert "p%40ss" not in listed["Endpoint"]


@behaviour("SNS-249")
@pytest.mark.parametrize("algorithm, digest", [("MD5", hashlib.md5), ("SHA-256", hashlib.sha256)])
def test_a_digest_proves_the_password(secure: Topics, trusting: Trusting, algorithm: str, digest):
    def of(*parts: str) -> str:
        return digest(":".join(parts).encode()).hexdigest()

    def judge(headers):
        given = dict(re.findall(r'(\w+)="?([^",]+)"?', headers["Authorization"] or ""))
        secret, request = of("me", "r", "secret"), of("POST", given.get("uri", ""))
        wanted = of(secret, "n0", given.get("nc", ""), given.get("cnonce", ""), "auth", request)
        asked = f'Digest realm="r", nonce="n0", qop="auth", algorithm={algorithm}'
        return None if given.get("response") == wanted else (401, {"WWW-Authenticate": asked})

    with Endpoint(tls=trusting.context, judge=judge) as endpoint:
        topic = secure.topic()
        subscribe(topic, endpoint, endpoint.url.replace("https://", "https://me:secret@"))
        answers = [endpoint.next()[0]["Authorization"] for _ in range(2)]
        assert answers[0] is None and answers[1].startswith("Digest ")
        assert endpoint.is_quiet()


@behaviour("SNS-249", "SNS-246")
def test_a_wrong_password_is_a_permanent_failure_and_plain_http_shows_none(secure: Topics, trusting: Trusting):
    def judge(headers):
        return 401, {"WWW-Authenticate": 'Basic realm="r"'}

    with Endpoint(tls=trusting.context, judge=judge) as endpoint, Endpoint(judge=judge) as plain:
        topic = secure.topic()
        subscribe(topic, endpoint, endpoint.url.replace("https://", "https://me:wrong@"))
        assert [endpoint.next()[0]["Authorization"] is None for _ in range(2)] == [True, False]
        assert endpoint.is_quiet()
        subscribe(topic, plain, plain.url.replace("http://", "http://me:secret@"))
        assert plain.next()[0]["Authorization"] is None
        assert plain.is_quiet()


@behaviour("SNS-061")
def test_a_host_without_an_address_is_unreachable(topics: Topics):
    topic = topics.topic()
    for protocol in ("http", "https"):
        with refused(INVALID, "Invalid parameter: Unreachable Endpoint"):
            topics.sns.subscribe(TopicArn=topic.arn, Protocol=protocol, Endpoint=f"{protocol}://nowhere.invalid/")
    assert topics.sns.list_subscriptions_by_topic(TopicArn=topic.arn)["Subscriptions"] == []


def test_a_bad_file_of_authorities_refuses_the_start(tmp_path: Path):
    file = tmp_path / "authorities.pem"
    file.write_text("text")
    server = Server("--trusted-ca", str(file))
    process = server.launch()
    assert process.wait(20) != 0
    server.process = None
    assert f"--trusted-ca {file}: holds no certificate" in server.log()
    server.remove()
