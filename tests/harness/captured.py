"""Mails, text messages and push notifications that SNS would have sent, as tests read them."""

import itertools
import urllib.parse

from harness.server import Server
from harness.waiting import eventually
from harness.wire import Answer, Wire

OWN = "/_waystation/sns/captured"
SMS = "/_aws/sns/sms-messages"
PUSH = "/_aws/sns/platform-endpoint-messages"

_NUMBERS = itertools.count(1)


def fresh_number() -> str:
    """A phone number that no other test uses."""
    return f"+1555{next(_NUMBERS):07}"


class Captured:
    """What a server has captured."""

    def __init__(self, server: Server):
        self.host = server.host

    def ask(self, method: str, path: str, **parameters: str) -> Answer:
        """One request to an endpoint for tests."""
        return Wire(self.host).ask(method, f"{path}?{urllib.parse.urlencode(parameters)}")

    def show(self, path: str = OWN, **parameters: str) -> dict:
        """What is there now."""
        answer = self.ask("GET", path, **parameters)
        assert answer.status == 200, answer.text
        return answer.json

    def clear(self, path: str = OWN, **parameters: str):
        """Throws away what is there now."""
        answer = self.ask("DELETE", path, **parameters)
        assert answer.status == 200, answer.text

    def messages(self, endpoint: str, count: int = 1) -> list[dict]:
        """The messages for an endpoint, of which there will be so many: what a topic brings comes soon, not at once."""

        def enough() -> list[dict]:
            found = self.show(Endpoint=endpoint)["Messages"]
            return found if len(found) >= count else []

        found = eventually(enough, f"{count} messages for {endpoint}")
        assert len(found) == count, found
        return found

    def one(self, endpoint: str) -> dict:
        """The only message for an endpoint."""
        return self.messages(endpoint)[0]

    def opt_out(self, number: str):
        """A handset answers STOP."""
        answer = self.ask("POST", "/_waystation/sns/opted-out", PhoneNumber=number)
        assert answer.status == 200, answer.text
