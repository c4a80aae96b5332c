"""Disks that fail or fill up: nothing is acknowledged that is not kept, and a full disk still lets consumers work."""

import os
import resource
import time
import uuid

from botocore.exceptions import BotoCoreError, ClientError

from harness.behaviours import behaviour
from harness.lab import Lab
from harness.server import Server

EXIT_STORAGE = 74
BODY_BYTES = 60_000
FILE_BYTES_MAX = 12 << 20
DISK_BYTES = 400 << 20
SPACE_RETURNS_SECONDS_MAX = 60


def body(name: str) -> str:
    """A large body that says which one it is."""
    return name + "." * (BODY_BYTES - len(name))


@behaviour("SQS-148", "SQS-149")
def test_a_failing_write_ends_the_server_and_loses_nothing_acknowledged():
    """A limit on the size of files makes journal writes fail like a broken disk does."""
    server = Server(before=("env", "--ignore-signal=XFSZ")).start()
    try:
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (FILE_BYTES_MAX, FILE_BYTES_MAX))
        lab = Lab(server)
        queue = lab.queue("failing")
        acknowledged = []
        try:
            for number in range(2000):
                name = f"{number}-{uuid.uuid4()}"
                queue.send(body(name))
                acknowledged.append(name)
        except (BotoCoreError, ClientError):
            pass
        assert server.process.wait(30) == EXIT_STORAGE, server.log()
        server.process = None
        assert "the disk failed" in server.log()
        assert 10 < len(acknowledged) < 1000
        server.before = ()
        server.start()
        found = {text.rstrip(".") for text in Lab(server).queue("failing").drain()}
        assert set(acknowledged) <= found
    finally:
        server.remove()


@behaviour("SQS-148", "SQS-149")
def test_a_full_disk_refuses_producers_serves_consumers_and_recovers():
    server = Server()
    server.data_dir.mkdir(parents=True)
    mount = f'mount -t tmpfs -o size={DISK_BYTES},mode=700 tmpfs "{server.data_dir}" && exec "$@"'
    namespace = ("unshare", "-m") if os.geteuid() == 0 else ("unshare", "-Urm")
    server.before = (*namespace, "sh", "-c", mount, "sh")
    server.start()
    try:
        lab = Lab(server)
        queue = lab.queue("filling")
        acknowledged = []
        refusal = None
        while refusal is None:
            name = f"{len(acknowledged)}-{uuid.uuid4()}"
            try:
                queue.send(body(name))
                acknowledged.append(name)
            except ClientError as error:
                refusal = error.response
            assert len(acknowledged) * BODY_BYTES < DISK_BYTES, "the disk should be full"
        # A status that SDKs try again by themselves.
        assert refusal["ResponseMetadata"]["HTTPStatusCode"] == 503, refusal
        found = {text.rstrip(".") for text in queue.drain()}
        assert found == set(acknowledged)
        deadline = time.monotonic() + SPACE_RETURNS_SECONDS_MAX
        while True:
            try:
                queue.send("there is room again")
                break
            except ClientError as error:
                assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 503
                assert time.monotonic() < deadline, server.log()
                time.sleep(0.25)
        assert queue.drain() == ["there is room again"]
    finally:
        server.remove()
