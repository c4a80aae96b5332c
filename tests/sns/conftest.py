"""Topics of the shared servers."""

import pytest

from harness.captured import Captured
from harness.lab import Lab
from harness.topics import Topics


@pytest.fixture(scope="session")
def topics(lab: Lab) -> Topics:
    """Topics of the plain server."""
    return Topics(lab)


@pytest.fixture(scope="session")
def clocked_topics(clocked: Lab) -> Topics:
    """Topics of the server with the movable clock and the endpoints for tests."""
    return Topics(clocked)


@pytest.fixture(scope="session")
def captured(clocked: Lab) -> Captured:
    """What the server with the endpoints for tests has captured."""
    return Captured(clocked.server)
