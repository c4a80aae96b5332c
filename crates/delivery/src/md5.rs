//! MD5 digests of bodies and attributes (section 8). Every SDK checks them, so a wrong one fails the caller (SQS-160).

use md5::{Digest, Md5};

/// A digest as 16 bytes; responses show it as lower-case hexadecimal text.
pub type Md5Digest = [u8; 16];

/// One attribute as the digest sees it.
#[derive(Debug, Clone, Copy)]
pub struct DigestItem<'a> {
    /// The attribute's name.
    pub name: &'a str,
    /// The data type with its custom label.
    pub data_type: &'a str,
    /// The text, or the raw bytes of a binary attribute (SQS-154).
    pub value: &'a [u8],
}

/// The digest of a body (SQS-150).
pub fn of_body(body: &[u8]) -> Md5Digest {
    Md5::digest(body).into()
}

/// The digest of attributes that stand in ascending order of their names' bytes (SQS-151..154).
pub fn of_attributes<'a>(sorted: impl IntoIterator<Item = DigestItem<'a>>) -> Md5Digest {
    let mut digest = Md5::new();
    let mut before: Option<&str> = None;
    for item in sorted {
        debug_assert!(
            before.is_none_or(|name| name < item.name),
            "attributes must be sorted by name"
        );
        before = Some(item.name);
        update_with_length(&mut digest, item.name.as_bytes());
        update_with_length(&mut digest, item.data_type.as_bytes());
        digest.update([transport_type(item.data_type)]);
        update_with_length(&mut digest, item.value);
    }
    digest.finalize().into()
}

/// The digest as responses show it.
pub fn hex(digest: &Md5Digest) -> String {
    crate::hexadecimal::encode(digest)
}

/// SQS-153: 2 for binary values, 1 for text.
fn transport_type(data_type: &str) -> u8 {
    if data_type.starts_with("Binary") {
        2
    } else {
        1
    }
}

fn update_with_length(digest: &mut Md5, bytes: &[u8]) {
    // Names, types and values lie far below 4 GB: a message has 1 MiB at most.
    let length = bytes.len() as u32;
    digest.update(length.to_be_bytes());
    digest.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string<'a>(name: &'a str, value: &'a str) -> DigestItem<'a> {
        DigestItem {
            name,
            data_type: "String",
            value: value.as_bytes(),
        }
    }

    fn number<'a>(name: &'a str, value: &'a str) -> DigestItem<'a> {
        DigestItem {
            name,
            data_type: "Number",
            value: value.as_bytes(),
        }
    }

    #[test]
    fn bodies_of_table_8_1() {
        // SQS-150
        assert_eq!(hex(&of_body(b"msg")), "6e2baaf3b97dbeef01c0043275f9a0e7");
        assert_eq!(
            hex(&of_body(b"message-body-1")),
            "19c9e282d65f9733bc6b35d50062c7ee"
        );
        assert_eq!(
            hex(&of_body(b"message")),
            "78e731027d8fd50ed642340b7c9a63b3"
        );
    }

    #[test]
    fn attributes_of_table_8_1() {
        // SQS-151, SQS-152, SQS-153, SQS-154
        let digest = |items: &[DigestItem<'_>]| hex(&of_attributes(items.iter().copied()));
        assert_eq!(
            digest(&[string("Foo", "Bar")]),
            "ae7155c6026991b6d54b11589678bf9c"
        );
        let all = [
            string("General", "Kenobi"),
            string("Hello", "There"),
            string("Help.Me", "Me"),
        ];
        assert_eq!(digest(&all), "4c360f3fdafd970e05fae2f149d997f5");
        assert_eq!(digest(&all[..2]), "fca026605781cb4126a1e9044df24232");
        assert_eq!(digest(&all[1..2]), "a311262e065454b75da111d535b8dacd");
        assert_eq!(
            digest(&[number("attr1", "19.12")]),
            "1f07082409022a373fa2a2601f82b3cb"
        );
        assert_eq!(
            digest(&[number("attr1", "99.12"), number("attr2", "109.12")]),
            "9b720b3af309c1c4b0d395c53b08c502"
        );
        let trace = b"traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01";
        let binary = DigestItem {
            name: "attr1",
            data_type: "Binary",
            value: trace,
        };
        assert_eq!(digest(&[binary]), "8cbe4db156db8a94db8b801b7addb984");
    }

    #[test]
    fn system_attributes_of_table_8_1() {
        // SQS-156
        let trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
        assert_eq!(
            hex(&of_attributes([string("AWSTraceHeader", trace)])),
            "5ae4d5d7636402d80f4eb6d213245a88"
        );
    }
}
