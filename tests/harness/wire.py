"""Plain HTTP: requests in exactly the bytes that a test wants, and answers as they stand."""

import http.client
import json
import urllib.parse
import xml.etree.ElementTree
from dataclasses import dataclass

XMLNS = "http://queue.amazonaws.com/doc/2012-11-05/"
JSON_TYPE = "application/x-amz-json-1.0"
FORM_TYPE = "application/x-www-form-urlencoded"


def credential(region: str = "us-east-1", service: str = "sqs", key: str = "AKIAIOSFODNN7EXAMPLE") -> dict[str, str]:
    """An Authorization header that names region and service but proves nothing: open servers do not check signatures."""
    scope = f"{key}/20260101/{region}/{service}/aws4_request"
    value = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature={'0' * 64}"
    return {"Authorization": value, "X-Amz-Date": "20260101T000000Z"}


@dataclass
class Answer:
    """A response: status, headers with lower-case names, body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    @property
    def json(self):
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def xml(self) -> xml.etree.ElementTree.Element:
        """The body as XML, its namespace checked and taken off the names."""
        root = xml.etree.ElementTree.fromstring(self.body)
        for element in root.iter():
            assert element.tag.startswith(f"{{{XMLNS}}}"), f"{element.tag} is not in the namespace of SQS"
            element.tag = element.tag.split("}")[1]
        return root

    def error_type(self) -> str:
        """The shape of a JSON error, without its namespace."""
        return self.json["__type"].split("#")[-1]


class Wire:
    """One kept-open connection per thread of tests; a new one when the server closed it."""

    def __init__(self, host: str, timeout: float = 60):
        self.host = host
        self.timeout = timeout
        self.connection = http.client.HTTPConnection(host, timeout=timeout)

    def ask(self, method: str, target: str, body: bytes | str | None = None, headers: dict[str, str] | None = None) -> Answer:
        """Sends one request and reads its answer."""
        try:
            return self._ask(method, target, body, headers or {})
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            # The server closed a connection that stood idle; no request was read on it.
            self.connection.close()
            return self._ask(method, target, body, headers or {})

    def _ask(self, method: str, target: str, body, headers: dict[str, str]) -> Answer:
        self.connection.request(method, target, body, headers)
        response = self.connection.getresponse()
        names = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, names, response.read())

    def json(self, operation: str, payload, *, path: str = "/", headers: dict[str, str] | None = None) -> Answer:
        """One operation in the JSON protocol; `payload` is an object, or the exact text to send."""
        body = payload if isinstance(payload, (str, bytes)) else json.dumps(payload)
        own = {"Content-Type": JSON_TYPE, "X-Amz-Target": f"AmazonSQS.{operation}"}
        return self.ask("POST", path, body, credential() | own | (headers or {}))

    def query(self, action: str | None, parameters: dict[str, str] | None = None, *, path: str = "/", version: str | None = "2012-11-05", headers: dict[str, str] | None = None) -> Answer:
        """One operation in the query protocol, as a form."""
        form = urllib.parse.urlencode(self._form(action, parameters, version))
        return self.ask("POST", path, form, credential() | {"Content-Type": FORM_TYPE} | (headers or {}))

    def get(self, path: str, action: str | None = None, parameters: dict[str, str] | None = None, *, version: str | None = "2012-11-05", headers: dict[str, str] | None = None) -> Answer:
        """One operation in the query protocol, as a query string."""
        query = urllib.parse.urlencode(self._form(action, parameters, version))
        target = f"{path}?{query}" if query else path
        return self.ask("GET", target, None, credential() | (headers or {}))

    @staticmethod
    def _form(action: str | None, parameters: dict[str, str] | None, version: str | None) -> dict[str, str]:
        form = {}
        if action is not None:
            form["Action"] = action
        if version is not None:
            form["Version"] = version
        return form | (parameters or {})
