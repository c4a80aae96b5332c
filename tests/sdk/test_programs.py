"""Programs in other languages that walk the main paths through their own AWS SDK; `cargo xtask soak` runs them."""

import os
import subprocess
from pathlib import Path

import pytest

from harness import places
from harness.behaviours import behaviour
from harness.server import Server

HERE = Path(__file__).parent
# A first run fetches the SDK.
SECONDS_MAX = 600
MAIN_PATHS = ("SQS-123", "SQS-150", "SQS-172", "SQS-177", "SQS-216", "SQS-252", "SQS-268", "SQS-317")


# What the SDK for Java relies on: CBOR, its times, HTTP/2, pushed records.
STREAM_PATHS = ("KIN-002", "KIN-011", "KIN-013", "KIN-014", "KIN-015", "KIN-019", "KIN-179", "KIN-199")


def walk(server: Server, command: list[str], **extra: str) -> list[str]:
    """Runs a program against the server; the paths it walked."""
    environment = os.environ | {"WAYSTATION_ENDPOINT": server.url} | extra
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_MAX, env=environment)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{server.log()}"
    return [line.removeprefix("ok ") for line in done.stdout.splitlines() if line.startswith("ok ")]


@behaviour(*MAIN_PATHS)
def test_go():
    program = places.TARGET / "sdk" / "walk-go"
    program.parent.mkdir(parents=True, exist_ok=True)
    build = ["go", "-C", str(HERE / "go"), "build", "-mod=readonly", "-o", str(program), "."]
    subprocess.run(build, check=True, timeout=SECONDS_MAX)
    with Server() as server:
        assert len(walk(server, [str(program)])) == 9


@pytest.fixture(scope="module")
def java() -> list[str]:
    """The command line before the name of a class."""
    build = places.TARGET / "sdk" / "java"
    libraries = build / "libraries"
    maven = ["mvn", "-q", "-B", "-f", str(HERE / "java" / "pom.xml"), f"-Dwalk.directory={build}"]
    goals = ["compile", "dependency:copy-dependencies", f"-DoutputDirectory={libraries}"]
    subprocess.run([*maven, *goals], check=True, timeout=SECONDS_MAX)
    return ["java", "-cp", f"{build / 'classes'}:{libraries}/*"]


@behaviour(*MAIN_PATHS)
def test_java(java: list[str]):
    with Server() as server:
        assert len(walk(server, [*java, "waystation.Walk"])) == 10


@behaviour(*STREAM_PATHS)
def test_java_streams(java: list[str]):
    with Server() as server:
        assert len(walk(server, [*java, "waystation.Streams"])) == 5


@behaviour("KIN-019")
def test_java_streams_over_tls(java: list[str]):
    with Server("--tls", "self-signed") as server:
        trusted = server.scratch.path / "trusted"
        keytool = ["keytool", "-importcert", "-noprompt", "-alias", "waystation", "-storepass", "changeit"]
        certificate = server.data_dir / "tls/cert.pem"
        subprocess.run([*keytool, "-file", str(certificate), "-keystore", str(trusted)], check=True, capture_output=True)
        trust = [f"-Djavax.net.ssl.trustStore={trusted}", "-Djavax.net.ssl.trustStorePassword=changeit"]
        endpoint = f"https://localhost:{server.port}"
        assert len(walk(server, [java[0], *trust, *java[1:], "waystation.Streams"], WAYSTATION_ENDPOINT=endpoint)) == 5
