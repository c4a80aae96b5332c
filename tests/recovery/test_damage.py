"""Damaged data: a torn tail is cut, anything else is refused by file and offset, and nothing is ever silently skipped."""

import subprocess
from pathlib import Path

import pytest

from harness.behaviours import behaviour
from harness.lab import Lab
from harness.server import Server

SENDS = 12


def marked(number: int) -> str:
    """A body that can be found in a journal file."""
    return f"body-{number:04}-of-the-damage-test"


def filled() -> Server:
    """A server, killed, whose journal holds one frame per message."""
    server = Server().start()
    queue = Lab(server).queue("damaged")
    for number in range(SENDS):
        queue.send(marked(number))
    server.kill9()
    return server


def segments(server: Server) -> list[Path]:
    """The journal files, oldest first."""
    found = sorted((server.data_dir / "journal").glob("*.seg"))
    assert found, f"no journal in {list(server.data_dir.iterdir())}"
    return found


def place_of(server: Server, text: str) -> tuple[Path, int]:
    """The file and the offset where a text stands."""
    for segment in segments(server):
        offset = segment.read_bytes().find(text.encode())
        if offset >= 0:
            return segment, offset
    raise AssertionError(f"{text} is in no journal file")


def overwrite(file: Path, offset: int, data: bytes):
    """Changes bytes in place."""
    with file.open("r+b") as opened:
        opened.seek(offset)
        opened.write(data)


def messages(server: Server) -> list[str]:
    """What is in the queue after a start."""
    return sorted(Lab(server).queue("damaged").drain())


def refusal(server: Server) -> str:
    """What a server says that refuses to start."""
    process = server.launch()
    try:
        assert process.wait(20) not in (0, -9)
        return server.log()
    finally:
        server.process = None


def check(server: Server) -> subprocess.CompletedProcess:
    """`waystation check`."""
    command = [str(server.binary), "check", "--data-dir", str(server.data_dir)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.fixture
def server():
    """A killed server with messages in its journal."""
    filled_server = filled()
    yield filled_server
    filled_server.remove()


@behaviour("SQS-148")
def test_a_killed_server_has_everything(server: Server):
    server.start()
    assert messages(server) == [marked(number) for number in range(SENDS)]


@behaviour("SQS-148")
@pytest.mark.parametrize("kept_bytes", [0, 7, 20])
def test_a_torn_tail_is_cut(server: Server, kept_bytes: int):
    file, offset = place_of(server, marked(SENDS - 1))
    # The last frame reached the disk in part, and nothing after it: it was never acknowledged.
    rest = file.stat().st_size - offset - kept_bytes
    overwrite(file, offset + kept_bytes, bytes(rest))
    server.start()
    assert messages(server) == [marked(number) for number in range(SENDS - 1)]


@behaviour("SQS-148")
def test_garbage_after_the_last_frame_is_cut(server: Server):
    file, offset = place_of(server, marked(SENDS - 1))
    data = file.read_bytes()
    end = len(data.rstrip(b"\0"))
    free = (end + 4095) // 4096 * 4096
    overwrite(file, free, bytes(range(1, 256)) * 16)
    server.start()
    assert messages(server) == [marked(number) for number in range(SENDS)]
    assert offset < free


@behaviour("SQS-148")
@pytest.mark.parametrize("number", [0, SENDS // 2])
def test_a_flipped_bit_in_the_middle_is_refused_by_file_and_offset(server: Server, number: int):
    file, offset = place_of(server, marked(number))
    flipped = bytes([file.read_bytes()[offset + 5] ^ 1])
    overwrite(file, offset + 5, flipped)
    before = file.read_bytes()
    log = refusal(server)
    assert file.name in log
    named = [int(word.strip(".,:;)(")) for word in log.split() if word.strip(".,:;)(").isdigit()]
    assert any(offset - 4096 * 2 <= one <= offset for one in named), f"no offset near {offset} in: {log}"
    assert "waystation check" in log
    assert file.read_bytes() == before


@behaviour("SQS-148")
def test_a_missing_segment_is_refused(server: Server):
    server.start()
    queue = Lab(server).queue("big")
    for _ in range(80):
        queue.send("x" * 1_000_000)
    server.kill9()
    assert len(segments(server)) >= 2
    used = [segment for segment in segments(server) if segment.read_bytes().strip(b"\0")]
    used[0].unlink()
    assert used[0].name in refusal(server)


def test_check_finds_a_clean_directory_clean(server: Server):
    done = check(server)
    assert done.returncode == 0, done.stdout + done.stderr
    assert str(server.data_dir) in done.stdout
    server.start()
    assert len(messages(server)) == SENDS


def test_check_names_every_damaged_place(server: Server):
    file, offset = place_of(server, marked(3))
    overwrite(file, offset, b"X")
    before = {one: one.read_bytes() for one in segments(server)}
    done = check(server)
    assert done.returncode not in (0, 2)
    assert file.name in done.stdout + done.stderr
    assert "offset" in done.stdout + done.stderr
    assert {one: one.read_bytes() for one in segments(server)} == before


def test_an_unknown_format_is_refused_and_left_alone(server: Server):
    format_file = server.data_dir / "FORMAT"
    format_file.write_text("999\n")
    before = snapshot(server.data_dir)
    log = refusal(server)
    assert "999" in log and "FORMAT" in log
    assert snapshot(server.data_dir) == before


def snapshot(directory: Path) -> dict[str, tuple[int, int]]:
    """Size and time of change of every file below a directory, but for the lock."""
    files = (one for one in directory.rglob("*") if one.is_file() and one.name != "lock")
    return {str(one.relative_to(directory)): (one.stat().st_size, one.stat().st_mtime_ns) for one in files}
