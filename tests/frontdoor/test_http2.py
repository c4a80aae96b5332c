"""HTTP/2 beside HTTP/1.1 on the same port: without TLS by its preface, with TLS by the handshake's choice."""

import json
import socket
import ssl
from collections.abc import Iterator

import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ResponseReceived, StreamEnded

from harness.behaviours import behaviour
from harness.clients import ACCESS_KEY, SECRET_KEY, aws_client
from harness.lab import Lab
from harness.server import Server
from harness.wire import JSON_TYPE, credential

LIST = {"Content-Type": JSON_TYPE, "X-Amz-Target": "AmazonSQS.ListQueues"}


@pytest.fixture(scope="module")
def encrypted() -> Iterator[Server]:
    """A server with TLS and a certificate that made itself."""
    with Server("--tls", "self-signed") as running:
        yield running


def trusting(server: Server) -> ssl.SSLContext:
    """What trusts the server's own certificate."""
    return ssl.create_default_context(cafile=str(server.data_dir / "tls/cert.pem"))


@pytest.mark.parametrize("http2", [False, True])
def test_both_versions_are_answered_without_tls(lab: Lab, http2: bool):
    queue = lab.queue()
    with httpx.Client(base_url=lab.server.url, http1=not http2, http2=http2) as client:
        for number in range(20):
            body = json.dumps({"QueueUrl": queue.url, "MessageBody": str(number)})
            headers = credential() | LIST | {"X-Amz-Target": "AmazonSQS.SendMessage"}
            answer = client.post("/", content=body, headers=headers)
            assert answer.status_code == 200
            assert answer.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
    assert len(queue.drain()) == 20


@pytest.mark.parametrize("http2", [False, True])
def test_both_versions_are_answered_with_tls(encrypted: Server, http2: bool):
    url = encrypted.url.replace("http:", "https:").replace("127.0.0.1", "localhost")
    with httpx.Client(base_url=url, http2=http2, verify=trusting(encrypted)) as client:
        answer = client.post("/", content="{}", headers=credential() | LIST)
        assert answer.status_code == 200
        assert answer.http_version == ("HTTP/2" if http2 else "HTTP/1.1")


@behaviour("KIN-019")
def test_http2_begins_by_its_preface_under_tls_too(encrypted: Server):
    # The SDK for Java names no protocol in the handshake with Kinesis and speaks HTTP/2 at once.
    headers = {":method": "POST", ":scheme": "https", ":authority": f"localhost:{encrypted.port}", ":path": "/"}
    headers |= {name.lower(): value for name, value in (credential() | LIST).items()}
    client = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
    client.initiate_connection()
    client.send_headers(1, list(headers.items()))
    client.send_data(1, b"{}", end_stream=True)
    with socket.create_connection(("127.0.0.1", encrypted.port), timeout=10) as plain:
        with trusting(encrypted).wrap_socket(plain, server_hostname="localhost") as connection:
            assert connection.selected_alpn_protocol() is None
            connection.sendall(client.data_to_send())
            events = []
            while not any(isinstance(event, StreamEnded) for event in events):
                received = connection.recv(65536)
                assert received, f"the server closed after {events}"
                events += client.receive_data(received)
    status = next(dict(event.headers)[":status"] for event in events if isinstance(event, ResponseReceived))
    assert status == "200"


def test_a_queue_url_repeats_the_host_of_http2(lab: Lab):
    with httpx.Client(base_url=lab.server.url, http1=False, http2=True) as client:
        headers = credential() | LIST | {"X-Amz-Target": "AmazonSQS.CreateQueue"}
        answer = client.post("/", content='{"QueueName": "over-http2"}', headers=headers)
    assert answer.json()["QueueUrl"].startswith(lab.server.url + "/")


@behaviour("IDN-012", "IDN-014")
def test_a_signature_over_http2_is_verified():
    server = Server("--auth", "verify", "--credentials", "credentials")
    file = server.scratch.path / "credentials"
    file.write_text(f"{ACCESS_KEY} {SECRET_KEY}\n")
    file.chmod(0o600)
    with server, httpx.Client(base_url=server.url, http1=False, http2=True) as client:
        for secret, status in [(SECRET_KEY, 200), (SECRET_KEY[::-1], 400)]:
            request = AWSRequest("POST", server.url + "/", data=b"{}", headers=LIST)
            SigV4Auth(Credentials(ACCESS_KEY, secret), "sqs", "us-east-1").add_auth(request)
            answer = client.post("/", content=b"{}", headers=dict(request.headers.items()))
            assert answer.status_code == status
            assert answer.headers["date"]


def test_a_large_body_goes_through_the_windows(lab: Lab):
    queue = lab.queue()
    body = "x" * (900 * 1024)
    with httpx.Client(base_url=lab.server.url, http1=False, http2=True) as client:
        headers = credential() | LIST | {"X-Amz-Target": "AmazonSQS.SendMessage"}
        content = json.dumps({"QueueUrl": queue.url, "MessageBody": body})
        assert client.post("/", content=content, headers=headers).status_code == 200
        receive = credential() | LIST | {"X-Amz-Target": "AmazonSQS.ReceiveMessage"}
        answer = client.post("/", content=json.dumps({"QueueUrl": queue.url}), headers=receive)
        assert answer.json()["Messages"][0]["Body"] == body


def test_the_sdk_still_speaks_http1(encrypted: Server):
    client = aws_client("sqs", encrypted.url)
    client.create_queue(QueueName="plain-beside-tls")
