"""The digests of SQS, computed independently of the server (SQS-150 to SQS-154)."""

import hashlib


def _counted(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def body_digest(body: str) -> str:
    """MD5 of the body's UTF-8 bytes."""
    return hashlib.md5(body.encode()).hexdigest()


def attributes_digest(attributes: dict[str, dict]) -> str:
    """MD5 over name, type and value of each attribute, in the order of the names' UTF-8 bytes."""
    buffer = b""
    for name in sorted(attributes, key=str.encode):
        attribute = attributes[name]
        buffer += _counted(name.encode()) + _counted(attribute["DataType"].encode())
        if attribute["DataType"].startswith("Binary"):
            buffer += b"\x02" + _counted(attribute["BinaryValue"])
        else:
            buffer += b"\x01" + _counted(attribute["StringValue"].encode())
    return hashlib.md5(buffer).hexdigest()
