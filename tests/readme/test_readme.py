"""The README's shell blocks, word for word and in their order: a newcomer's first minutes must work."""

import re
import subprocess
from collections.abc import Iterator

import pytest

from harness import places
from harness.lab import Lab
from harness.server import Server, clean_environment

PORT = 4566
STARTS_THE_SERVER = "cargo run --release"


def blocks() -> list[str]:
    """Every block marked as shell."""
    return re.findall(r"^```sh\n(.*?)^```", (places.ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """What the block that starts the server would start, already built, on the port that the README names."""
    with Server("--ephemeral", port=PORT) as running:
        yield running


def run(block: str) -> str:
    """One block in a shell of its own, as if typed in the root."""
    path = f"{places.VENV_BIN}:/usr/local/bin:/usr/bin:/bin"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=places.ROOT,
        env=clean_environment(PATH=path),
    )
    assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_the_first_block_starts_the_server():
    assert blocks()[0].strip() == STARTS_THE_SERVER


def test_every_other_block_works_as_it_stands(server: Server):
    said = [run(block) for block in blocks() if block.strip() != STARTS_THE_SERVER]
    for text in said:
        assert "<ErrorResponse" not in text and "__type" not in text, text
    assert any("<QueueUrl>" in text for text in said), "no block creates a queue"
    assert any("<Body>hello</Body>" in text for text in said), "no block receives the message"
    lab = Lab(server)
    [url] = lab.sqs.list_queues()["QueueUrls"]
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    counts = lab.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    assert counts == dict.fromkeys(names, "0"), "the last block leaves the queue empty"


def test_every_page_that_the_readme_links_exists():
    text = (places.ROOT / "README.md").read_text()
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    missing = [link for link in links if link and not (places.ROOT / link).exists()]
    assert missing == []
