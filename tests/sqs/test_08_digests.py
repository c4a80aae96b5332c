"""Reference section 8: the MD5 digests, against the table of the reference and against an independent computation."""

import random

import pytest

from harness.behaviours import behaviour
from harness.digests import attributes_digest, body_digest
from harness.lab import Lab, binary_attribute, text_attribute

BODIES = {
    "msg": "6e2baaf3b97dbeef01c0043275f9a0e7",
    "message-body-1": "19c9e282d65f9733bc6b35d50062c7ee",
    "message": "78e731027d8fd50ed642340b7c9a63b3",
}
TRACEPARENT = b"traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01"
ATTRIBUTES = [
    ({"Foo": text_attribute("Bar")}, "ae7155c6026991b6d54b11589678bf9c"),
    (
        {"General": text_attribute("Kenobi"), "Hello": text_attribute("There"), "Help.Me": text_attribute("Me")},
        "4c360f3fdafd970e05fae2f149d997f5",
    ),
    ({"General": text_attribute("Kenobi"), "Hello": text_attribute("There")}, "fca026605781cb4126a1e9044df24232"),
    ({"Hello": text_attribute("There")}, "a311262e065454b75da111d535b8dacd"),
    ({"attr1": text_attribute("19.12", "Number")}, "1f07082409022a373fa2a2601f82b3cb"),
    (
        {"attr1": text_attribute("99.12", "Number"), "attr2": text_attribute("109.12", "Number")},
        "9b720b3af309c1c4b0d395c53b08c502",
    ),
    ({"attr1": binary_attribute(TRACEPARENT)}, "8cbe4db156db8a94db8b801b7addb984"),
]
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
TRACE_DIGEST = "5ae4d5d7636402d80f4eb6d213245a88"


@behaviour("SQS-150")
@pytest.mark.parametrize(("body", "digest"), BODIES.items())
def test_the_digest_of_a_body(lab: Lab, body: str, digest: str):
    queue = lab.queue()
    assert queue.send(body)["MD5OfMessageBody"] == digest
    assert queue.receive_one()["MD5OfBody"] == digest
    assert body_digest(body) == digest


@behaviour("SQS-150")
def test_the_digest_of_a_body_is_over_utf_8(lab: Lab):
    queue = lab.queue()
    body = "ü\u2603\U0001d11e\r\n"
    assert queue.send(body)["MD5OfMessageBody"] == body_digest(body)
    assert queue.receive_one()["MD5OfBody"] == body_digest(body)


@behaviour("SQS-151", "SQS-152", "SQS-153", "SQS-154")
@pytest.mark.parametrize(("attributes", "digest"), ATTRIBUTES)
def test_the_digest_of_attributes(lab: Lab, attributes: dict, digest: str):
    queue = lab.queue()
    assert queue.send("m", MessageAttributes=attributes)["MD5OfMessageAttributes"] == digest
    assert queue.receive_one(MessageAttributeNames=["All"])["MD5OfMessageAttributes"] == digest
    assert attributes_digest(attributes) == digest


@behaviour("SQS-151", "SQS-152", "SQS-153", "SQS-160")
@pytest.mark.parametrize("seed", range(10))
def test_the_digest_of_random_attributes(lab: Lab, seed: int):
    print(f"seed {seed}")
    chance = random.Random(seed)
    letters = "abzABZ09_-\u00e4\u00df\u540d"
    attributes = {}
    for _ in range(chance.randint(1, 10)):
        name = "".join(chance.choices(letters, k=chance.randint(1, 30)))
        kind = chance.choice(["String", "String.label", "Binary", "Binary.x"])
        if kind.startswith("Binary"):
            attributes[name] = binary_attribute(chance.randbytes(chance.randint(1, 100)), kind)
        else:
            attributes[name] = text_attribute("".join(chance.choices(letters, k=chance.randint(1, 100))), kind)
    queue = lab.queue()
    digest = attributes_digest(attributes)
    assert queue.send("m", MessageAttributes=attributes)["MD5OfMessageAttributes"] == digest
    received = queue.receive_one(MessageAttributeNames=["All"])
    assert received["MD5OfMessageAttributes"] == digest
    assert received["MessageAttributes"] == attributes


@behaviour("SQS-156", "SQS-157")
def test_system_attributes_have_a_digest_of_their_own(lab: Lab):
    queue = lab.queue()
    system = {"AWSTraceHeader": text_attribute(TRACE)}
    alone = queue.send("m", MessageSystemAttributes=system)
    assert alone["MD5OfMessageSystemAttributes"] == TRACE_DIGEST
    assert "MD5OfMessageAttributes" not in alone
    both = queue.send("m", MessageSystemAttributes=system, MessageAttributes=ATTRIBUTES[0][0])
    assert both["MD5OfMessageSystemAttributes"] == TRACE_DIGEST
    assert both["MD5OfMessageAttributes"] == ATTRIBUTES[0][1]


@behaviour("SQS-158")
@pytest.mark.parametrize(
    ("asked", "digest"),
    [
        (["All"], "4c360f3fdafd970e05fae2f149d997f5"),
        (["General", "Hello"], "fca026605781cb4126a1e9044df24232"),
        (["Hello"], "a311262e065454b75da111d535b8dacd"),
        (["Nothing"], None),
        ([], None),
    ],
)
def test_a_receive_covers_only_what_it_returns(lab: Lab, asked: list[str], digest: str | None):
    queue = lab.queue()
    queue.send("m", MessageAttributes=ATTRIBUTES[1][0])
    assert queue.receive_one(MessageAttributeNames=asked).get("MD5OfMessageAttributes") == digest


@behaviour("SQS-159")
def test_a_duplicate_is_answered_with_the_digest_of_its_own_attributes(lab: Lab):
    queue = lab.fifo()
    first = queue.send("m", group="g", dedup="d", MessageAttributes=ATTRIBUTES[0][0])
    second = queue.send("m", group="g", dedup="d", MessageAttributes=ATTRIBUTES[3][0])
    assert first["MessageId"] == second["MessageId"]
    assert second["MD5OfMessageAttributes"] == ATTRIBUTES[3][1]


@behaviour("SQS-150", "SQS-151")
def test_batch_entries_have_digests_of_their_own(lab: Lab):
    queue = lab.queue()
    answer = queue.send_batch(
        {"MessageBody": "msg", "MessageAttributes": ATTRIBUTES[0][0]},
        {"MessageBody": "message", "MessageSystemAttributes": {"AWSTraceHeader": text_attribute(TRACE)}},
    )
    first, second = answer["Successful"]
    assert first["MD5OfMessageBody"] == BODIES["msg"] and first["MD5OfMessageAttributes"] == ATTRIBUTES[0][1]
    assert second["MD5OfMessageBody"] == BODIES["message"] and second["MD5OfMessageSystemAttributes"] == TRACE_DIGEST
