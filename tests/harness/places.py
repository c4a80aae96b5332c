"""Where the binaries and the data of the tests are; `cargo xtask test` sets the environment, the defaults suit a plain build."""

import os
import shutil
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("WAYSTATION_TARGET") or os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
BINARY = Path(os.environ.get("WAYSTATION_BIN") or TARGET / "release/waystation")
VENV_BIN = TARGET / "venv/bin"
PYTHON_QUERY = Path(os.environ.get("WAYSTATION_PYTHON_QUERY") or TARGET / "python-query")


def planted_binary() -> Path:
    """The server built with the feature `planted-bugs`."""
    return Path(os.environ.get("WAYSTATION_PLANTED_BIN") or TARGET / "black-box/waystation-planted")


class Scratch:
    """A directory of its own for one server, on the disk that the target directory is on: a tmpfs would prove no fsync."""

    def __init__(self, name: str):
        parent = TARGET / "test-data"
        parent.mkdir(parents=True, exist_ok=True)
        self.path = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=parent))

    def remove(self):
        """Removes everything below it; WAYSTATION_KEEP keeps it for a look."""
        if not os.environ.get("WAYSTATION_KEEP"):
            shutil.rmtree(self.path, ignore_errors=True)
