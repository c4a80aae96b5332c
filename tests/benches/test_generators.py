"""The load generators still run: a small run of every kind of cell, whose figures say nothing."""

import json
import subprocess
from collections.abc import Iterator

import pytest

from harness import places

# One cell of each kind.
KINESIS = ("put-1k", "puts-1k", "puts-1k-json", "get-beginning", "get-tail", "fan-out-5", "latency-polling", "latency-fan-out", "retained")


@pytest.fixture
def scratch() -> Iterator[places.Scratch]:
    """A directory for the servers that a generator starts."""
    made = places.Scratch("bench")
    yield made
    made.remove()


def run(scratch: places.Scratch, generator: str, cells: tuple[str, ...]) -> list[dict]:
    """The rows of a small run."""
    program = places.TARGET / "release" / generator
    flags = ["--scale", "small", "--cells", ",".join(cells), "--server", str(places.BINARY), "--data-dir", str(scratch.path), "--json", "-"]
    done = subprocess.run([str(program), *flags], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_kinesis(scratch: places.Scratch):
    rows = run(scratch, "waystation-bench-kinesis", KINESIS)
    by_cell = {row["cell"]: row for row in rows if row["target"] == "waystation" and "operation" not in row}
    puts = {f"put-1k-s{shards}" for shards in (1, 4, 100)} | {f"puts-1k-s{shards}" for shards in (1, 4, 100)}
    retained = {f"retained-{part}" for part in ("idle", "fill", "memory", "restart", "read", "memory-read")}
    expected = puts | retained | {cell for cell in KINESIS if cell.startswith(("get", "fan", "latency"))} | {"puts-1k-json-s4"}
    assert set(by_cell) == expected
    for cell in puts:
        assert by_cell[cell]["rate_to_bare"] > 0 and by_cell[cell]["rate_to_journal"] > 0
    for cell in ("get-beginning", "get-tail", "fan-out-5", "latency-polling", "latency-fan-out", "retained-read"):
        assert by_cell[cell]["messages_per_s"] > 0, cell
    for cell in ("latency-polling", "latency-fan-out"):
        assert 0 < by_cell[cell]["p50_ms"] <= by_cell[cell]["p99_ms"]
    # Puts leave by the clock: 10 MB/s.
    assert by_cell["latency-fan-out"]["mb_per_s"] == pytest.approx(10, rel=0.5)
    assert by_cell["retained-restart"]["ready_after_kill_ms"] > 0
