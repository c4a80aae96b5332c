"""Retries, phases and throttles as a seed draws them, with the clock moved and the server killed between attempts."""

import json
import os
import random
import time
from datetime import UTC, datetime

import pytest

from harness.behaviours import behaviour
from harness.endpoint import Endpoint, confirmed
from harness.lab import Lab
from harness.server import Server
from harness.topics import Topics
from harness.waiting import eventually

SUBSCRIBERS = 5
MESSAGES = 3
# One step in so many is followed by a crash, if no attempt can be under way: such a one may be made again (SNS-341).
CRASH_EVERY = 5
# Less than an attempt may take before its message is due again.
STEP_S = (5, 25)
# Delays grow by up to a tenth (SNS-327).
JITTER = 1.1
# The clock also goes by itself while the test waits; delays are far longer than that.
SLACK_S = 8.0
# An answer that was given is a record a moment later, and nothing tells when; half a second was once too short on a busy machine.
NOTED_S = 1.5
# How late a listener may note an attempt.
LATE_S = 0.25
FORBIDDEN = 403


def drawn_policy(chance: random.Random) -> dict:
    """Phases whose delays add up to less than an hour (SNS-334)."""
    low = chance.randint(40, 90)
    at_once, at_low, backoff, at_high = (chance.randint(0, most) for most in (2, 2, 4, 2))
    return {
        "minDelayTarget": low,
        "maxDelayTarget": chance.randint(low, low * 4),
        "numRetries": at_once + at_low + backoff + at_high,
        "numNoDelayRetries": at_once,
        "numMinDelayRetries": at_low,
        "numMaxDelayRetries": at_high,
        "backoffFunction": chance.choice(["linear", "arithmetic", "geometric", "exponential"]),
    }


def delays(policy: dict) -> list[float]:
    """The seconds before each retry (SNS-331, SNS-332, SNS-333)."""
    low, high = policy["minDelayTarget"], policy["maxDelayTarget"]
    at_once, at_low, at_high = (policy[f"num{phase}Retries"] for phase in ("NoDelay", "MinDelay", "MaxDelay"))
    backoff = policy["numRetries"] - at_once - at_low - at_high
    grown = {
        "linear": lambda step: low + (high - low) * step / max(backoff - 1, 1),
        "arithmetic": lambda step: low * (1 + step),
        "geometric": lambda step: low * 1.5**step,
        "exponential": lambda step: low * 2.0**step,
    }[policy["backoffFunction"]]
    between = [min(grown(step), high) for step in range(backoff)]
    return [0.0] * at_once + [float(low)] * at_low + between + [float(high)] * at_high


class EngineTime:
    """The clock of the server, in seconds: where it was set to, and the wall time since."""

    def __init__(self):
        self.at, self.moment = time.monotonic(), time.time()

    def now(self) -> float:
        """Engine time, or a moment later."""
        return self.moment + time.monotonic() - self.at

    def set(self, server: Server, moment: float):
        """Moves it, also where a restart forgot how far it had been."""
        self.at, self.moment = time.monotonic(), moment
        server.set_clock(datetime.fromtimestamp(moment, UTC).isoformat())


class Subscriber:
    """An endpoint that fails as a seed says, and what it was sent."""

    def __init__(self, chance: random.Random, clock: EngineTime):
        self.policy = drawn_policy(chance)
        self.delays = delays(self.policy)
        self.rate = chance.choice([None, 4, 10])
        # For each message: attempts until the endpoint answers otherwise than 500, and how.
        self.fates = [(chance.randint(1, 3 + len(self.delays)), chance.choice([200, 200, FORBIDDEN])) for _ in range(MESSAGES)]
        self.clock = clock
        # Engine times of the attempts of each message, in the order in which the messages first came.
        self.tracks: dict[str, list[float]] = {}
        # Wall times of all attempts since the last crash.
        self.times: list[float] = []
        self.endpoint = Endpoint(judge=self.judge)

    def judge(self, headers) -> tuple[int, dict] | None:
        """The answer to an attempt, which is noted."""
        if headers["x-amz-sns-message-type"] != "Notification":
            return None
        message_id = headers["x-amz-sns-message-id"]
        track = self.tracks.setdefault(message_id, [])
        self.times.append(time.monotonic())
        track.append(self.clock.now())
        patience, ends_with = self.fates[list(self.tracks).index(message_id)]
        return (500 if len(track) < patience else ends_with), {}

    def delivery_policy(self) -> str:
        """What is subscribed with."""
        throttle = {"throttlePolicy": {"maxReceivesPerSecond": self.rate}} if self.rate else {}
        return json.dumps({"healthyRetryPolicy": self.policy} | throttle)

    def wanted(self, message: int) -> int:
        """How many attempts a message gets in the end."""
        return min(self.fates[message][0], 1 + len(self.delays))

    def dead(self) -> list[str]:
        """The messages that end as dead letters (SNS-246, SNS-337)."""
        patient = 1 + len(self.delays)
        return [
            message_id
            for message_id, (patience, ends_with) in zip(self.tracks, self.fates, strict=False)
            if ends_with == FORBIDDEN or patience > patient
        ]

    def has_what_is_due(self, messages: int) -> bool:
        """Whether so many messages have come, and every retry that is due for certain."""
        now = self.clock.now()
        if len(self.tracks) < messages:
            return False
        for number, track in enumerate(list(self.tracks.values())):
            made = len(track)
            if made < self.wanted(number) and now > track[-1] + self.delays[made - 1] * JITTER + SLACK_S:
                return False
        return True

    def is_at_rest(self) -> bool:
        """Whether no attempt can be under way, or be soon."""
        soon = self.clock.now() + 2 * NOTED_S
        return all(
            len(track) >= self.wanted(number) or soon < track[-1] + self.delays[len(track) - 1]
            for number, track in enumerate(self.tracks.values())
        )

    def is_over(self) -> bool:
        """Whether every message has had its attempts."""
        made = [len(track) for track in self.tracks.values()]
        return len(made) == MESSAGES and all(count >= self.wanted(number) for number, count in enumerate(made))

    def check(self):
        """No attempt too many, none too early."""
        for number, track in enumerate(self.tracks.values()):
            assert len(track) == self.wanted(number)
            for wait, before, after in zip(self.delays, track, track[1:], strict=False):
                assert after - before > wait - 1, (self.policy, number, track)

    def check_rate(self):
        """No faster than it wants, in no stretch of time (SNS-335)."""
        for first, before in enumerate(self.times):
            for more, after in enumerate(self.times[first:]):
                assert not self.rate or after - before > more / self.rate - LATE_S, (self.rate, self.times)
        self.times.clear()


@behaviour("SNS-327", "SNS-331", "SNS-332", "SNS-333", "SNS-335", "SNS-337", "SNS-338", "SNS-339", "SNS-340", "SNS-246")
@pytest.mark.parametrize("run", range(3))
def test_every_attempt_comes_when_its_policy_says(run: int):
    seed = int(os.environ.get("WAYSTATION_SEED") or random.randrange(2**32)) + run
    print(f"WAYSTATION_SEED={seed}")
    chance = random.Random(seed)
    clock = EngineTime()
    subscribers = [Subscriber(chance, clock) for _ in range(SUBSCRIBERS)]
    with Server("--test-clock") as server:
        topics = Topics(Lab(server))
        topic, dead = topics.topic(), topics.queue()
        redrive = json.dumps({"deadLetterTargetArn": dead.arn})
        for each in subscribers:
            confirmed(topic, each.endpoint, DeliveryPolicy=each.delivery_policy(), RedrivePolicy=redrive)
        clock.set(server, clock.now() + 1)
        published = 0
        while not all(each.is_over() for each in subscribers):
            if published < MESSAGES:
                topic.publish("m")
                published += 1
            eventually(lambda: all(each.has_what_is_due(published) for each in subscribers), "what is due")
            if chance.randrange(CRASH_EVERY) == 0 and all(each.is_at_rest() for each in subscribers):
                time.sleep(NOTED_S)
                server.kill9()
                for each in subscribers:
                    each.check_rate()
                server.start()
            clock.set(server, clock.now() + chance.uniform(*STEP_S))
        for each in subscribers:
            each.check_rate()
        wanted = sorted(message_id for each in subscribers for message_id in each.dead())
        letters: list[str] = []

        def all_came() -> bool:
            for message in dead.receive(wait=1):
                letters.append(json.loads(message["Body"])["MessageId"])
                dead.delete(message)
            return len(letters) >= len(wanted)

        eventually(all_came, "dead letters", seconds=30)
        assert sorted(letters) == wanted
    for each in subscribers:
        each.endpoint.stop()
        each.check()
