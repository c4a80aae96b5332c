"""Producers and consumers that work on while the server crashes and starts again, and write down what they saw."""

import http.client
import itertools
import json
import random
import threading
import time
import zlib
from collections.abc import Callable
from contextlib import contextmanager

from harness.history import Handled, History, Received, Send, Told
from harness.server import Server
from harness.wire import JSON_TYPE, credential

VISIBILITY_SECONDS = 3
POLL_SECONDS = 1


class Down(Exception):
    """The server went away before it answered."""


class Refused(Exception):
    """The server answered with an error; the argument is its text."""


class Client:
    """One connection that never asks twice: what happened to a lost request is for the checks to find out."""

    def __init__(self, load: "Load"):
        self.load = load
        self.connection = http.client.HTTPConnection("127.0.0.1", load.server.port, timeout=30)
        # Of the process that this connection talks to; a connection never outlives it.
        self.incarnation = 0

    def ask(self, operation: str, payload: dict) -> dict:
        """One operation; `Down` when the connection broke, `Refused` for an error answer."""
        headers = credential() | {"Content-Type": JSON_TYPE, "X-Amz-Target": f"AmazonSQS.{operation}"}
        try:
            if self.connection.sock is None:
                self.connection.connect()
                self.incarnation = self.load.incarnation
            self.connection.request("POST", "/", json.dumps(payload), headers)
            response = self.connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as reason:
            self.connection.close()
            raise Down(operation) from reason
        if response.status != 200:
            raise Refused(f"{operation}: {response.status} {body.decode(errors='replace')}")
        return json.loads(body)


class Load:
    """The threads of one run against one server, its history, and the means to crash it.

    Bodies carry up to `padding_bytes` behind their name; the history knows them by name.
    """

    def __init__(self, server: Server, seed: int, padding_bytes: int = 0):
        self.server = server
        self.seed = seed
        self.padding_bytes = padding_bytes
        self.history = History()
        self.unexpected: list[str] = []
        self.incarnation = 1
        self._up = threading.Event()
        self._up.set()
        self._ending = threading.Event()
        self._threads: list[threading.Thread] = []
        self._answers = itertools.count()

    def create(self, name: str, **attributes: str) -> str:
        """A queue; its URL."""
        return Client(self).ask("CreateQueue", {"QueueName": name, "Attributes": attributes})["QueueUrl"]

    def add(self, role: Callable[[Client, random.Random], None]):
        """A thread that repeats one step of its role until the end."""
        number = len(self._threads)
        thread = threading.Thread(target=self._work, args=(role, random.Random(f"{self.seed}-{number}")))
        self._threads.append(thread)

    def _work(self, role: Callable[[Client, random.Random], None], chance: random.Random):
        client = Client(self)
        while not self._ending.is_set():
            self._up.wait()
            try:
                role(client, chance)
            except Down:
                # Until the crash is noticed this thread would only find the port closed.
                time.sleep(0.005)
            except Refused as refusal:
                self.unexpected.append(str(refusal))
                self._ending.set()

    @contextmanager
    def running(self):
        """The threads work during the block."""
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._ending.set()
            self._up.set()
            for thread in self._threads:
                thread.join(60)
                assert not thread.is_alive(), "a client hangs"

    def crash(self, while_starting_seconds: float | None = None):
        """Kills the server and starts it again on the same data, after one start that is killed on its way if asked for."""
        assert self.server.process.poll() is None, f"the server ended by itself:\n{self.server.log()}"
        self._up.clear()
        self.history.crashes.append(time.monotonic())
        self.server.kill9()
        # Before the start, so that whoever connects to the new process reads its number.
        self.incarnation += 1
        if while_starting_seconds is not None:
            self.server.launch()
            time.sleep(while_starting_seconds)
            self.server.kill9()
        self.server.start()
        self._up.set()

    def rounds(self, number: int):
        """Crashes at random moments."""
        chance = random.Random(f"{self.seed}-crashes")
        for _ in range(number):
            if self._ending.wait(chance.uniform(0.15, 0.9)):
                return
            # Recovery too is interrupted now and then, and must then begin again as if nothing had happened.
            self.crash(chance.uniform(0, 0.05) if chance.random() < 0.3 else None)

    def dress(self, name: str) -> str:
        """The body of a name: always the same, so that a receiver can tell every changed byte."""
        length = zlib.crc32(name.encode()) % (self.padding_bytes + 1)
        return name + " " + (name * (length // len(name) + 1))[:length]

    def undress(self, body: str) -> str:
        """The name in a body; a body that is not exactly what was sent ends the run."""
        name = body.split(" ", 1)[0]
        if body != self.dress(name):
            self.unexpected.append(f"the body of {name} changed: {body[:200]}")
        return name

    def send(self, client: Client, queue: str, body: str, **more: str) -> Told:
        """One SendMessage, written down."""
        start = time.monotonic()
        entry = Send(queue, body, start, start, Told.UNKNOWN)
        try:
            answer = client.ask("SendMessage", {"QueueUrl": queue, "MessageBody": self.dress(body)} | more)
            entry.told, entry.message_id = Told.ACKNOWLEDGED, answer["MessageId"]
            entry.sequence = int(answer.get("SequenceNumber", 0))
        finally:
            entry.end = time.monotonic()
            self.history.sends.append(entry)
        return entry.told

    def send_batch(self, client: Client, queue: str, bodies: list[str]):
        """One SendMessageBatch, written down entry by entry."""
        start = time.monotonic()
        told: dict[str, str] = {}
        try:
            entries = [{"Id": str(number), "MessageBody": self.dress(body)} for number, body in enumerate(bodies)]
            answer = client.ask("SendMessageBatch", {"QueueUrl": queue, "Entries": entries})
            told = {bodies[int(entry["Id"])]: entry["MessageId"] for entry in answer["Successful"]}
        finally:
            end = time.monotonic()
            for body in bodies:
                outcome = Told.ACKNOWLEDGED if body in told else Told.UNKNOWN
                self.history.sends.append(Send(queue, body, start, end, outcome, told.get(body, "")))

    def receive(self, client: Client, queue: str, visibility: int = VISIBILITY_SECONDS) -> list[Received]:
        """One ReceiveMessage, written down."""
        start = time.monotonic()
        asked = {
            "QueueUrl": queue,
            "MaxNumberOfMessages": 10,
            "WaitTimeSeconds": POLL_SECONDS,
            "VisibilityTimeout": visibility,
            "MessageSystemAttributeNames": ["All"],
        }
        answer = client.ask("ReceiveMessage", asked)
        end = time.monotonic()
        number = next(self._answers)
        messages = []
        for place, message in enumerate(answer.get("Messages", [])):
            system = message["Attributes"]
            count, sequence = int(system["ApproximateReceiveCount"]), int(system.get("SequenceNumber", 0))
            messages.append(
                Received(
                    queue, self.undress(message["Body"]), message["MessageId"], message["ReceiptHandle"], count, sequence,
                    number, place, start, end, visibility, client.incarnation,
                )
            )  # fmt: skip
        self.history.received.extend(messages)
        return messages

    def delete(self, client: Client, message: Received):
        """One DeleteMessage, written down; a handle that expired meanwhile is an honest refusal."""
        self._handle(client, "DeleteMessage", message, {}, self.history.deletes)

    def show_again(self, client: Client, message: Received):
        """One ChangeMessageVisibility to 0, written down."""
        self._handle(client, "ChangeMessageVisibility", message, {"VisibilityTimeout": 0}, self.history.changes)

    def _handle(self, client: Client, operation: str, message: Received, more: dict, into: list[Handled]):
        start = time.monotonic()
        entry = Handled(message, start, start, Told.UNKNOWN)
        try:
            client.ask(operation, {"QueueUrl": message.queue, "ReceiptHandle": message.handle} | more)
            entry.told = Told.ACKNOWLEDGED
        except Refused as refusal:
            entry.told = Told.REFUSED
            if "InvalidParameterValue" not in str(refusal):
                raise
        finally:
            entry.end = time.monotonic()
            into.append(entry)

    def drain(self, queue: str):
        """Receives and deletes until nothing has come for longer than a visibility timeout."""
        client = Client(self)
        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < VISIBILITY_SECONDS + 1:
            for message in self.receive(client, queue):
                quiet_since = time.monotonic()
                self.delete(client, message)
