//! The operations of Kinesis that the generator calls, and the two notations of their documents.

use crate::sign::Api;

static JSON: Api = api("application/x-amz-json-1.1");
static CBOR: Api = api("application/x-amz-cbor-1.1");

const fn api(content_type: &'static str) -> Api {
    Api {
        service: "kinesis",
        target: "Kinesis_20131202",
        content_type,
        operations: OPERATIONS,
    }
}

const OPERATIONS: &[&str] = &[
    "CreateStream",
    "DeleteStream",
    "DescribeStreamSummary",
    "RegisterStreamConsumer",
    "DescribeStreamConsumer",
    "PutRecord",
    "PutRecords",
    "GetShardIterator",
    "GetRecords",
    "SubscribeToShard",
];

/// Operations by their place in the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Operation {
    CreateStream,
    DeleteStream,
    DescribeStreamSummary,
    RegisterStreamConsumer,
    DescribeStreamConsumer,
    PutRecord,
    PutRecords,
    GetShardIterator,
    GetRecords,
    SubscribeToShard,
}

impl From<Operation> for usize {
    fn from(operation: Operation) -> usize {
        operation as usize
    }
}

/// How documents are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Encoding {
    /// As the Java SDK and the producer library do.
    Cbor,
    /// As the other SDKs do; data is Base64.
    Json,
}

impl Encoding {
    /// The API in this notation.
    pub(crate) fn api(self) -> &'static Api {
        match self {
            Self::Cbor => &CBOR,
            Self::Json => &JSON,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_stand_at_their_index() {
        let all = [
            Operation::CreateStream,
            Operation::DeleteStream,
            Operation::DescribeStreamSummary,
            Operation::RegisterStreamConsumer,
            Operation::DescribeStreamConsumer,
            Operation::PutRecord,
            Operation::PutRecords,
            Operation::GetShardIterator,
            Operation::GetRecords,
            Operation::SubscribeToShard,
        ];
        let names: Vec<String> = all.iter().map(|one| format!("{one:?}")).collect();
        assert_eq!(names, OPERATIONS);
        assert_eq!(
            usize::from(Operation::SubscribeToShard),
            OPERATIONS.len() - 1
        );
    }
}
