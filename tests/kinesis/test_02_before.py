"""Reference section 2: what is refused before an operation runs, to the letter."""

import json

import pytest

from harness.behaviours import behaviour
from harness.kinesis_wire import CBOR_TYPE, JSON_TYPE, KinesisWire, cbor, uncbor
from harness.server import Server
from harness.streams import Streams
from harness.wire import credential

DENIED = (
    "<AccessDeniedException>\n  <Message>Unable to determine service/operation name to be authorized</Message>\n"
    "</AccessDeniedException>\n"
)
UNKNOWN = {"__type": "UnknownOperationException"}
BAD_DOCUMENT = {"__type": "SerializationException"}
BOOLEAN = "class java.lang.Boolean can not be converted to "
NUMBER = "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to "
STRING = "class java.lang.String can not be converted to "


@pytest.fixture(scope="module")
def wire(streams: Streams) -> KinesisWire:
    """Plain HTTP/1.1 to the server."""
    return KinesisWire(streams.lab.server.url)


@behaviour("KIN-020")
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_only_post_is_known(wire: KinesisWire, method: str):
    for body, operation in [(None, "ListStreams"), ("{}", None)]:
        answer = wire.ask(method, "/", body, wire.headers(operation))
        assert (answer.status, answer.text) == (403, DENIED)


@behaviour("KIN-020", "KIN-021")
@pytest.mark.parametrize("content_type", [JSON_TYPE, CBOR_TYPE, "text/plain", None])
def test_an_empty_body_goes_before_the_content_type(wire: KinesisWire, content_type: str | None):
    for operation, said in [("ListStreams", BAD_DOCUMENT), ("NoSuch", UNKNOWN), (None, UNKNOWN)]:
        answer = wire.ask("POST", "/", b"", wire.headers(operation, content_type))
        read = json.loads if content_type == JSON_TYPE else uncbor
        assert (answer.status, read(answer.body)) == (400, said)
        assert answer.headers["content-type"] == (JSON_TYPE if content_type == JSON_TYPE else CBOR_TYPE)


@behaviour("KIN-020")
@pytest.mark.parametrize("content_type", ["text/plain", "application/x-amz-json-1.0", "application/x-www-form-urlencoded", None])
def test_other_content_types_are_not_spoken(wire: KinesisWire, content_type: str | None):
    for operation, status, text in [
        (None, 403, DENIED),
        ("ListStreams", 404, "<UnknownOperationException/>\n"),
        ("NoSuch", 404, "<UnknownOperationException/>\n"),
    ]:
        answer = wire.ask("POST", "/", b"{}", wire.headers(operation, content_type))
        assert (answer.status, answer.text) == (status, text)


@behaviour("KIN-020")
def test_plain_json_is_answered_in_the_oldest_form(wire: KinesisWire):
    for body, status, kind in [("{", 400, "SerializationException"), ("{}", 404, "UnknownOperationException")]:
        answer = wire.ask("POST", "/", body, wire.headers("ListStreams", "application/json"))
        assert answer.status == status
        assert answer.text == '{"Output":{"__type":"com.amazon.coral.service#%s"},"Version":"1.0"}' % kind


@behaviour("KIN-020")
def test_an_unknown_target_is_an_unknown_operation(wire: KinesisWire):
    for target in ("Kinesis_20131202.NoSuch", "Kinesis_20131202", "Other_1.ListStreams"):
        for content_type, body, read in [(JSON_TYPE, b"{}", json.loads), (CBOR_TYPE, cbor({}), uncbor)]:
            answer = wire.ask("POST", "/", body, wire.headers(None, content_type) | {"X-Amz-Target": target})
            assert (answer.status, read(answer.body)) == (400, UNKNOWN)


@behaviour("KIN-020")
@pytest.mark.parametrize("body", ["{", "[]", "null", "1", '"x"', '{"StreamName":}', "{} {}", '{"StreamName": 1, nonsense'])
def test_a_body_that_is_no_map_is_not_talked_about(wire: KinesisWire, body: str):
    answer = wire.json("DescribeStream", body)
    assert (answer.status, answer.json) == (400, BAD_DOCUMENT)


@behaviour("KIN-020")
@pytest.mark.parametrize("body", [b"\x80", b"\x01", b"\xf6", b"\xbf", b"\xa1\x61", b"\xff", b"\x1c", b"\xa0\xa0"])
def test_the_same_in_cbor(wire: KinesisWire, body: bytes):
    answer = wire.cbor("DescribeStream", body)
    assert (answer.status, uncbor(answer.body)) == (400, BAD_DOCUMENT)


@behaviour("KIN-020")
def test_a_body_beyond_the_maximum_is_413_and_says_nothing(streams: Streams):
    wire = KinesisWire(streams.lab.server.url)
    answer = wire.json("PutRecord", "x" * (16 * 1024 * 1024 + 1))
    assert (answer.status, answer.body) == (413, b"")


@behaviour("KIN-020", "IDN-053", "IDN-054")
def test_documents_go_before_signatures_and_those_before_types():
    server = Server("--auth", "verify", "--credentials", "credentials")
    file = server.scratch.path / "credentials"
    file.write_text("AKIDEXAMPLE secret\n")
    file.chmod(0o600)
    with server:
        wire = KinesisWire(server.url)
        unsigned = {"Content-Type": JSON_TYPE, "X-Amz-Target": "Kinesis_20131202.DescribeStream"}
        answer = wire.ask("POST", "/", "{", unsigned)
        assert (answer.status, answer.json) == (400, BAD_DOCUMENT)
        for body in ('{"StreamName": 1}', "{}"):
            answer = wire.ask("POST", "/", body, unsigned)
            expected = {"__type": "MissingAuthenticationTokenException", "message": "Missing Authentication Token"}
            assert (answer.status, answer.json) == (400, expected)
        both = wire.ask("POST", "/?X-Amz-Algorithm=AWS4-HMAC-SHA256", "{}", unsigned | credential(service="kinesis"))
        assert both.json == {
            "__type": "InvalidSignatureException",
            "message": "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
        }
        half = wire.ask("POST", "/", "{}", unsigned | {"Authorization": "AWS4-HMAC-SHA256 Credential=x"})
        assert half.json["__type"] == "IncompleteSignatureException"
        in_cbor = unsigned | {"Content-Type": CBOR_TYPE}
        assert uncbor(wire.ask("POST", "/", cbor({}), in_cbor).body)["__type"] == "MissingAuthenticationTokenException"


@behaviour("KIN-022")
def test_pages_may_read_what_aws_lets_them_read(wire: KinesisWire):
    for operation in ("DescribeLimits", "NoSuch"):
        answer = wire.json(operation, {}, {"Origin": "http://localhost:3000"})
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["access-control-expose-headers"] == (
            "x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date"
        )
        assert "x-amz-id-2" in answer.headers
    assert "access-control-allow-origin" not in wire.json("DescribeLimits", {}).headers


@behaviour("KIN-023")
def test_a_page_may_ask_what_it_may_send(wire: KinesisWire):
    asked = {
        "Host": "kinesis.us-east-1.localhost",
        "Origin": "http://localhost:3000",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-amz-target,authorization",
    }
    answer = wire.ask("OPTIONS", "/", None, asked)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-headers"] == "x-amz-target,authorization"
    assert answer.headers["access-control-allow-methods"] == "POST"
    assert answer.headers["access-control-max-age"] == "172800"
    assert "x-amz-id-2" not in answer.headers
    del asked["Origin"]
    without = wire.ask("OPTIONS", "/", None, asked)
    assert (without.status, without.text) == (403, DENIED)


WRONG = [
    ("DescribeStream", {"StreamName": True}, BOOLEAN + "an String"),
    ("DescribeStream", {"StreamName": 1}, NUMBER + "an String"),
    ("DescribeStream", {"StreamName": []}, "Start of list found where not expected"),
    ("DescribeStream", {"StreamName": {}}, "Start of structure or map found where not expected."),
    ("DescribeStream", {"Limit": False}, BOOLEAN + "an Integer"),
    ("DescribeStream", {"Limit": "1"}, STRING + "an Integer"),
    ("DescribeStream", {"Limit": []}, "Start of list found where not expected"),
    ("DeleteStream", {"EnforceConsumerDeletion": 1}, NUMBER + "an Boolean"),
    ("DeleteStream", {"EnforceConsumerDeletion": "yes"}, "'YES' can not be converted to an Boolean"),
    ("PutRecord", {"Data": True}, BOOLEAN + "a Blob"),
    ("PutRecord", {"Data": 1}, NUMBER + "a Blob"),
    ("PutRecord", {"Data": "abc"}, "'abc' can not be converted to a Blob: Base64 encoded length is expected a multiple of 4 bytes but found: 3"),
    ("PutRecord", {"Data": "ab!d"}, "'ab!d' can not be converted to a Blob: Invalid Base64 character: '!'"),
    ("PutRecord", {"Data": "YX=="}, "'YX==' can not be converted to a Blob: Invalid last non-pad Base64 character dectected"),
    ("GetShardIterator", {"Timestamp": True}, BOOLEAN + "milliseconds since epoch"),
    ("GetShardIterator", {"Timestamp": "now"}, STRING + "milliseconds since epoch"),
    ("PutRecords", {"Records": 1}, "Expected list or null"),
    ("PutRecords", {"Records": {}}, "Start of structure or map found where not expected."),
    ("PutRecords", {"Records": ["x"]}, "Expected null"),
    ("PutRecords", {"Records": [[]]}, "Start of list found where not expected"),
    ("AddTagsToStream", {"Tags": "x"}, "Expected map or null"),
    ("AddTagsToStream", {"Tags": []}, "Start of list found where not expected"),
]


@behaviour("KIN-024")
@pytest.mark.parametrize(("operation", "payload", "text"), WRONG)
def test_a_wrong_kind_is_named_by_its_class(wire: KinesisWire, operation: str, payload: dict, text: str):
    answer = wire.json(operation, payload)
    assert (answer.status, answer.json) == (400, {"__type": "SerializationException", "Message": text})


@behaviour("KIN-025")
def test_numbers_are_made_to_fit(wire: KinesisWire, streams: Streams):
    stream = streams.stream(2)
    shown = lambda limit: wire.json("DescribeStream", '{"StreamName": "%s", "Limit": %s}' % (stream.name, limit))
    assert len(shown("1.9").json["StreamDescription"]["Shards"]) == 1
    assert "Value '2147483647' at 'limit'" in shown("99999999999").json["message"]
    assert "Value '2147483647' at 'limit'" in shown("1e300").json["message"]
    assert "Value '-1' at 'limit'" in shown("-0.5").json["message"]


def violations(answer) -> list[str]:
    """The listed violations of a refused request."""
    assert answer.status == 400 and answer.json["__type"] == "ValidationException", answer.text
    count, listed = answer.json["message"].split(" detected: ", 1)
    found = listed.split("; ")
    assert count == f"{len(found)} validation error{'s' if len(found) > 1 else ''}"
    return found


@behaviour("KIN-026", "KIN-027", "KIN-028", "KIN-029")
def test_every_violation_is_listed_with_its_value(wire: KinesisWire):
    found = violations(wire.json("PutRecord", {"StreamName": "?", "PartitionKey": "", "ExplicitHashKey": "x"}))
    assert sorted(found) == sorted(
        [
            "Value null at 'data' failed to satisfy constraint: Member must not be null",
            "Value '?' at 'streamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+",
            "Value '' at 'partitionKey' failed to satisfy constraint: Member must have length greater than or equal to 1",
            "Value 'x' at 'explicitHashKey' failed to satisfy constraint: Member must satisfy regular expression pattern: ^(0|([1-9]\\d{0,38}))$",
        ]
    )
    records = [{"Data": "", "PartitionKey": "k"}, {"Data": "", "PartitionKey": "x" * 257}]
    found = violations(wire.json("PutRecords", {"StreamName": "s", "Records": records}))
    assert found == [
        f"Value '{'x' * 257}' at 'records.2.member.partitionKey' failed to satisfy constraint: Member must have length less than or equal to 256"
    ]
    assert violations(wire.json("DescribeStream", {"StreamName": "s", "Limit": 10001})) == [
        "Value '10001' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 10000"
    ]
    found = violations(wire.json("GetShardIterator", {"StreamName": "s", "ShardId": "x", "ShardIteratorType": "FIRST"}))
    assert len(found) == 1 and found[0].startswith(
        "Value 'FIRST' at 'shardIteratorType' failed to satisfy constraint: Member must satisfy enum value set: ["
    )


@behaviour("KIN-026")
def test_at_most_ten_are_listed(wire: KinesisWire):
    records = [{"Data": "", "PartitionKey": ""}] * 30
    assert len(violations(wire.json("PutRecords", {"StreamName": "s", "Records": records}))) == 10


@behaviour("KIN-028")
def test_lists_and_maps_are_shown_as_java_shows_them(wire: KinesisWire):
    long = "k" * 129
    keys = violations(wire.json("RemoveTagsFromStream", {"StreamName": "s", "TagKeys": ["a", long]}))
    assert keys[0].startswith(f"Value '[a, {long}]' at 'tagKeys' failed to satisfy constraint: Member must satisfy constraint: [")
    tags = violations(wire.json("AddTagsToStream", {"StreamName": "s", "Tags": {"a": "b", long: "c"}}))
    assert tags[0].startswith(f"Value '{{a=b, {long}=c}}' at 'tags' failed to satisfy constraint: Map keys must satisfy constraint: [")


@behaviour("KIN-030")
def test_constraints_of_elements_are_listed_in_full(wire: KinesisWire):
    text = "Member must have length less than or equal to {}, Member must have length greater than or equal to {}"
    found = violations(wire.json("RemoveTagsFromStream", {"StreamName": "s", "TagKeys": [""]}))
    assert f"Member must satisfy constraint: [{text.format(128, 1)}" in found[0]
    found = violations(wire.json("AddTagsToStream", {"StreamName": "s", "Tags": {"k" * 129: "v"}}))
    assert f"Map keys must satisfy constraint: [{text.format(128, 1)}" in found[0]
    found = violations(wire.json("AddTagsToStream", {"StreamName": "s", "Tags": {"k": "v" * 257}}))
    assert f"Map value must satisfy constraint: [{text.format(256, 0)}" in found[0]


@behaviour("KIN-031")
def test_a_pattern_is_for_the_whole_value(wire: KinesisWire):
    for name in ("good?", "?good", "go od", "good\n"):
        found = violations(wire.json("DescribeStream", {"StreamName": name}))
        assert "regular expression pattern: [a-zA-Z0-9_.-]+" in found[0]


@behaviour("KIN-018")
def test_lengths_count_what_java_counts_and_bytes_after_decoding(wire: KinesisWire, streams: Streams):
    stream = streams.stream()
    put = lambda key, data="": wire.json("PutRecord", {"StreamName": stream.name, "PartitionKey": key, "Data": data})
    assert put("ü" * 256).status == 200
    assert violations(put("ü" * 257))
    assert put("\N{GRINNING FACE}" * 128).status == 200
    assert violations(put("\N{GRINNING FACE}" * 129))
