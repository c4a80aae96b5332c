"""Signatures where they are checked: `--auth verify` with a file of credentials."""

import os
import signal
import stat
from collections.abc import Iterator

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from harness.behaviours import behaviour
from harness.clients import sqs_client
from harness.lab import Lab, fresh_name, refused
from harness.server import Server
from harness.waiting import eventually
from harness.wire import FORM_TYPE, Wire, credential

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
OTHER_KEY, OTHER_SECRET = "AKIAI44QH8DHBEXAMPLE", "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY"
UNKNOWN_KEY = "AKIAUNKNOWNUNKNOWN00"
REFUSED_TEXT = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
)


def verifying(lines: str) -> Server:
    """A server, not started, that knows these credentials."""
    server = Server("--auth", "verify", "--credentials", "credentials")
    file = server.scratch.path / "credentials"
    file.write_text(lines)
    file.chmod(stat.S_IRUSR | stat.S_IWUSR)
    return server


@pytest.fixture(scope="module")
def verified() -> Iterator[Server]:
    """A server that knows two keys of two accounts."""
    lines = f"{KEY} {SECRET} 111111111111\n{OTHER_KEY} {OTHER_SECRET} 222222222222\n"
    with verifying(lines) as running:
        yield running


@behaviour("IDN-001", "IDN-007", "IDN-024")
def test_a_signed_request_is_served(verified: Server):
    client = sqs_client(verified.url, access_key=KEY, secret_key=SECRET)
    url = client.create_queue(QueueName=fresh_name())["QueueUrl"]
    client.send_message(QueueUrl=url, MessageBody="signed & sealed ü")
    assert client.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "signed & sealed ü"


@behaviour("SQS-001", "SQS-083", "SQS-080")
def test_every_account_has_queues_of_its_own(verified: Server):
    one = sqs_client(verified.url, access_key=KEY, secret_key=SECRET)
    two = sqs_client(verified.url, access_key=OTHER_KEY, secret_key=OTHER_SECRET)
    name = fresh_name()
    assert "/111111111111/" in one.create_queue(QueueName=name)["QueueUrl"]
    assert "QueueUrls" not in two.list_queues(QueueNamePrefix=name)
    assert "/222222222222/" in two.create_queue(QueueName=name)["QueueUrl"]


@behaviour("SQS-056", "SQS-057", "IDN-027", "IDN-053", "IDN-056")
def test_a_wrong_secret_is_refused(verified: Server):
    client = sqs_client(verified.url, access_key=KEY, secret_key=OTHER_SECRET)
    with refused("SignatureDoesNotMatch", REFUSED_TEXT, status=400):
        client.list_queues()


@behaviour("SQS-057", "IDN-053", "IDN-054", "IDN-056")
def test_an_unknown_key_is_refused(verified: Server):
    client = sqs_client(verified.url, access_key=UNKNOWN_KEY, secret_key=SECRET)
    with refused("InvalidClientTokenId", "The security token included in the request is invalid.", status=400):
        client.list_queues()


@behaviour("SQS-057", "IDN-053", "IDN-054", "IDN-057")
@pytest.mark.parametrize(("key", "code"), [(KEY, "SignatureDoesNotMatch"), (UNKNOWN_KEY, "InvalidClientTokenId")])
def test_the_query_protocol_has_the_status_403(verified: Server, key: str, code: str):
    request = AWSRequest("POST", verified.url + "/", data=b"Action=ListQueues&Version=2012-11-05")
    request.headers["Content-Type"] = FORM_TYPE
    SigV4Auth(Credentials(key, OTHER_SECRET), "sqs", "us-east-1").add_auth(request)
    answer = Wire(verified.host).ask("POST", "/", request.data, dict(request.headers.items()))
    assert answer.status == 403
    assert answer.xml.findtext("Error/Code") == code
    assert answer.headers["date"], "SDKs correct their clock by it"


@behaviour("SQS-056", "IDN-052", "IDN-061")
@pytest.mark.parametrize("headers", [{}, credential(), {"Authorization": "nonsense"}])
def test_an_unsigned_or_malformed_request_is_refused(verified: Server, headers: dict[str, str]):
    name = fresh_name()
    own = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.CreateQueue"}
    answer = Wire(verified.host).ask("POST", "/", f'{{"QueueName": "{name}"}}', own | headers)
    assert answer.status in (400, 403)
    assert answer.headers["x-amzn-query-error"].endswith(";Sender")
    assert "QueueUrls" not in sqs_client(verified.url, access_key=KEY, secret_key=SECRET).list_queues(QueueNamePrefix=name)


@behaviour("IDN-028", "IDN-029", "IDN-037")
def test_a_presigned_url_is_served_until_it_is_changed(verified: Server):
    url = f"{verified.url}/?Action=ListQueues&Version=2012-11-05&QueueNamePrefix=a%20b"
    request = AWSRequest("GET", url)
    SigV4QueryAuth(Credentials(KEY, SECRET), "sqs", "us-east-1", expires=60).add_auth(request)
    target = request.prepare().url.removeprefix(verified.url)
    wire = Wire(verified.host)
    assert wire.ask("GET", target).status == 200
    assert wire.ask("GET", target).status == 200
    assert wire.ask("GET", target.replace("a%20b", "a%20c")).status == 403


def test_a_file_of_credentials_that_others_may_read_is_refused():
    server = verifying(f"{KEY} {SECRET}\n")
    (server.scratch.path / "credentials").chmod(0o644)
    process = server.launch()
    try:
        assert process.wait(10) != 0
        assert "credentials" in server.log()
        assert SECRET not in server.log()
    finally:
        server.process = None
        server.remove()


def test_credentials_are_read_again_on_a_signal():
    with verifying(f"{KEY} {SECRET}\n") as server:
        client = sqs_client(server.url, access_key=OTHER_KEY, secret_key=OTHER_SECRET)
        with refused("InvalidClientTokenId"):
            client.list_queues()
        (server.scratch.path / "credentials").write_text(f"{OTHER_KEY} {OTHER_SECRET}\n")
        os.kill(server.process.pid, signal.SIGHUP)
        eventually(lambda: "credentials read again" in server.log(), "the file is read again")
        client.list_queues()
        with refused("InvalidClientTokenId"):
            sqs_client(server.url, access_key=KEY, secret_key=SECRET).list_queues()
