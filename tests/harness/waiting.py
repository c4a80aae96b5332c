"""Waiting for something that happens soon, without guessing how soon."""

import time
from collections.abc import Callable


def eventually(condition: Callable[[], object], what: str, seconds: float = 10):
    """Asks again and again until the condition holds; its last value is returned."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.01)
    return value
