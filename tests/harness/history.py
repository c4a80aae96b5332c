"""What clients did and what they were told, while the server crashed under them: the input of every check."""

from dataclasses import dataclass, field
from enum import Enum


class Told(Enum):
    """How a request ended for its client."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    # The connection broke: it may have happened or not.
    UNKNOWN = "unknown"


@dataclass
class Send:
    """One attempt to send a body. Times are of the monotonic clock, in seconds."""

    queue: str
    body: str
    start: float
    end: float
    told: Told
    message_id: str = ""
    sequence: int = 0


@dataclass
class Received:
    """One message in one answer to a receive."""

    queue: str
    body: str
    message_id: str
    handle: str
    count: int
    sequence: int
    # Number of the answer, and the message's place in it.
    answer: int
    place: int
    start: float
    end: float
    visibility_seconds: float
    # How often the server had been started.
    incarnation: int


@dataclass
class Handled:
    """One attempt to delete a received message, or to change its visibility."""

    message: Received
    start: float
    end: float
    told: Told


@dataclass
class History:
    """Everything that happened, appended by all threads: list appends are atomic."""

    sends: list[Send] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    deletes: list[Handled] = field(default_factory=list)
    changes: list[Handled] = field(default_factory=list)
    # When the server was killed, one per crash.
    crashes: list[float] = field(default_factory=list)

    def of(self, queue: str) -> "History":
        """The part of one queue."""
        return History(
            [one for one in self.sends if one.queue == queue],
            [one for one in self.received if one.queue == queue],
            [one for one in self.deletes if one.message.queue == queue],
            [one for one in self.changes if one.message.queue == queue],
            self.crashes,
        )

    def summary(self) -> str:
        """The size of it, for the log of a run."""
        unknown = sum(one.told is Told.UNKNOWN for one in self.sends)
        return (
            f"{len(self.sends)} sends ({unknown} of unknown outcome), {len(self.received)} receives, "
            f"{len(self.deletes)} deletes, {len(self.crashes)} crashes"
        )
