"""The endpoints with which tests look into queues and begin anew: nothing changes by looking, everything goes by a reset."""

import re
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.clients import sqs_client
from harness.lab import MISSING_QUEUE, Lab, Queue, binary_attribute, fresh_name, refused, text_attribute
from harness.server import Server
from harness.waiting import eventually
from harness.wire import Wire

JSON = {"Accept": "application/json"}


def peek(queue: Queue, **parameters) -> dict:
    """Our own endpoint."""
    query = urllib.parse.urlencode({"QueueUrl": queue.url} | parameters)
    answer = Wire(queue.lab.server.host).ask("GET", f"/_waystation/sqs/messages?{query}")
    assert answer.status == 200, answer.text
    return answer.json


def bodies(peeked: dict) -> list[str]:
    return [message["Body"] for message in peeked["Messages"]]


def compatible(queue: Queue, headers: dict[str, str], **parameters):
    """The endpoint that suites for LocalStack call."""
    query = urllib.parse.urlencode({"QueueUrl": queue.url} | parameters)
    return Wire(queue.lab.server.host).ask("GET", f"/_aws/sqs/messages?{query}", headers=headers)


def test_looking_changes_nothing(clocked: Lab):
    queue = clocked.queue()
    for body in ("one", "two", "three"):
        queue.send(body)
    before = queue.attributes()
    for _ in range(3):
        assert bodies(peek(queue)) == ["one", "two", "three"]
    assert queue.attributes() == before
    received = queue.receive_one()
    assert received["Attributes"]["ApproximateReceiveCount"] == "1"


def test_messages_show_everything_but_a_handle(clocked: Lab):
    queue = clocked.queue()
    sent = queue.send(
        "hello",
        MessageAttributes={"color": text_attribute("red"), "raw": binary_attribute(b"\x00\xff")},
    )
    (message,) = peek(queue)["Messages"]
    assert message["MessageId"] == sent["MessageId"]
    assert message["MD5OfBody"] == sent["MD5OfMessageBody"]
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert message["Attributes"]["ApproximateReceiveCount"] == "0"
    assert "ApproximateFirstReceiveTimestamp" not in message["Attributes"]
    assert message["MessageAttributes"]["color"] == {"DataType": "String", "StringValue": "red"}
    assert message["MessageAttributes"]["raw"] == {"DataType": "Binary", "BinaryValue": "AP8="}
    assert message["State"] == "visible"
    assert "ReceiptHandle" not in message


def test_messages_in_flight_and_delayed_only_when_asked_for(clocked: Lab):
    queue = clocked.queue(VisibilityTimeout="30")
    queue.send("first")
    queue.send("second")
    queue.send("later", DelaySeconds=600)
    assert queue.receive_one()["Body"] == "first"
    assert bodies(peek(queue)) == ["second"]
    assert bodies(peek(queue, ShowInvisible="true")) == ["first", "second"]
    assert bodies(peek(queue, ShowDelayed="true")) == ["second", "later"]
    everything = peek(queue, ShowInvisible="True", ShowDelayed="True")["Messages"]
    states = {message["Body"]: message["State"] for message in everything}
    assert states == {"first": "in flight", "second": "visible", "later": "delayed"}
    flying = everything[0]["Attributes"]
    assert flying["ApproximateReceiveCount"] == "1" and "ApproximateFirstReceiveTimestamp" in flying
    clocked.advance(31)
    assert bodies(peek(queue)) == ["first", "second"]
    clocked.advance(600)
    assert bodies(peek(queue)) == ["first", "second", "later"]


def test_a_fifo_queue_shows_its_order_and_blocked_groups(clocked: Lab):
    queue = clocked.fifo()
    for number in range(6):
        queue.send(str(number), group="ab"[number % 2])
    assert queue.bodies(1) == ["0"]
    assert bodies(peek(queue)) == ["1", "2", "3", "4", "5"]
    messages = peek(queue, ShowInvisible="true")["Messages"]
    numbers = [int(message["Attributes"]["SequenceNumber"]) for message in messages]
    assert numbers == sorted(numbers) and len(numbers) == 6
    assert [message["Attributes"]["MessageGroupId"] for message in messages] == list("ababab")


def test_a_long_queue_is_read_part_by_part(clocked: Lab):
    queue = clocked.queue()
    for start in range(0, 700, 10):
        queue.send_batch(*({"MessageBody": str(start + number)} for number in range(10)))
    found, marker = [], {}
    while True:
        part = peek(queue, Limit="150", **marker)
        assert len(part["Messages"]) <= 150
        found += bodies(part)
        if "NextMarker" not in part:
            break
        marker = {"Marker": part["NextMarker"]}
    assert found == [str(number) for number in range(700)]
    answer = compatible(queue, JSON, Limit="10")
    following = compatible(queue, JSON, Limit="2", Marker=answer.headers["x-waystation-next-marker"]).json
    messages = following["ReceiveMessageResponse"]["ReceiveMessageResult"]["Message"]
    assert [message["Body"] for message in messages] == ["10", "11"]


@pytest.mark.parametrize("limit", ["0", "10001", "many", "-1"])
def test_a_limit_out_of_range_is_refused(clocked: Lab, limit: str):
    queue = clocked.queue()
    query = urllib.parse.urlencode({"QueueUrl": queue.url, "Limit": limit})
    answer = Wire(clocked.server.host).ask("GET", f"/_waystation/sqs/messages?{query}")
    assert answer.status == 400
    assert answer.json["Error"]["Code"] == "InvalidParameterValue"


def test_expired_and_purged_messages_are_not_shown(clocked: Lab):
    queue = clocked.queue(MessageRetentionPeriod="60")
    queue.send("old")
    clocked.advance(61)
    queue.send("new")
    assert bodies(peek(queue)) == ["new"]
    clocked.sqs.purge_queue(QueueUrl=queue.url)
    assert bodies(peek(queue, ShowInvisible="true", ShowDelayed="true")) == []


def test_the_xml_is_that_of_a_receive(clocked: Lab):
    queue = clocked.queue()
    queue.send("<a>", MessageAttributes={"color": text_attribute("red")})
    answer = compatible(queue, {})
    assert answer.status == 200 and answer.headers["content-type"] == "text/xml"
    message = answer.xml.find("ReceiveMessageResult/Message")
    assert message.findtext("Body") == "<a>"
    attributes = {item.findtext("Name"): item.findtext("Value") for item in message.findall("Attribute")}
    assert attributes["ApproximateReceiveCount"] == "0"
    assert message.findtext("MessageAttribute/Value/StringValue") == "red"


def test_the_json_is_xml_converted(clocked: Lab):
    queue = clocked.queue()
    result = lambda: compatible(queue, JSON).json["ReceiveMessageResponse"]["ReceiveMessageResult"]
    assert result() is None
    queue.send("one")
    assert result()["Message"]["Body"] == "one"
    queue.send("two")
    assert [message["Body"] for message in result()["Message"]] == ["one", "two"]
    names = {attribute["Name"] for attribute in result()["Message"][0]["Attribute"]}
    assert {"SenderId", "SentTimestamp", "ApproximateReceiveCount"} <= names


def test_the_queue_may_stand_in_the_path(clocked: Lab):
    name = fresh_name()
    sqs = sqs_client(clocked.server.url, region="eu-west-1")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="there")
    wire = Wire(clocked.server.host)
    answer = wire.ask("GET", f"/_aws/sqs/messages/eu-west-1/000000000000/{name}", headers=JSON)
    assert answer.json["ReceiveMessageResponse"]["ReceiveMessageResult"]["Message"]["Body"] == "there"
    # A URL of that region names it in its host; one of this machine's means the default region, where there is no such queue.
    host = f"http://sqs.eu-west-1.localhost.localstack.cloud:4566/000000000000/{name}"
    query = urllib.parse.urlencode({"QueueUrl": host})
    assert wire.ask("GET", f"/_aws/sqs/messages?{query}", headers=JSON).status == 200
    missing = wire.ask("GET", f"/_aws/sqs/messages?{urllib.parse.urlencode({'QueueUrl': url})}", headers=JSON)
    assert missing.status == 400
    assert missing.json["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue"


def test_an_sdk_may_be_pointed_at_it(clocked: Lab):
    queue = clocked.queue()
    for number in range(15):
        queue.send(str(number))
    sqs = sqs_client(f"{clocked.server.url}/_aws/sqs/messages")
    for _ in range(2):
        messages = sqs.receive_message(QueueUrl=queue.url)["Messages"]
        assert [message["Body"] for message in messages] == [str(number) for number in range(15)]
        assert messages[0]["Attributes"]["ApproximateReceiveCount"] == "0"
    with pytest.raises(sqs.exceptions.ReceiptHandleIsInvalid):
        clocked.sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=messages[0]["ReceiptHandle"])
    with pytest.raises(sqs.exceptions.ClientError):
        sqs.purge_queue(QueueUrl=queue.url)
    assert queue.counts() == (15, 0, 0)


def test_without_the_flag_there_is_nothing(lab: Lab):
    wire = Wire(lab.server.host)
    queue = lab.queue()
    for path in ("/_waystation/sqs/messages", "/_aws/sqs/messages"):
        assert wire.ask("GET", f"{path}?QueueUrl={queue.url}").status == 404
    assert wire.ask("POST", "/_waystation/reset").status == 404
    assert queue.counts() == (0, 0, 0)


def test_a_reset_removes_every_queue_for_good():
    with Server("--test-endpoints", "--test-clock", "--limits", "aws") as server:
        lab = Lab(server)
        wire = Wire(server.host)
        dead, live = lab.queue("dead"), lab.fifo("live.fifo")
        source = lab.queue("source")
        source.redrive_to(dead, 3)
        live.send("m", group="g")
        source.send("m")
        other = sqs_client(server.url, region="eu-west-1", access_key="111122223333")
        other.create_queue(QueueName="elsewhere")
        for number in range(300):
            lab.queue(f"many-{number}")
        server.advance(100)
        now = wire.ask("POST", "/_waystation/clock", '{"advance_ms": 0}').json["now_ms"]
        answer = wire.ask("POST", "/_waystation/reset")
        assert (answer.status, answer.json) == (200, {"queues_removed": 304, "topics_removed": 0, "streams_removed": 0})
        assert "QueueUrls" not in lab.sqs.list_queues() and "QueueUrls" not in other.list_queues()
        assert wire.ask("POST", "/_waystation/clock", '{"advance_ms": 0}').json["now_ms"] >= now
        # Nothing is remembered either: no waiting period, no old message, no deduplication id.
        again = lab.queue("dead")
        assert again.counts() == (0, 0, 0)
        assert lab.sqs.list_dead_letter_source_queues(QueueUrl=again.url)["queueUrls"] == []
        server.kill9()
        server.start()
        assert [re.sub(".*/", "", url) for url in lab.sqs.list_queues()["QueueUrls"]] == ["dead"]
        assert wire.ask("POST", "/_waystation/reset").json == {"queues_removed": 1, "topics_removed": 0, "streams_removed": 0}


def test_a_reset_ends_long_polls():
    with Server("--test-endpoints") as server:
        lab, wire = Lab(server), Wire(server.host)
        queue = lab.queue()
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(lambda: Lab(server).sqs.receive_message(QueueUrl=queue.url, WaitTimeSeconds=20))
            eventually(lambda: "waystation_parked_receives 1" in wire.ask("GET", "/metrics").text, "a long poll waits")
            assert wire.ask("POST", "/_waystation/reset").status == 200
            with refused(MISSING_QUEUE):
                waiting.result(5)
