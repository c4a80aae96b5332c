//! Names: from the model's to Rust's.

/// Words that cannot be fields.
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "box", "break", "const", "continue", "do", "dyn", "else",
    "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop",
    "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "static",
    "struct", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual",
    "where", "while", "yield",
];

/// A field's name: `MD5OfMessageBody` becomes `md5_of_message_body`.
pub(crate) fn field(name: &str) -> String {
    let snake = snake(name);
    match snake.as_str() {
        "self" | "super" | "crate" => format!("{snake}_"),
        keyword if KEYWORDS.contains(&keyword) => format!("r#{snake}"),
        _ => snake,
    }
}

/// Types that generated code names itself; a structure called like one of them gets a longer name.
const TAKEN_TYPES: &[&str] = &[
    "Blob",
    "Box",
    "Dialect",
    "EmptyAnswer",
    "ErrorKind",
    "Gate",
    "LengthShape",
    "ListShape",
    "Location",
    "Map",
    "MapShape",
    "Model",
    "None",
    "OperationModel",
    "Option",
    "Pattern",
    "Protocol",
    "RangeShape",
    "Serialization",
    "Shape",
    "Some",
    "Str",
    "TextShape",
    "Timestamp",
    "TimestampFormat",
    "Validation",
    "Vec",
];

/// Tables that generated code names itself.
const TAKEN_TABLES: &[&str] = &[
    "BLOB",
    "BOOLEAN",
    "DOUBLE",
    "FLOAT",
    "INTEGER",
    "LONG",
    "MODEL",
    "PLAIN_TEXT",
    "TEXT",
    "TIMESTAMP",
];

/// An error's name: `QueueDoesNotExist` becomes `QUEUE_DOES_NOT_EXIST`.
pub(crate) fn error(name: &str) -> String {
    snake(name).to_uppercase()
}

/// A table's name: `SendMessageRequest` becomes `SEND_MESSAGE_REQUEST`. Shapes of errors share their name with the error.
pub(crate) fn table(name: &str, is_error: bool) -> String {
    let table = snake(name).to_uppercase();
    let taken = is_error || TAKEN_TABLES.contains(&table.as_str());
    if taken {
        format!("{table}_SHAPE")
    } else {
        table
    }
}

/// A structure's name. Models start some with a small letter.
pub(crate) fn structure(name: &str) -> String {
    let mut characters = name.chars().filter(|character| character.is_alphanumeric());
    let first = characters.next().into_iter().flat_map(char::to_uppercase);
    let name: String = first.chain(characters).collect();
    if TAKEN_TYPES.contains(&name.as_str()) {
        format!("{name}Structure")
    } else {
        name
    }
}

/// A new word starts at a capital after a small letter or digit, and at the last capital of several.
fn snake(name: &str) -> String {
    let characters: Vec<char> = name.chars().collect();
    let mut snake = String::new();
    for (at, character) in characters.iter().enumerate() {
        if !character.is_alphanumeric() {
            snake.push('_');
            continue;
        }
        let before = at.checked_sub(1).and_then(|before| characters.get(before));
        let after = characters.get(at + 1);
        let starts = character.is_uppercase()
            && before.is_some_and(|before| {
                before.is_lowercase()
                    || before.is_ascii_digit()
                    || (before.is_uppercase() && after.is_some_and(|after| after.is_lowercase()))
            });
        if starts {
            snake.push('_');
        }
        snake.extend(character.to_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_aws_names() {
        for (model, rust) in [
            ("QueueUrl", "queue_url"),
            ("MD5OfMessageBody", "md5_of_message_body"),
            ("AWSAccountIds", "aws_account_ids"),
            ("QueueOwnerAWSAccountId", "queue_owner_aws_account_id"),
            ("queueUrls", "queue_urls"),
            ("KMSMasterKeyId", "kms_master_key_id"),
            ("Type", "r#type"),
            ("x-amz-id", "x_amz_id"),
        ] {
            assert_eq!(field(model), rust);
        }
        assert_eq!(
            table("SendMessageBatchRequest", false),
            "SEND_MESSAGE_BATCH_REQUEST"
        );
        assert_eq!(structure("tag"), "Tag");
        assert_eq!(structure("Option"), "OptionStructure");
        assert_eq!(table("Timestamp", false), "TIMESTAMP_SHAPE");
    }
}
