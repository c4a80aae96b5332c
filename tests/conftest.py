"""Servers that many tests share. A test that stops, kills or fills its server makes one of its own."""

from collections.abc import Iterator

import pytest

from harness.lab import Lab
from harness.server import Server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A server as users start it: wall clock, strict durability, signatures not checked."""
    with Server() as running:
        yield running


@pytest.fixture(scope="session")
def clocked_server() -> Iterator[Server]:
    """A server whose clock the tests move."""
    with Server("--test-clock", "--test-endpoints") as running:
        yield running


@pytest.fixture(scope="session")
def lab(server: Server) -> Lab:
    """Clients of the plain server."""
    return Lab(server)


@pytest.fixture(scope="session")
def clocked(clocked_server: Server) -> Lab:
    """Clients of the server with the movable clock."""
    return Lab(clocked_server)


@pytest.fixture(scope="session")
def lab_with_limits() -> Iterator[Lab]:
    """Clients of a server that applies AWS's waiting times and rates, with a movable clock."""
    with Server("--limits", "aws", "--test-clock", "--test-endpoints") as running:
        yield Lab(running)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    """Shows the end of the servers' logs beside a failure."""
    report = yield
    if report.failed:
        values = getattr(item, "funcargs", {}).values()
        servers = {value.server if isinstance(value, Lab) else value for value in values if isinstance(value, (Server, Lab))}
        for running in servers:
            report.sections.append((f"log of {running.url}", running.log()[-3000:]))
    return report
