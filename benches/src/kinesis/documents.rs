//! Documents of the operations in both notations, and what the generator reads out of the answers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;

use crate::kinesis::api::Encoding;
use crate::kinesis::cbor::{self, Item, Reader};
use crate::scan;

/// A record to put.
#[derive(Clone, Copy)]
pub(crate) struct Record<'a> {
    /// Partition key, which needs no escape in JSON.
    pub(crate) key: &'a str,
    /// Data.
    pub(crate) data: &'a [u8],
}

/// Document of `PutRecord`. A hash key, if given, chooses the shard.
pub(crate) fn put_record(
    encoding: Encoding,
    stream: &str,
    record: Record<'_>,
    hash_key: Option<&str>,
) -> Vec<u8> {
    let mut out = Vec::new();
    let hash_key = hash_key.map(|key| ("ExplicitHashKey", key));
    let texts = [("StreamName", stream)].into_iter().chain(hash_key);
    let texts: Vec<_> = texts.collect();
    match encoding {
        Encoding::Cbor => {
            cbor::map(&mut out, texts.len() + 2);
            cbor_texts(&mut out, &texts);
            cbor_record(&mut out, record);
        }
        Encoding::Json => {
            out.push(b'{');
            json_texts(&mut out, &texts);
            out.push(b',');
            json_record(&mut out, record);
            out.push(b'}');
        }
    }
    out
}

/// Document of `PutRecords`.
pub(crate) fn put_records(encoding: Encoding, stream: &str, records: &[Record<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    match encoding {
        Encoding::Cbor => {
            cbor::map(&mut out, 2);
            cbor_texts(&mut out, &[("StreamName", stream)]);
            cbor::text(&mut out, "Records");
            cbor::array(&mut out, records.len());
            for record in records {
                cbor::map(&mut out, 2);
                cbor_record(&mut out, *record);
            }
        }
        Encoding::Json => {
            out.push(b'{');
            json_texts(&mut out, &[("StreamName", stream)]);
            out.extend_from_slice(br#","Records":["#);
            for (index, record) in records.iter().enumerate() {
                out.extend_from_slice(if index == 0 { b"{" } else { b",{" });
                json_record(&mut out, *record);
                out.push(b'}');
            }
            out.extend_from_slice(b"]}");
        }
    }
    out
}

/// A document of texts: all that reading asks for.
pub(crate) fn texts(encoding: Encoding, texts: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    match encoding {
        Encoding::Cbor => {
            cbor::map(&mut out, texts.len());
            cbor_texts(&mut out, texts);
        }
        Encoding::Json => {
            out.push(b'{');
            json_texts(&mut out, texts);
            out.push(b'}');
        }
    }
    out
}

/// Document of `SubscribeToShard` from a kind of position, in CBOR.
pub(crate) fn subscription(consumer_arn: &str, shard: &str, kind: &str) -> Vec<u8> {
    let mut out = Vec::new();
    cbor::map(&mut out, 3);
    cbor_texts(
        &mut out,
        &[("ConsumerARN", consumer_arn), ("ShardId", shard)],
    );
    cbor::text(&mut out, "StartingPosition");
    cbor::map(&mut out, 1);
    cbor_texts(&mut out, &[("Type", kind)]);
    out
}

fn cbor_texts(out: &mut Vec<u8>, texts: &[(&str, &str)]) {
    for (name, text) in texts {
        cbor::text(out, name);
        cbor::text(out, text);
    }
}

fn cbor_record(out: &mut Vec<u8>, record: Record<'_>) {
    cbor::text(out, "Data");
    cbor::bytes(out, record.data);
    cbor_texts(out, &[("PartitionKey", record.key)]);
}

fn json_texts(out: &mut Vec<u8>, texts: &[(&str, &str)]) {
    for (index, (name, text)) in texts.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        out.extend_from_slice(format!(r#"{comma}"{name}":"{text}""#).as_bytes());
    }
}

fn json_record(out: &mut Vec<u8>, record: Record<'_>) {
    let data = STANDARD.encode(record.data);
    json_texts(out, &[("Data", &data), ("PartitionKey", record.key)]);
}

/// Records that the answer of a put acknowledges. Each has a sequence number; one that failed has none.
pub(crate) fn stored(answer: &[u8]) -> usize {
    memmem::find_iter(answer, b"SequenceNumber").count()
}

/// What a read gave.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Read {
    /// Records.
    pub(crate) records: u64,
    /// Bytes of their data.
    pub(crate) bytes: u64,
    /// The iterator to go on with.
    pub(crate) next: Option<String>,
    /// Milliseconds behind the tip.
    pub(crate) behind_ms: u64,
}

/// Reads the answer of `GetRecords`, or an event with records; `each` gets the data of every record, of which JSON shows the
/// first nine bytes only.
pub(crate) fn records(
    encoding: Encoding,
    answer: &[u8],
    each: &mut dyn FnMut(&[u8]),
) -> Result<Read, String> {
    match encoding {
        Encoding::Cbor => cbor_records(answer, each),
        Encoding::Json => json_records(answer, each),
    }
}

fn cbor_records(answer: &[u8], each: &mut dyn FnMut(&[u8])) -> Result<Read, String> {
    let mut read = Read::default();
    Reader::new(answer).members(&mut |name, value| match name {
        b"Records" => value.elements(&mut |(), record| {
            record.members(&mut |name, member| {
                if name != b"Data" {
                    return member.skip();
                }
                let Item::Bytes(data) = member.item()? else {
                    return Err("data that is not bytes".to_owned());
                };
                read.records += 1;
                read.bytes += data.len() as u64;
                each(data);
                Ok(())
            })
        }),
        b"NextShardIterator" => {
            if let Item::Text(text) = value.item()? {
                read.next = Some(String::from_utf8_lossy(text).into_owned());
            }
            Ok(())
        }
        b"MillisBehindLatest" => {
            if let Item::Unsigned(ms) = value.item()? {
                read.behind_ms = ms;
            }
            Ok(())
        }
        _ => value.skip(),
    })?;
    Ok(read)
}

fn json_records(answer: &[u8], each: &mut dyn FnMut(&[u8])) -> Result<Read, String> {
    let mut read = Read::default();
    let mut beginning = [0; 9];
    for data in scan::strings(answer, "Data") {
        let padding = data.bytes().rev().take_while(|byte| *byte == b'=').count();
        read.records += 1;
        read.bytes += (data.len() / 4 * 3 - padding) as u64;
        let digits = data.get(..data.len().min(12)).unwrap_or_default();
        let bytes = STANDARD
            .decode_slice(digits, &mut beginning)
            .map_err(|error| format!("data that is not Base64: {error}"))?;
        each(beginning.get(..bytes).unwrap_or_default());
    }
    read.next = scan::strings(answer, "NextShardIterator")
        .next()
        .map(str::to_owned);
    let name = br#""MillisBehindLatest":"#;
    let at = memmem::find(answer, name).ok_or("an answer without MillisBehindLatest")?;
    let digits = answer.get(at + name.len()..).unwrap_or_default();
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    read.behind_ms = digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
    Ok(read)
}

/// The iterator that the answer of `GetShardIterator` gives.
pub(crate) fn iterator(encoding: Encoding, answer: &[u8]) -> Result<String, String> {
    let mut found = None;
    match encoding {
        Encoding::Cbor => Reader::new(answer).members(&mut |name, value| {
            if name != b"ShardIterator" {
                return value.skip();
            }
            if let Item::Text(text) = value.item()? {
                found = Some(String::from_utf8_lossy(text).into_owned());
            }
            Ok(())
        })?,
        Encoding::Json => {
            found = scan::strings(answer, "ShardIterator")
                .next()
                .map(str::to_owned);
        }
    }
    found.ok_or_else(|| "no iterator in the answer".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_notations_say_the_same_of_a_read() {
        let mut cbor = Vec::new();
        cbor::map(&mut cbor, 3);
        cbor::text(&mut cbor, "MillisBehindLatest");
        cbor.extend_from_slice(b"\x19\x01\x2c");
        cbor_texts(&mut cbor, &[("NextShardIterator", "AAA=")]);
        cbor::text(&mut cbor, "Records");
        cbor::array(&mut cbor, 2);
        for data in [&b"abcd"[..], b""] {
            cbor::map(&mut cbor, 2);
            cbor_record(&mut cbor, Record { key: "k", data });
        }
        let json = br#"{"MillisBehindLatest":300,"NextShardIterator":"AAA=","Records":[{"Data":"YWJjZA==","PartitionKey":"k"},{"Data":"","PartitionKey":"k"}]}"#;
        let expected = Read {
            records: 2,
            bytes: 4,
            next: Some("AAA=".to_owned()),
            behind_ms: 300,
        };
        let mut seen = Vec::new();
        let read = records(Encoding::Cbor, &cbor, &mut |data| seen.push(data.to_vec()));
        assert_eq!(read.as_ref(), Ok(&expected));
        assert_eq!(seen, [&b"abcd"[..], b""]);
        let mut seen = Vec::new();
        let read = records(Encoding::Json, json, &mut |data| seen.push(data.to_vec()));
        assert_eq!(read, Ok(expected));
        assert_eq!(seen, [&b"abcd"[..], b""]);
    }

    #[test]
    fn requests_in_json_are_valid() {
        let record = Record {
            key: "k",
            data: b"abcd",
        };
        let one = put_record(Encoding::Json, "s", record, Some("7"));
        let one: serde_json::Value = serde_json::from_slice(&one).expect("JSON");
        assert_eq!(
            (&one["Data"], &one["ExplicitHashKey"]),
            (&"YWJjZA==".into(), &"7".into())
        );
        let many = put_records(Encoding::Json, "s", &[record, record]);
        let many: serde_json::Value = serde_json::from_slice(&many).expect("JSON");
        assert_eq!(many["Records"][1]["PartitionKey"], "k");
    }

    #[test]
    fn requests_in_cbor_hold_what_those_in_json_do() {
        let record = Record {
            key: "k",
            data: &[0xff; 1000],
        };
        for document in [
            put_record(Encoding::Cbor, "s", record, None),
            put_records(Encoding::Cbor, "s", &[record, record]),
            subscription("arn", "shardId-000000000000", "LATEST"),
        ] {
            let mut reader = Reader::new(&document);
            assert_eq!(reader.skip(), Ok(()));
            assert!(reader.skip().is_err(), "something follows");
        }
    }

    #[test]
    fn iterators_are_found_in_both_notations() {
        let cbor = texts(Encoding::Cbor, &[("ShardIterator", "x")]);
        let json = texts(Encoding::Json, &[("ShardIterator", "x")]);
        assert_eq!(iterator(Encoding::Cbor, &cbor), Ok("x".to_owned()));
        assert_eq!(iterator(Encoding::Json, &json), Ok("x".to_owned()));
        assert!(iterator(Encoding::Json, b"{}").is_err());
    }
}
