"""Streams of the shared servers."""

import pytest

from harness.lab import Lab
from harness.streams import Streams


@pytest.fixture(scope="session")
def streams(lab: Lab) -> Streams:
    """Streams of the plain server."""
    return Streams(lab)


@pytest.fixture(scope="session")
def clocked_streams(clocked: Lab) -> Streams:
    """Streams of the server with the movable clock."""
    return Streams(clocked)


@pytest.fixture(scope="session")
def limited_streams(lab_with_limits: Lab) -> Streams:
    """Streams of the server that applies AWS's rates."""
    return Streams(lab_with_limits)
