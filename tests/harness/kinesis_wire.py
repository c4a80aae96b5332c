"""Kinesis without an SDK: requests in JSON and in its CBOR, over either version of HTTP, and event streams frame by frame.

CBOR is that of the package `cbor2`, HTTP that of `httpx`, checksums those of zlib: nothing here is ours.
"""

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import cbor2
import httpx

from harness.wire import Answer, credential

JSON_TYPE = "application/x-amz-json-1.1"
CBOR_TYPE = "application/x-amz-cbor-1.1"
STREAM_TYPE = "application/vnd.amazon.eventstream"
TARGET = "Kinesis_20131202"


class Milliseconds(int):
    """A time in Kinesis' dialect of CBOR: tag 1 around an integer of milliseconds (KIN-014)."""


def cbor(value) -> bytes:
    """A document in Kinesis' dialect."""
    return cbor2.dumps(_tagged(value))


def _tagged(value):
    if isinstance(value, Milliseconds):
        return cbor2.CBORTag(1, int(value))
    if isinstance(value, dict):
        return {key: _tagged(part) for key, part in value.items()}
    return [_tagged(part) for part in value] if isinstance(value, list) else value


def uncbor(document: bytes):
    """The value of a document in Kinesis' dialect; nothing is the value of nothing."""
    times = {1: lambda count, _immutable: Milliseconds(count)}
    return cbor2.loads(document, semantic_decoders=times) if document else None


class KinesisWire:
    """A client of one server."""

    def __init__(self, url: str, *, http2: bool = False, verify=True):
        self.client = httpx.Client(base_url=url, http1=not http2, http2=http2, timeout=30, verify=verify)

    def headers(self, operation: str | None, content_type: str | None = JSON_TYPE) -> dict[str, str]:
        """The headers of a call, with a signature that proves nothing."""
        own = credential(service="kinesis")
        if operation is not None:
            own["X-Amz-Target"] = f"{TARGET}.{operation}"
        if content_type is not None:
            own["Content-Type"] = content_type
        return own

    def ask(self, method: str, path: str, body: bytes | str | None, headers: dict[str, str]) -> Answer:
        """Sends exactly this."""
        answer = self.client.request(method, path, content=body, headers=headers)
        names = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(answer.status_code, names, answer.content)

    def json(self, operation: str, payload, headers: dict[str, str] | None = None) -> Answer:
        """One call in JSON; `payload` is an object, or the exact text to send."""
        body = payload if isinstance(payload, (str, bytes)) else json.dumps(payload)
        return self.ask("POST", "/", body, self.headers(operation) | (headers or {}))

    def cbor(self, operation: str, payload, headers: dict[str, str] | None = None) -> Answer:
        """One call in CBOR; `payload` is an object, or the exact bytes to send."""
        body = payload if isinstance(payload, bytes) else cbor(payload)
        return self.ask("POST", "/", body, self.headers(operation, CBOR_TYPE) | (headers or {}))

    def stream(self, operation: str, payload, content_type: str = JSON_TYPE):
        """A call that answers with a stream of events: a context that gives the open answer."""
        body = json.dumps(payload) if content_type == JSON_TYPE else cbor(payload)
        return self.client.stream("POST", "/", content=body, headers=self.headers(operation, content_type))


@dataclass
class Frame:
    """A message of an event stream, its lengths and checksums checked."""

    headers: dict[str, str]
    payload: bytes


def frames(answer: httpx.Response) -> Iterator[Frame]:
    """The messages of an answer as they come."""
    buffer = b""
    for piece in answer.iter_raw():
        buffer += piece
        while len(buffer) >= 12:
            total, header_bytes, checksum = struct.unpack(">III", buffer[:12])
            assert zlib.crc32(buffer[:8]) == checksum, "the prelude is damaged"
            assert total <= 16 << 20
            if len(buffer) < total:
                break
            message, buffer = buffer[:total], buffer[total:]
            assert zlib.crc32(message[:-4]) == struct.unpack(">I", message[-4:])[0], "the message is damaged"
            yield Frame(_headers(message[12 : 12 + header_bytes]), message[12 + header_bytes : -4])
    assert not buffer, "the stream ends within a message"


def _headers(block: bytes) -> dict[str, str]:
    headers = {}
    while block:
        length = block[0]
        name, kind = block[1 : 1 + length].decode(), block[1 + length]
        assert kind == 7, f"{name} is no string"
        size = struct.unpack(">H", block[2 + length : 4 + length])[0]
        headers[name] = block[4 + length : 4 + length + size].decode()
        block = block[4 + length + size :]
    return headers
