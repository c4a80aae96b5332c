"""Topics of the shared server."""

import pytest

from harness.lab import Lab
from harness.topics import Topics


@pytest.fixture(scope="session")
def topics(lab: Lab) -> Topics:
    """Topics of the plain server."""
    return Topics(lab)
