"""The system calls of a server under load prove it: no answer to a send leaves before the flush that covers its frame."""

import hashlib
import re
import shutil
import threading

from harness import places, syscalls
from harness.behaviours import behaviour
from harness.server import Server
from harness.waiting import eventually
from harness.wire import Wire

THREADS = 6
SENDS_EACH = 25
MARKER = re.compile(r"marker-\d\d-\d\d\d\d")


def traced(binary=None, *flags: str) -> Server:
    """A server below strace, not started. strace writes into the server's own directory."""
    assert shutil.which("strace"), "strace is missing: cargo xtask test installs it"
    return Server(*flags, binary=binary, before=syscalls.strace("trace"))


def send_all(server: Server) -> dict[str, str]:
    """Sends from several threads at once, so that frames carry several messages; the marker of each digest."""
    digests: dict[str, str] = {}
    failures: list[str] = []
    queue = Wire(server.host).json("CreateQueue", {"QueueName": "traced"}).json["QueueUrl"]

    def work(thread: int):
        wire = Wire(server.host)
        for number in range(SENDS_EACH):
            body = f"marker-{thread:02}-{number:04}"
            digests[hashlib.md5(body.encode()).hexdigest()] = body
            answer = wire.json("SendMessage", {"QueueUrl": queue, "MessageBody": body})
            if answer.status != 200:
                failures.append(answer.text)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    return digests


def prove(server: Server) -> syscalls.Proof:
    """Runs the load and reads the trace, once strace has written its end."""
    with server:
        digests = send_all(server)
        server.stop()
        trace = server.scratch.path / "trace"
        eventually(lambda: not tracer_runs(trace), "strace ends")
        with trace.open(errors="replace") as lines:
            return syscalls.read(lines, MARKER, digests)


def tracer_runs(trace) -> bool:
    """Whether some process still has the trace open for writing."""
    size = trace.stat().st_size
    threading.Event().wait(0.2)
    return size != trace.stat().st_size


@behaviour("SQS-148")
def test_no_answer_leaves_before_its_flush():
    proof = prove(traced())
    assert len(proof.answered) == THREADS * SENDS_EACH, "the trace does not show every answer"
    assert proof.answered <= proof.durable, "the trace does not show every flush"
    assert proof.early == []


@behaviour("SQS-148")
def test_the_proof_finds_a_server_that_answers_before_the_flush():
    """A bug on purpose: the build `planted-bugs` can answer early, and the trace must show it."""
    proof = prove(traced(places.planted_binary(), "--test-plant", "early-ack"))
    assert len(proof.answered) == THREADS * SENDS_EACH
    assert proof.early, "answers left before their flush, and nobody noticed"


def test_a_trace_is_read_in_the_order_of_its_events():
    marker, digests = re.compile(r"marker-\d"), {"d1": "marker-1"}
    write = '7 1.0 pwritev2(9</d/0.seg>, [{iov_base="..marker-1..", iov_len=64}], 1, 0, RWF_DSYNC <unfinished ...>'
    answer = '8 1.1 sendto(5<socket:[1]>, "HTTP/1.1 200 OK.. d1", 20, 0, NULL, 0) = 20'
    done = "7 1.2 <... pwritev2 resumed>) = 64"
    assert syscalls.read([write, answer, done], marker, digests).early == ["marker-1"]
    assert syscalls.read([write, done, answer], marker, digests).early == []


def test_a_plain_write_counts_only_with_its_flush():
    marker, digests = re.compile(r"marker-\d"), {"d1": "marker-1"}
    write = '7 1.0 pwrite64(9</d/0.seg>, "..marker-1..", 64, 0) = 64'
    flush = "7 1.1 fdatasync(9</d/0.seg>) = 0"
    other = "7 1.1 fdatasync(9</d/1.seg>) = 0"
    answer = '8 1.2 writev(5<socket:[1]>, [{iov_base="HTTP/1.1 200 OK", iov_len=9}, {iov_base="d1", iov_len=2}], 2) = 11'
    assert syscalls.read([write, flush, answer], marker, digests).early == []
    assert syscalls.read([write, answer, flush], marker, digests).early == ["marker-1"]
    assert syscalls.read([write, other, answer], marker, digests).early == ["marker-1"]
    begun = "6 0.9 fdatasync(9</d/0.seg> <unfinished ...>"
    ended = "6 1.1 <... fdatasync resumed>) = 0"
    assert syscalls.read([begun, write, ended, answer], marker, digests).early == ["marker-1"]
