"""The Kinesis Client Library against the server, through a split and a merge; `cargo xtask soak` runs it.

The library keeps its leases in DynamoDB, which is moto here: `cargo xtask soak` installs it below the target directory.
"""

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness import places
from harness.behaviours import behaviour
from harness.server import STOP_SECONDS_MAX, Server, clean_environment, free_port
from harness.waiting import eventually

HERE = Path(__file__).parent
MOTO = places.TARGET / "peers/moto/bin/moto_server"
# A first build fetches the library and all it brings.
BUILD_SECONDS_MAX = 600
RUN_SECONDS_MAX = 300
START_SECONDS_MAX = 60
# Connections that break while the server is away: more than an SDK tries again.
CALLS_IN_VAIN = 25
# Before, amid and after each reshard.
STAGES = ["reading", "split", "reading children", "merged", "reading the merged"]


@pytest.fixture(scope="module")
def command() -> list[str]:
    """The command line before the arguments of the program."""
    build = places.TARGET / "sdk" / "kcl"
    libraries = build / "libraries"
    maven = ["mvn", "-q", "-B", "-f", str(HERE / "kcl" / "pom.xml"), f"-Dkcl.directory={build}"]
    goals = ["compile", "dependency:copy-dependencies", f"-DoutputDirectory={libraries}"]
    subprocess.run([*maven, *goals], check=True, timeout=BUILD_SECONDS_MAX)
    return ["java", "-cp", f"{build / 'classes'}:{libraries}/*", "waystation.Kcl"]


@pytest.fixture
def dynamodb() -> Iterator[str]:
    """The address of a DynamoDB that is empty: KCL names its tables by the application."""
    port = free_port()
    scratch = places.Scratch("moto")
    with (scratch.path / "moto.log").open("wb") as log:
        command = [str(MOTO), "-H", "127.0.0.1", "-p", str(port)]
        moto = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=clean_environment(), cwd=scratch.path)
    try:

        def serves() -> bool:
            assert moto.poll() is None, (scratch.path / "moto.log").read_text()
            return listens(port)

        eventually(serves, "moto listens", START_SECONDS_MAX)
        yield f"http://127.0.0.1:{port}"
    finally:
        moto.kill()
        moto.wait(STOP_SECONDS_MAX)
        scratch.remove()


def listens(port: int) -> bool:
    """Whether somebody accepts connections there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def crash(server: Server):
    """Ends the server as a crash would, and starts it again with its data after some came in vain."""
    server.kill9()
    with socket.create_server(("127.0.0.1", server.port)) as nobody:
        nobody.settimeout(START_SECONDS_MAX)
        for _ in range(CALLS_IN_VAIN):
            nobody.accept()[0].close()
    server.start()


def run(server: Server, dynamodb: str, command: list[str], at_stage: Callable[[Server], None]) -> dict[str, int]:
    """Runs the application, does something to the server at every stage, and returns what the application counted."""
    environment = clean_environment(WAYSTATION_ENDPOINT=server.url, DYNAMODB_ENDPOINT=dynamodb)
    complaints = server.scratch.path / "kcl.log"
    stages, said = [], []
    with complaints.open("wb") as log:
        program = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, bufsize=1, env=environment
        )
    patience = threading.Timer(RUN_SECONDS_MAX, os.kill, (program.pid, signal.SIGKILL))
    patience.start()
    try:
        for line in program.stdout:
            said.append(line)
            if line.startswith("stage "):
                stages.append(line.removeprefix("stage ").strip())
                at_stage(server)
                program.stdin.write("go on\n")
        exit_code = program.wait()
    finally:
        patience.cancel()
        program.kill()
        program.wait()
    assert exit_code == 0, f"{''.join(said)}\n{complaints.read_text()[-8000:]}\n{server.log()}"
    assert stages == STAGES
    print(said[-1])
    words = said[-1].removeprefix("ok ").split()
    return {name: int(count) for name, count in (word.split("=") for word in words)}


@pytest.mark.parametrize("retrieval", ["polling", "fan-out"])
@behaviour("KIN-255")
def test_a_split_and_a_merge_without_error(command: list[str], dynamodb: str, retrieval: str):
    with Server() as server:
        counts = run(server, dynamodb, [*command, retrieval, "calm"], lambda _: None)
    assert counts["records"] == (counts["rounds"] + 1) * 24
    assert counts["redelivered"] == counts["errors"] == 0


@pytest.mark.parametrize("retrieval", ["polling", "fan-out"])
@behaviour("KIN-255")
def test_nothing_is_lost_when_the_server_crashes(command: list[str], dynamodb: str, retrieval: str):
    with Server() as server:
        counts = run(server, dynamodb, [*command, retrieval, "crash"], crash)
    assert counts["failed_puts"] > 0
    assert counts["records"] >= (counts["rounds"] + 1) * 24
