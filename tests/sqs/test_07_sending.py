"""Reference section 7: what may be sent, how big it may be, and when it becomes visible."""

import hashlib

import pytest

from harness.behaviours import behaviour
from harness.lab import Lab, binary_attribute, refused, text_attribute

VALID_EDGES = ["\x09", "\x0a", "\x0d", "\x20", "\ud7ff", "\ue000", "\ufffd", "\U00010000", "\U0010ffff"]
GROUP_CHARACTERS = "azAZ09!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
GROUP_TEXT = "can only include alphanumeric and punctuation characters. 1 to 128 in length."


@behaviour("SQS-116")
def test_an_empty_body_is_a_missing_parameter(lab: Lab):
    with refused("MissingParameter", "The request must contain the parameter MessageBody."):
        lab.queue().send("")


@behaviour("SQS-117", "SQS-119")
@pytest.mark.parametrize("character", VALID_EDGES, ids=lambda character: f"U+{ord(character):04X}")
def test_every_edge_of_the_valid_characters_is_accepted(lab: Lab, character: str):
    queue = lab.queue()
    body = f"a{character}b{character}"
    assert queue.send(body)["MD5OfMessageBody"] == hashlib.md5(body.encode()).hexdigest()
    assert queue.bodies() == [body]


@behaviour("SQS-117", "SQS-118")
@pytest.mark.parametrize("character", ["\x00", "\x08", "\x0b", "\x0c", "\x0e", "\x1f", "\ufffe", "\uffff"], ids=lambda c: f"U+{ord(c):04X}")
def test_every_edge_of_the_invalid_characters_is_refused(lab: Lab, character: str):
    queue = lab.queue()
    with refused("InvalidMessageContents"):
        queue.send(f"a{character}b")
    with refused("InvalidMessageContents"):
        queue.send(character)
    assert queue.bodies() == []


@behaviour("SQS-119")
@pytest.mark.parametrize("body", ['{"json": [1, 2]}', "<xml>&amp;</xml>", "&lt;", " blanks ", "\r\n\r\n", "ü \u2603 \U0001d11e", "\\u0041"])
def test_a_body_is_returned_unchanged(lab: Lab, body: str):
    queue = lab.queue()
    queue.send(body)
    assert queue.bodies() == [body]


@behaviour("SQS-121", "SQS-122")
@pytest.mark.parametrize("limit", [1024, 5000, 1_048_576])
def test_a_message_may_have_exactly_the_limit(lab: Lab, limit: int):
    queue = lab.queue(MaximumMessageSize=str(limit))
    queue.send("x" * limit)
    text = f"One or more parameters are invalid. Reason: Message must be shorter than {limit} bytes."
    with refused("InvalidParameterValue", text):
        queue.send("x" * (limit + 1))
    [body] = queue.bodies()
    assert body == "x" * limit


@behaviour("SQS-120")
def test_size_is_counted_in_bytes_of_utf_8(lab: Lab):
    queue = lab.queue(MaximumMessageSize="1024")
    queue.send("\u20ac" * 341 + "x")
    with refused("InvalidParameterValue"):
        queue.send("\u20ac" * 342)


@behaviour("SQS-120")
def test_attributes_count_with_name_type_and_value(lab: Lab):
    queue = lab.queue(MaximumMessageSize="1024")
    attributes = {"name": text_attribute("value", "String.x"), "blob": binary_attribute(b"12345")}
    own = len("name" + "String.x" + "value") + len("blob" + "Binary") + 5
    queue.send("x" * (1024 - own), MessageAttributes=attributes)
    with refused("InvalidParameterValue"):
        queue.send("x" * (1025 - own), MessageAttributes=attributes)


@behaviour("SQS-120", "SQS-137")
def test_system_attributes_do_not_count(lab: Lab):
    queue = lab.queue(MaximumMessageSize="1024")
    trace = text_attribute("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")
    queue.send("x" * 1024, MessageSystemAttributes={"AWSTraceHeader": trace})
    assert len(queue.receive()) == 1


@behaviour("SQS-123")
def test_the_response_holds_only_what_applies(lab: Lab):
    queue, fifo = lab.queue(), lab.fifo()
    plain = queue.send()
    assert set(plain) - {"ResponseMetadata"} == {"MessageId", "MD5OfMessageBody"}
    trace = {"AWSTraceHeader": text_attribute("Root=1-5759e988-bd862e3fe1be46a994272793")}
    full = fifo.send("m", group="g", MessageAttributes={"a": text_attribute("b")}, MessageSystemAttributes=trace)
    assert set(full) - {"ResponseMetadata"} == {
        "MessageId",
        "MD5OfMessageBody",
        "MD5OfMessageAttributes",
        "MD5OfMessageSystemAttributes",
        "SequenceNumber",
    }


@behaviour("SQS-124")
def test_ten_attributes_are_accepted_and_eleven_refused(lab: Lab):
    queue = lab.queue()
    attributes = {f"name{number}": text_attribute("v") for number in range(11)}
    with refused("InvalidParameterValue"):
        queue.send("m", MessageAttributes=attributes)
    attributes.pop("name0")
    queue.send("m", MessageAttributes=attributes)
    assert queue.receive_one(MessageAttributeNames=["All"])["MessageAttributes"] == attributes


@behaviour("SQS-125", "SQS-127")
@pytest.mark.parametrize("name", ["a", "A_b-c.d9", "x" * 256, "häuser", "\u540d\u524d"])
def test_attribute_names_that_are_accepted(lab: Lab, name: str):
    queue = lab.queue()
    queue.send("m", MessageAttributes={name: text_attribute("v")})
    assert queue.receive_one(MessageAttributeNames=[name])["MessageAttributes"] == {name: text_attribute("v")}


@behaviour("SQS-127")
def test_attribute_names_that_differ_in_case_are_two(lab: Lab):
    queue = lab.queue()
    attributes = {"name": text_attribute("lower"), "NAME": text_attribute("upper")}
    queue.send("m", MessageAttributes=attributes)
    assert queue.receive_one(MessageAttributeNames=["All"])["MessageAttributes"] == attributes


REFUSED_NAMES = ["", "x" * 257, "AWS.a", "aws.a", "Aws.a", "Amazon.a", "AMAZON.a", ".a", "a.", "a!", 'a"', "a\u00a7", "a(", "a?", "a b"]


@behaviour("SQS-125", "SQS-126", "SQS-128")
@pytest.mark.parametrize("name", REFUSED_NAMES)
def test_attribute_names_that_are_refused(lab: Lab, name: str):
    with refused("InvalidParameterValue"):
        lab.queue().send("m", MessageAttributes={name: text_attribute("v")})


@behaviour("SQS-129")
@pytest.mark.parametrize("kind", ["String", "String.custom", "Number", "Number.int", "String." + "x" * 249])
def test_data_types_that_are_accepted(lab: Lab, kind: str):
    queue = lab.queue()
    queue.send("m", MessageAttributes={"a": text_attribute("7", kind)})
    assert queue.receive_one(MessageAttributeNames=["a"])["MessageAttributes"]["a"]["DataType"] == kind


@behaviour("SQS-129", "SQS-153")
def test_binary_data_types_keep_their_label(lab: Lab):
    queue = lab.queue()
    attribute = {"a": binary_attribute(b"\x00\xff", "Binary.gif")}
    queue.send("m", MessageAttributes=attribute)
    assert queue.receive_one(MessageAttributeNames=["a"])["MessageAttributes"] == attribute


@behaviour("SQS-129", "SQS-130")
@pytest.mark.parametrize("kind", ["", "Text", "string", "STRING", "Bool", "String." + "x" * 250])
def test_data_types_that_are_refused(lab: Lab, kind: str):
    with refused("InvalidParameterValue"):
        lab.queue().send("m", MessageAttributes={"a": text_attribute("v", kind)})


@behaviour("SQS-131")
def test_an_empty_string_value_is_refused(lab: Lab):
    text = "Message (user) attribute 'empty' must contain a non-empty value of type 'String'."
    with refused("InvalidParameterValue", text):
        lab.queue().send("m", MessageAttributes={"empty": text_attribute("")})


@behaviour("SQS-132")
def test_an_empty_binary_value_is_refused(lab: Lab):
    with refused("InvalidParameterValue"):
        lab.queue().send("m", MessageAttributes={"empty": binary_attribute(b"")})


@behaviour("SQS-131", "SQS-132")
@pytest.mark.parametrize("attribute", [{"DataType": "String"}, {"DataType": "Binary"}, {"DataType": "Number"}, {"StringValue": "v"}])
def test_an_attribute_without_value_or_type_is_refused(lab: Lab, attribute: dict):
    answer = lab.wire.json("SendMessage", {"QueueUrl": lab.queue().url, "MessageBody": "m", "MessageAttributes": {"a": attribute}})
    assert answer.status == 400
    assert answer.headers["x-amzn-query-error"] in ("InvalidParameterValue;Sender", "MissingParameter;Sender")


@behaviour("SQS-133")
def test_string_values_obey_the_rules_of_bodies(lab: Lab):
    answer = lab.wire.json(
        "SendMessage",
        {"QueueUrl": lab.queue().url, "MessageBody": "m", "MessageAttributes": {"a": text_attribute("x\x00y")}},
    )
    assert answer.status == 400
    assert answer.headers["x-amzn-query-error"].startswith("Invalid")


NUMBERS = ["0", "-1", "3.14", "1e10", "-1.5E-7", "1" * 38, "1e126", "1e-128", "007", "1.50"]
NO_NUMBERS = ["abc", "1,5", "1 2", "--1", "0x10", "NaN", "Infinity", "1" * 39, "1e127", "1e-129"]


@behaviour("SQS-134", "SQS-135")
@pytest.mark.parametrize("value", NUMBERS)
def test_numbers_that_are_accepted(lab: Lab, value: str):
    lab.queue().send("m", MessageAttributes={"n": text_attribute(value, "Number")})


@behaviour("SQS-134")
@pytest.mark.parametrize("value", NO_NUMBERS)
def test_numbers_that_are_refused(lab: Lab, value: str):
    with refused("InvalidParameterValue"):
        lab.queue().send("m", MessageAttributes={"n": text_attribute(value, "Number")})


@behaviour("SQS-136")
@pytest.mark.parametrize("member", [{"StringListValues": ["a"]}, {"BinaryListValues": ["YQ=="]}])
def test_list_values_are_not_implemented(lab: Lab, member: dict):
    attribute = {"DataType": "String"} | member
    answer = lab.wire.json("SendMessage", {"QueueUrl": lab.queue().url, "MessageBody": "m", "MessageAttributes": {"a": attribute}})
    assert answer.status == 400
    assert answer.headers["x-amzn-query-error"] == "InvalidParameterValue;Sender"


@behaviour("SQS-137", "SQS-196")
def test_the_trace_header_can_be_sent(lab: Lab):
    queue = lab.queue()
    value = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    queue.send("m", MessageSystemAttributes={"AWSTraceHeader": text_attribute(value)})
    assert queue.receive_one()["Attributes"]["AWSTraceHeader"] == value


@behaviour("SQS-137")
@pytest.mark.parametrize("name", ["SenderId", "SentTimestamp", "Other"])
def test_no_other_system_attribute_can_be_sent(lab: Lab, name: str):
    with refused("InvalidParameterValue"):
        lab.queue().send("m", MessageSystemAttributes={name: text_attribute("v")})


@behaviour("SQS-137")
def test_the_trace_header_is_a_string(lab: Lab):
    with refused("InvalidParameterValue"):
        lab.queue().send("m", MessageSystemAttributes={"AWSTraceHeader": binary_attribute(b"Root=1")})


@behaviour("SQS-138")
def test_a_trace_header_of_the_request_is_kept(lab: Lab):
    queue = lab.queue()
    value = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"
    answer = lab.wire.json("SendMessage", {"QueueUrl": queue.url, "MessageBody": "m"}, headers={"X-Amzn-Trace-Id": value})
    assert answer.status == 200
    assert queue.receive_one()["Attributes"]["AWSTraceHeader"] == value


@behaviour("SQS-139", "SQS-141", "SQS-143")
def test_a_delayed_message_waits(clocked: Lab):
    queue = clocked.queue()
    queue.send("later", DelaySeconds=60)
    assert queue.counts() == (0, 0, 1)
    assert queue.bodies() == []
    clocked.advance(50)
    assert queue.bodies() == []
    clocked.advance(11)
    assert queue.counts() == (1, 0, 0)
    assert queue.bodies() == ["later"]


@behaviour("SQS-139")
def test_the_delay_of_a_message_replaces_that_of_the_queue(clocked: Lab):
    queue = clocked.queue(DelaySeconds="60")
    queue.send("now", DelaySeconds=0)
    queue.send("later")
    assert queue.bodies() == ["now"]
    clocked.advance(61)
    assert "later" in queue.bodies()


@behaviour("SQS-139", "SQS-140")
def test_a_delay_has_at_most_900_seconds(lab: Lab):
    queue = lab.queue()
    queue.send("edge", DelaySeconds=900)
    for seconds in (901, -1):
        with refused("InvalidParameterValue"):
            queue.send("m", DelaySeconds=seconds)
    assert queue.counts() == (0, 0, 1)


@behaviour("SQS-142")
def test_changing_the_delay_of_a_queue_leaves_its_messages_alone(clocked: Lab):
    queue = clocked.queue(DelaySeconds="60")
    queue.send("patient")
    queue.set(DelaySeconds="0")
    assert queue.bodies() == []
    queue.send("quick")
    assert queue.bodies() == ["quick"]
    clocked.advance(61)
    assert "patient" in queue.bodies()


@behaviour("SQS-144", "SQS-194", "SQS-390")
def test_a_standard_queue_keeps_a_group_id_without_ordering_by_it(lab: Lab):
    queue = lab.queue()
    queue.send("one", group="tenant")
    queue.send("two", group="tenant")
    first, second = queue.receive_one(), queue.receive_one()
    assert {first["Body"], second["Body"]} == {"one", "two"}
    assert first["Attributes"]["MessageGroupId"] == second["Attributes"]["MessageGroupId"] == "tenant"
    assert "SequenceNumber" not in first["Attributes"]


@behaviour("SQS-145")
@pytest.mark.parametrize("group", [GROUP_CHARACTERS, "x" * 128, "x"])
def test_group_ids_that_are_accepted(lab: Lab, group: str):
    for queue in (lab.queue(), lab.fifo()):
        queue.send("m", group=group)
        assert queue.receive_one()["Attributes"]["MessageGroupId"] == group


@behaviour("SQS-145", "SQS-146")
@pytest.mark.parametrize("group", ["", "x" * 129, "a b", "\u00fc", "a\tb"])
def test_group_ids_that_are_refused(lab: Lab, group: str):
    text = f"Value {group} for parameter MessageGroupId is invalid. Reason: MessageGroupId {GROUP_TEXT}"
    for queue in (lab.queue(), lab.fifo()):
        with refused("InvalidParameterValue", text):
            queue.send("m", group=group)


@behaviour("SQS-147")
def test_a_standard_queue_takes_no_deduplication_id(lab: Lab):
    with refused("InvalidParameterValue"):
        lab.queue().send("m", dedup="d")
