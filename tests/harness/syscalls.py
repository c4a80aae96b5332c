"""Reading what strace wrote: when the bytes of a message were safely on disk, and when its sender was told so.

strace stops a thread at the beginning and at the end of each call and writes one line for each stop (or one for both, when
nothing else happened between). The order of those events is therefore an order in time over all threads.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

TRACED = "write,writev,sendto,sendmsg,pwrite64,pwritev,pwritev2,fdatasync,fsync"

_LINE = re.compile(r"(\d+)\s+[\d.]+ (?:<\.\.\. (\w+) resumed>|(\w+)\()(.*)")
_FILE = re.compile(r"\d+<([^>]*)>")
_RESULT = re.compile(r"\) = (-?\d+)[^=]*$")


def strace(output: str) -> tuple[str, ...]:
    """The words in front of a program: it is traced by a process apart and keeps its process id."""
    return ("strace", "-D", "-f", "-qq", "--seccomp-bpf", "-ttt", "-y", "-s", "1100000", "-o", output, "-e", f"trace={TRACED}")


@dataclass
class Event:
    """A system call begins (`result` is None) or ends."""

    thread: str
    name: str
    arguments: str
    result: int | None


def events(lines: Iterable[str]) -> Iterable[Event]:
    """Every beginning and every end, in order."""
    open_calls: dict[str, Event] = {}
    for line in lines:
        match = _LINE.match(line)
        if not match:
            continue
        thread, resumed, begun, rest = match.groups()
        if begun:
            call = Event(thread, begun, rest, None)
            open_calls[thread] = call
            yield call
        result = _RESULT.search(rest)
        call = open_calls.get(thread)
        if result and call and call.name == (resumed or begun):
            yield Event(thread, call.name, call.arguments, int(result.group(1)))


@dataclass
class Proof:
    """Which of the expected answers left too early; none of them may be missing."""

    early: list[str] = field(default_factory=list)
    durable: set[str] = field(default_factory=set)
    answered: set[str] = field(default_factory=set)


def read(lines: Iterable[str], marker: re.Pattern, digests: dict[str, str]) -> Proof:
    """Follows each marker (a text in a body) to the journal, and each digest (in an answer) to the socket.

    `digests` maps the digest in an answer to the marker of its message.
    """
    proof = Proof()
    written: dict[str, set[str]] = defaultdict(set)
    covered: dict[str, set[str]] = {}
    digest = re.compile("|".join(digests))
    for event in events(lines):
        path = _FILE.match(event.arguments)
        path = path.group(1) if path else ""
        to_journal = path.endswith(".seg")
        if event.name in ("fdatasync", "fsync"):
            # A flush covers what was written before it began.
            if event.result is None:
                covered[event.thread] = set(written[path])
            elif event.result == 0 and to_journal:
                proof.durable |= covered.pop(event.thread, set())
        elif to_journal and event.result is not None and event.result > 0:
            found = set(marker.findall(event.arguments))
            written[path] |= found
            if "RWF_DSYNC" in event.arguments or "RWF_SYNC" in event.arguments:
                proof.durable |= found
        elif "socket:" in path and event.result is None:
            for found in digest.findall(event.arguments):
                proof.answered.add(digests[found])
                if digests[found] not in proof.durable:
                    proof.early.append(digests[found])
    return proof
