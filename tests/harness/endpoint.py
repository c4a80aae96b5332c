"""HTTP endpoints that subscribe: listeners that keep what they are sent, over plain HTTP or TLS."""

import datetime
import ipaddress
import json
import queue
import ssl
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from harness.topics import Topic

SECONDS_MAX = 20


class Endpoint:
    """A listener that answers notifications with `statuses` in turn, the last one for ever.

    `greetings` are the same for confirmations. `judge` may answer in their place: it sees a request's headers and returns
    status and headers of the answer, or nothing.
    """

    def __init__(
        self,
        *statuses: int,
        greetings: tuple[int, ...] = (200,),
        judge: Callable | None = None,
        tls: ssl.SSLContext | None = None,
        delay: float = 0,
        body: bytes = b"",
    ):
        self.statuses = list(statuses) or [200]
        self.greetings = list(greetings)
        self.requests: queue.Queue = queue.Queue()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                said = self.rfile.read(int(self.headers["Content-Length"])).decode()
                arrived = time.monotonic()
                is_notification = self.headers["x-amz-sns-message-type"] == "Notification"
                statuses = endpoint.statuses if is_notification else endpoint.greetings
                status, headers = (judge(self.headers) if judge else None) or (endpoint.take(statuses), {})
                if is_notification:
                    time.sleep(delay)
                try:
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    pass  # Whoever asked has gone.
                endpoint.requests.put((self.headers, said, arrived))

            def log_message(self, *_):
                """Silence."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.protocol = "https" if tls else "http"
        self.url = f"{self.protocol}://127.0.0.1:{self.port}/path?q=1"

    @staticmethod
    def take(statuses: list[int]) -> int:
        """The next of the statuses."""
        return statuses[0] if len(statuses) == 1 else statuses.pop(0)

    def next(self, seconds: float = SECONDS_MAX) -> tuple:
        """The next request: headers, body, time."""
        return self.requests.get(timeout=seconds)

    def is_quiet(self, seconds: float = 0.5) -> bool:
        """Whether nothing comes for so long."""
        try:
            self.requests.get(timeout=seconds)
        except queue.Empty:
            return True
        return False

    def stop(self):
        """Stops listening."""
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self) -> "Endpoint":
        return self

    def __exit__(self, *_):
        self.stop()


def certificate(directory: Path, name: str) -> tuple[ssl.SSLContext, Path]:
    """What a listener under this name or address shows, and the file of whoever vouches for it: itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "endpoint")])
    try:
        names = [x509.IPAddress(ipaddress.ip_address(name))]
    except ValueError:
        names = [x509.DNSName(name)]
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, private = directory / f"{name}.pem", directory / f"{name}.key"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, private)
    return context, pem


def subscribe(topic: Topic, endpoint: Endpoint, url: str | None = None, **attributes: str) -> str:
    """Subscribe; the ARN although it is not confirmed yet."""
    return topic.sns.subscribe(
        TopicArn=topic.arn,
        Protocol=endpoint.protocol,
        Endpoint=url or endpoint.url,
        Attributes=attributes,
        ReturnSubscriptionArn=True,
    )["SubscriptionArn"]


def confirmed(topic: Topic, endpoint: Endpoint, url: str | None = None, **attributes: str) -> str:
    """Subscribes and confirms with the token that was posted."""
    arn = subscribe(topic, endpoint, url, **attributes)
    token = json.loads(endpoint.next()[1])["Token"]
    assert topic.sns.confirm_subscription(TopicArn=topic.arn, Token=token)["SubscriptionArn"] == arn
    return arn


def attributes(topic: Topic, arn: str) -> dict:
    """GetSubscriptionAttributes."""
    return topic.sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]


def retries(count: int) -> str:
    """A policy of so many retries without delay."""
    return json.dumps({"healthyRetryPolicy": {"minDelayTarget": 1, "maxDelayTarget": 1, "numRetries": count, "numNoDelayRetries": count}})


def retries_each_second(count: int) -> str:
    """A policy of so many retries a second apart."""
    return json.dumps({"healthyRetryPolicy": {"minDelayTarget": 1, "maxDelayTarget": 1, "numRetries": count}})
