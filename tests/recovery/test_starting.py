"""Starting, refusing to start, and ending: clear words, the right exit code, and nothing left behind."""

import os
import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import places
from harness.behaviours import behaviour
from harness.lab import Lab
from harness.server import Server, clean_environment


@pytest.fixture
def server() -> Iterator[Server]:
    """A running server of its own."""
    with Server() as running:
        yield running


def fails(*flags: str, directory: Path, **environment: str) -> tuple[int, str]:
    """Exit code and complaint of a command line that must not run."""
    command = [str(places.BINARY), *flags]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, cwd=directory, env=clean_environment(**environment))
    assert done.returncode != 0, done.stdout
    return done.returncode, done.stderr


def test_a_second_process_on_the_same_data_is_refused(server: Server):
    flags = ("--listen", "127.0.0.1:0", "--data-dir", str(server.data_dir))
    code, complaint = fails(*flags, directory=server.scratch.path)
    assert code == 1
    assert str(server.process.pid) in complaint
    assert str(server.data_dir) in complaint or "data directory" in complaint
    assert server.healthy()


def test_a_busy_port_is_named(server: Server):
    flags = ("--listen", server.host, "--data-dir", str(server.scratch.path / "other"))
    code, complaint = fails(*flags, directory=server.scratch.path)
    assert code == 1
    assert str(server.port) in complaint
    assert server.healthy()


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (("--listen", "nonsense"), "--listen"),
        (("--durability", "sometimes"), "--durability"),
        (("--auth", "maybe"), "--auth"),
        (("--auth", "enforce"), "--auth"),
        (("--auth", "verify"), "--credentials"),
        (("--limits", "some"), "--limits"),
        (("--log", "loud"), "--log"),
        (("--config", "missing.toml"), "missing.toml"),
        (("--listen", "0.0.0.0:0"), "--open-to-network"),
        (("--listen", "0.0.0.0:0", "--open-to-network", "--test-clock"), "--test-clock"),
        (("--nonsense",), "--nonsense"),
    ],
)
def test_flags_that_are_wrong_say_what_is_right(tmp_path: Path, flags: tuple[str, ...], named: str):
    code, complaint = fails(*flags, directory=tmp_path, HOME=str(tmp_path))
    assert code == 2
    assert named in complaint


def test_a_configuration_file_that_is_wrong_is_named(tmp_path: Path):
    (tmp_path / "waystation.toml").write_text("lisen = 'localhost:1'\n")
    code, complaint = fails(directory=tmp_path, HOME=str(tmp_path))
    assert code == 2
    assert "waystation.toml" in complaint and "lisen" in complaint


def test_a_data_directory_that_is_a_file_is_named(tmp_path: Path):
    (tmp_path / "data").write_text("not a directory")
    _, complaint = fails("--listen", "127.0.0.1:0", "--data-dir", "data", directory=tmp_path)
    assert "data" in complaint


def test_data_and_secrets_are_for_their_owner_alone(server: Server):
    for path in [server.data_dir, server.data_dir / "secret"]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_the_first_lines_say_where_and_how(server: Server):
    log = server.log()
    for text in (server.url, str(server.data_dir), "strict", "open", "aws --endpoint-url"):
        assert text in log


def test_an_ordered_end_answers_what_is_under_way(server: Server):
    queue = Lab(server).queue()
    answers = []

    def poll():
        answers.append(Lab(server).wire.json("ReceiveMessage", {"QueueUrl": queue.url, "WaitTimeSeconds": 20}))

    thread = threading.Thread(target=poll)
    thread.start()
    thread.join(0.5)
    start = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - start < 5
    thread.join(5)
    assert [answer.status for answer in answers] == [200]


@behaviour("SQS-148")
@pytest.mark.parametrize("mode", ["os", "5", "1000"])
def test_a_killed_process_loses_nothing_with_any_durability(mode: str):
    # Less than strict gives up power cuts, not crashes of the process: the write is done before the answer.
    with Server("--durability", mode) as server:
        queue = Lab(server).queue()
        sent = [f"body {number}" for number in range(50)]
        for body in sent:
            queue.send(body)
        server.kill9()
        server.start()
        assert sorted(queue.drain()) == sorted(sent)


def test_an_ephemeral_server_leaves_nothing(tmp_path: Path):
    own = {"TMPDIR": str(tmp_path)}
    command = [str(places.BINARY), "--ephemeral", "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=clean_environment(**own), cwd=tmp_path)
    first = process.stdout.readline().decode()
    assert "ready" in first, first + process.stdout.read().decode()
    assert list(tmp_path.iterdir()), "the data is not in the temporary directory"
    process.terminate()
    assert process.wait(20) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_relative_data_directory_and_a_free_port_work(tmp_path: Path):
    command = [str(places.BINARY), "--data-dir", "kept", "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=clean_environment(), cwd=tmp_path)
    assert "ready at http://127.0.0.1:" in process.stdout.readline().decode()
    process.terminate()
    assert process.wait(20) == 0
    assert (tmp_path / "kept/FORMAT").read_text().strip()


def test_every_flag_has_an_environment_variable(tmp_path: Path):
    environment = clean_environment(WAYSTATION_LISTEN="127.0.0.1:0", WAYSTATION_DATA_DIR=str(tmp_path / "named"), WAYSTATION_DURABILITY="os")
    process = subprocess.Popen([str(places.BINARY)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, cwd=tmp_path)
    lines = [process.stdout.readline().decode() for _ in range(3)]
    process.terminate()
    assert process.wait(20) == 0
    assert str(tmp_path / "named") in lines[1] and "operating system" in lines[2], lines


def test_starting_is_quick_and_idle_memory_small(server: Server):
    server.stop()
    start = time.monotonic()
    server.start()
    assert time.monotonic() - start < 1.0, "a start takes a few milliseconds; this is the bound of a busy machine"
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    resident_kib = int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1])
    assert resident_kib < 64 * 1024


def test_running_as_nobody_needs_no_privilege():
    if os.getuid() != 0:
        return
    scratch = places.Scratch("nobody")
    try:
        scratch.path.chmod(0o777)
        binary = scratch.path / "waystation"
        binary.write_bytes(places.BINARY.read_bytes())
        binary.chmod(0o755)
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", str(binary)]
        command += ["--listen", "127.0.0.1:0", "--data-dir", str(scratch.path / "data")]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=clean_environment(), cwd=scratch.path)
        assert "ready" in process.stdout.readline().decode()
        process.terminate()
        assert process.wait(20) == 0
    finally:
        scratch.remove()
