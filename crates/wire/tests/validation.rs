//! Constraints of a model in AWS's words: all violations listed, or the first parameter alone.

use bytes::Bytes;
use waystation_wire::json::decode;
use waystation_wire::model::{Dialect, Serialization, Validation};
use waystation_wire::shape::{
    LengthShape, ListShape, MapShape, RangeShape, Shape, TEXT, TextShape, bounds, list, map,
    member, text,
};
use waystation_wire::{Blob, Map, Pattern, Str};

static NAME_PATTERN: Pattern = Pattern::new("[a-zA-Z0-9_.-]+");
static NAME: TextShape = text()
    .length(bounds(Some(1), Some(8)))
    .pattern(&NAME_PATTERN);
static MODE: TextShape = text().values(&["PROVISIONED", "ON_DEMAND"]);
static KEY: TextShape = text().length(bounds(Some(1), Some(4)));
static KEYS: ListShape = list(Shape::Text(&KEY)).length(bounds(Some(1), Some(2)));
static TAGS: MapShape = map(&KEY, Shape::Text(&KEY)).length(bounds(None, Some(2)));
static COUNT: RangeShape = RangeShape {
    range: bounds(Some(1), Some(100)),
};
static DATA: LengthShape = LengthShape {
    length: bounds(None, Some(3)),
};
static RECORDS: ListShape = list(Shape::Struct(&RECORD));

waystation_wire::structure! { Record, RECORD, "Record" {
    0 data: Option<Blob> = member("Data", Shape::Blob(&DATA)),
    1 partition_key: Str = member("PartitionKey", Shape::Text(&KEY)).required(),
}}

waystation_wire::structure! { Request, REQUEST, "Request" {
    0 stream_name: Str = member("StreamName", Shape::Text(&NAME)).required(),
    1 shard_count: Option<i32> = member("ShardCount", Shape::Integer(&COUNT)),
    2 mode: Option<Str> = member("Mode", Shape::Text(&MODE)),
    3 tag_keys: Option<Vec<Str>> = member("TagKeys", Shape::List(&KEYS)),
    4 tags: Option<Map<Str>> = member("Tags", Shape::Map(&TAGS)),
    5 records: Option<Vec<Record>> = member("Records", Shape::List(&RECORDS)),
    6 secret: Option<Str> = member("Secret", Shape::Text(&KEY)).sensitive(),
    7 note: Option<Str> = member("Note", TEXT),
}}

fn refusal(document: &'static str, validation: Validation) -> Option<String> {
    let mut request = Request::default();
    let mut violations = decode::document(
        &Bytes::from_static(document.as_bytes()),
        Serialization::TokenNames,
        &mut request,
    )
    .unwrap();
    violations.check(&request);
    violations
        .into_result(Dialect {
            validation,
            ..Dialect::USUAL
        })
        .err()
        .map(|error| error.to_string())
}

/// `ValidationException` with the given violations.
fn listed(violations: &[&str]) -> Option<String> {
    let plural = if violations.len() == 1 { "" } else { "s" };
    let count = violations.len();
    Some(format!(
        "ValidationException: {count} validation error{plural} detected: {}",
        violations.join("; ")
    ))
}

#[test]
fn what_the_model_allows_passes() {
    let document = r#"{"StreamName":"a.b-C_1","ShardCount":100,"Mode":"ON_DEMAND","TagKeys":["k"],"Tags":{"k":"v"},
        "Records":[{"Data":"AAAA","PartitionKey":"p"}],"Secret":"s","Note":""}"#;
    assert_eq!(refusal(document, Validation::ListAll), None);
}

#[test]
fn every_kind_of_constraint_has_its_words() {
    for (document, violation) in [
        (
            r#"{}"#,
            "Value null at 'streamName' failed to satisfy constraint: Member must not be null",
        ),
        (
            r#"{"StreamName":"a b"}"#,
            "Value 'a b' at 'streamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+",
        ),
        (
            r#"{"StreamName":"123456789"}"#,
            "Value '123456789' at 'streamName' failed to satisfy constraint: Member must have length less than or equal to 8",
        ),
        (
            r#"{"StreamName":"s","ShardCount":0}"#,
            "Value '0' at 'shardCount' failed to satisfy constraint: Member must have value greater than or equal to 1",
        ),
        (
            r#"{"StreamName":"s","Mode":"x"}"#,
            "Value 'x' at 'mode' failed to satisfy constraint: Member must satisfy enum value set: [PROVISIONED, ON_DEMAND]",
        ),
        (
            r#"{"StreamName":"s","TagKeys":[]}"#,
            "Value '[]' at 'tagKeys' failed to satisfy constraint: Member must have length greater than or equal to 1",
        ),
        (
            r#"{"StreamName":"s","TagKeys":["a","12345"]}"#,
            "Value '[a, 12345]' at 'tagKeys' failed to satisfy constraint: Member must satisfy constraint: \
             [Member must have length less than or equal to 4, Member must have length greater than or equal to 1]",
        ),
        (
            r#"{"StreamName":"s","Tags":{"":"v"}}"#,
            "Value '{=v}' at 'tags' failed to satisfy constraint: Map keys must satisfy constraint: \
             [Member must have length less than or equal to 4, Member must have length greater than or equal to 1]",
        ),
        (
            r#"{"StreamName":"s","Records":[{"PartitionKey":"p"},{}]}"#,
            "Value null at 'records.2.member.partitionKey' failed to satisfy constraint: Member must not be null",
        ),
        (
            r#"{"StreamName":"s","Secret":"password"}"#,
            "Value '***' at 'secret' failed to satisfy constraint: Member must have length less than or equal to 4",
        ),
    ] {
        assert_eq!(
            refusal(document, Validation::ListAll),
            listed(&[violation]),
            "{document}"
        );
    }
}

#[test]
fn all_violations_are_listed() {
    let refused = refusal(
        r#"{"StreamName":"","ShardCount":101,"Records":[{"PartitionKey":""}]}"#,
        Validation::ListAll,
    );
    let violations = [
        "Value '' at 'streamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+",
        "Value '' at 'streamName' failed to satisfy constraint: Member must have length greater than or equal to 1",
        "Value '101' at 'shardCount' failed to satisfy constraint: Member must have value less than or equal to 100",
        "Value '' at 'records.1.member.partitionKey' failed to satisfy constraint: Member must have length greater than or equal to 1",
    ];
    assert_eq!(refused, listed(&violations));
}

/// SQS-054, SQS-055.
#[test]
fn a_service_may_name_the_first_parameter_alone() {
    let refused = |document| refusal(document, Validation::FirstParameter).unwrap();
    assert_eq!(
        refused(r#"{"ShardCount":0}"#),
        "MissingRequiredParameterException: The request must contain the parameter StreamName."
    );
    assert_eq!(
        refused(r#"{"StreamName":"s","ShardCount":0,"Mode":"x"}"#),
        "InvalidParameterValueException: Value 0 for parameter ShardCount is invalid. Reason: Member must have value greater \
         than or equal to 1."
    );
}
