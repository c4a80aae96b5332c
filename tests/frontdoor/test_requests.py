"""What the front door does with requests before any service sees them: routing, limits, refusals."""

import json
import socket

import pytest

from harness.lab import Lab
from harness.wire import JSON_TYPE, Wire, credential


def test_an_unknown_operation_of_the_service_is_refused(lab: Lab):
    answer = lab.wire.json("DoSomething", {})
    assert 400 <= answer.status < 500
    assert "DoSomething" in answer.text or answer.error_type() == "UnknownOperationException"


@pytest.mark.parametrize("service", ["dynamodb", "states", "nonsense"])
def test_a_service_that_is_not_here_answers_501_by_its_name(lab: Lab, service: str):
    headers = credential(service=service) | {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "Other_1.Thing"}
    answer = Wire(lab.server.host).ask("POST", "/", "{}", headers)
    assert answer.status == 501
    assert answer.error_type() == "NotImplemented"
    assert service in answer.json["message"]


def test_a_request_that_names_no_service_says_so(lab: Lab):
    answer = Wire(lab.server.host).ask("POST", "/", "{}", {"Content-Type": JSON_TYPE})
    assert answer.status == 501
    assert "names no service" in answer.text


def test_requests_without_a_signature_are_routed_by_target_and_action(lab: Lab):
    wire = Wire(lab.server.host)
    by_target = wire.ask("POST", "/", "{}", {"Content-Type": JSON_TYPE, "X-Amz-Target": "AmazonSQS.ListQueues"})
    assert by_target.status == 200
    assert wire.ask("GET", "/?Action=ListQueues&Version=2012-11-05").status == 200


def test_a_body_beyond_16_mib_is_refused(lab: Lab):
    queue = lab.queue()
    body = json.dumps({"QueueUrl": queue.url, "MessageBody": "x" * (16 * 1024 * 1024)})
    answer = lab.wire.json("SendMessage", body)
    assert answer.status == 413
    assert queue.counts() == (0, 0, 0)


def raw(lab: Lab, data: bytes) -> bytes:
    """Sends these bytes and returns what comes back until the server closes, or resets because it did not read them all."""
    received = b""
    with socket.create_connection(("127.0.0.1", lab.server.port), timeout=30) as connection:
        try:
            connection.sendall(data)
            while chunk := connection.recv(65536):
                received += chunk
        except (ConnectionResetError, BrokenPipeError):
            pass
    return received


@pytest.mark.parametrize("data", [b"\x16\x03\x01\x02\x00garbage", b"GET\r\n\r\n", b"NONSENSE\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n"])
def test_bytes_that_are_no_request_end_the_connection_and_nothing_else(lab: Lab, data: bytes):
    answer = raw(lab, data)
    assert not answer.startswith(b"HTTP/1.1 2"), answer
    assert lab.server.healthy()


def test_headers_without_end_are_refused(lab: Lab):
    head = b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"".join(b"X-%d: %s\r\n" % (number, b"v" * 1000) for number in range(200))
    answer = raw(lab, head + b"\r\n")
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4"), answer[:200]
    assert lab.server.healthy()


def test_a_connection_serves_many_requests(lab: Lab):
    wire = Wire(lab.server.host)
    first = None
    for _ in range(50):
        assert wire.json("ListQueues", {"MaxResults": 1}).status == 200
        address = wire.connection.sock.getsockname()
        first = first or address
        assert address == first, "the server closed a connection in use"


def test_requests_in_one_packet_are_answered_in_order(lab: Lab):
    request = b"GET /_waystation/health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    assert raw(lab, request * 3 + last).count(b"HTTP/1.1 200 OK") == 4


def test_a_chunked_body_is_read(lab: Lab):
    queue = lab.queue()
    body = json.dumps({"QueueUrl": queue.url, "MessageBody": "in chunks"}).encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:10], body[10:])) + b"0\r\n\r\n"
    head = "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n"
    head += f"Content-Type: {JSON_TYPE}\r\nX-Amz-Target: AmazonSQS.SendMessage\r\n\r\n"
    assert raw(lab, head.encode() + chunks).startswith(b"HTTP/1.1 200")
    assert queue.bodies() == ["in chunks"]
