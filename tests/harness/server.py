"""One server process: started on a free port with its own data directory, stopped or killed by its process id."""

import http.client
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from harness import places

START_SECONDS_MAX = 20
STOP_SECONDS_MAX = 20


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def clean_environment(**extra: str) -> dict[str, str]:
    """Our environment without anybody's AWS settings, and with what the test adds."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "WAYSTATION_"))}
    return kept | extra


class Server:
    """A waystation process and its data directory.

    `flags` follow the address and the data directory on the command line. `before` are words in front of the binary, of a
    program that becomes the server itself, so that the process id is the server's. The data directory outlives `kill9` and
    `stop`, so `start` finds it again.
    """

    def __init__(self, *flags: str, binary: Path | None = None, before: tuple[str, ...] = (), port: int | None = None):
        self.flags = flags
        self.binary = binary or places.BINARY
        self.before = before
        self.scratch = places.Scratch("server")
        self.data_dir = self.scratch.path / "data"
        self.log_file = self.scratch.path / "server.log"
        self.port = port or free_port()
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.host}"
        self.process: subprocess.Popen | None = None

    def command(self) -> list[str]:
        """The command line."""
        own = [str(self.binary), "--listen", self.host]
        if "--ephemeral" not in self.flags:
            own += ["--data-dir", str(self.data_dir)]
        return [*self.before, *own, *self.flags]

    def launch(self) -> subprocess.Popen:
        """Starts the process without waiting for it to serve."""
        assert self.process is None, "the server is already running"
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=clean_environment(), cwd=self.scratch.path
            )
        return self.process

    def start(self) -> "Server":
        """Starts the process and waits until it serves."""
        self.launch()
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self.healthy():
            exit_code = self.process.poll()
            if exit_code is not None:
                self.process = None
                raise AssertionError(f"the server ended with {exit_code} while starting:\n{self.log()}")
            if time.monotonic() > deadline:
                self.kill9()
                raise AssertionError(f"the server does not serve after {START_SECONDS_MAX} s:\n{self.log()}")
            time.sleep(0.005)
        return self

    def healthy(self) -> bool:
        """One question to the health page."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/_waystation/health")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def kill9(self):
        """Ends the process at once, as a crash would."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(STOP_SECONDS_MAX)
        self.process = None

    def stop(self) -> int:
        """Asks the process to end and returns its exit code."""
        os.kill(self.process.pid, signal.SIGTERM)
        exit_code = self.process.wait(STOP_SECONDS_MAX)
        self.process = None
        return exit_code

    def restart(self):
        """Stops in order and starts again."""
        self.stop()
        self.start()

    def remove(self):
        """Ends what still runs and removes the data."""
        if self.process is not None:
            self.kill9()
        self.scratch.remove()

    def log(self) -> str:
        """What the server printed, its end if it is long."""
        return self.log_file.read_text(errors="replace")[-8000:] if self.log_file.exists() else ""

    def whole_log(self) -> str:
        """Everything the server printed."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def advance(self, seconds: float):
        """Moves the test clock forward."""
        self._clock({"advance_ms": round(seconds * 1000)})

    def set_clock(self, instant: str):
        """Sets the test clock to a moment in RFC 3339 form."""
        self._clock({"set": instant})

    def _clock(self, body: dict):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("POST", "/_waystation/clock", json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
            assert answer.status in (200, 204), f"the test clock answered {answer.status}: {text!r}"
        finally:
            connection.close()

    def __enter__(self) -> "Server":
        return self.start()

    def __exit__(self, *_):
        self.remove()
