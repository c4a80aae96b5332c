//! The operations of SQS that the generator calls.

use crate::sign::Api;

/// SQS in its JSON protocol.
pub(crate) static SQS: Api = Api {
    service: "sqs",
    target: "AmazonSQS",
    content_type: "application/x-amz-json-1.0",
    operations: &[
        "CreateQueue",
        "DeleteQueue",
        "GetQueueAttributes",
        "SendMessage",
        "SendMessageBatch",
        "ReceiveMessage",
        "DeleteMessage",
        "DeleteMessageBatch",
    ],
};

/// Operations by their place in the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Operation {
    CreateQueue,
    DeleteQueue,
    GetQueueAttributes,
    SendMessage,
    SendMessageBatch,
    ReceiveMessage,
    DeleteMessage,
    DeleteMessageBatch,
}

impl From<Operation> for usize {
    fn from(operation: Operation) -> usize {
        operation as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_stand_at_their_index() {
        let all = [
            Operation::CreateQueue,
            Operation::DeleteQueue,
            Operation::GetQueueAttributes,
            Operation::SendMessage,
            Operation::SendMessageBatch,
            Operation::ReceiveMessage,
            Operation::DeleteMessage,
            Operation::DeleteMessageBatch,
        ];
        let names: Vec<String> = all.iter().map(|one| format!("{one:?}")).collect();
        assert_eq!(names, SQS.operations);
        assert_eq!(usize::from(Operation::DeleteMessageBatch), 7);
    }
}
