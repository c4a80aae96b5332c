"""Bodies that SDKs send compressed: undone before the operation is looked for, signed as they were sent."""

import gzip
import json

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from harness.behaviours import behaviour
from harness.clients import ACCESS_KEY, SECRET_KEY
from harness.lab import Lab
from harness.server import Server
from harness.wire import FORM_TYPE, JSON_TYPE, Wire, credential

SEND = {"Content-Type": JSON_TYPE, "X-Amz-Target": "AmazonSQS.SendMessage", "Content-Encoding": "gzip"}


def test_a_compressed_document_and_a_compressed_form_are_read(lab: Lab):
    queue = lab.queue()
    document = gzip.compress(json.dumps({"QueueUrl": queue.url, "MessageBody": "document"}).encode())
    assert lab.wire.ask("POST", "/", document, credential() | SEND).status == 200
    form = gzip.compress(f"Action=SendMessage&Version=2012-11-05&QueueUrl={queue.url}&MessageBody=form".encode())
    headers = {"Content-Type": FORM_TYPE, "Content-Encoding": "gzip"}
    # Without a signature the action leads to the service, and it is compressed too.
    assert lab.wire.ask("POST", "/", form, headers).status == 200
    assert sorted(queue.drain()) == ["document", "form"]


def test_what_is_no_gzip_or_too_much_of_it_is_refused(lab: Lab):
    assert Wire(lab.server.host).ask("POST", "/", b"{}", credential() | SEND).status == 400
    bomb = gzip.compress(b"x" * (64 << 20))
    assert len(bomb) < 1 << 20
    assert Wire(lab.server.host).ask("POST", "/", bomb, credential() | SEND).status == 413
    assert lab.server.healthy()


@behaviour("IDN-020")
def test_the_signature_covers_the_compressed_body():
    server = Server("--auth", "verify", "--credentials", "credentials")
    file = server.scratch.path / "credentials"
    file.write_text(f"{ACCESS_KEY} {SECRET_KEY}\n")
    file.chmod(0o600)
    listing = SEND | {"X-Amz-Target": "AmazonSQS.ListQueues"}
    with server:
        for signed, status in [(gzip.compress(b"{}"), 200), (b"{}", 400)]:
            request = AWSRequest("POST", server.url + "/", data=signed, headers=listing)
            SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY), "sqs", "us-east-1").add_auth(request)
            answer = Wire(server.host).ask("POST", "/", gzip.compress(b"{}"), dict(request.headers.items()))
            assert answer.status == status
