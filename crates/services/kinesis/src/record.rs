//! A record as its log keeps it.
//!
//! ```text
//! version u8 = 1, flags u8 (1: encrypted, 2: has a partition key), length of the key u16 little-endian, key, data
//! ```

use bytes::{BufMut, Bytes, BytesMut};
use waystation_delivery::stored::Malformed;
use waystation_wire::Str;

const VERSION: u8 = 1;
const HEAD_BYTES: usize = 4;
const ENCRYPTED: u8 = 1;
const KEYED: u8 = 2;

/// A record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// Absent only where the service distributes records by itself (KIN-232).
    pub(crate) partition_key: Option<Str>,
    pub(crate) data: Bytes,
    /// The stream was encrypted when the record came (KIN-116).
    pub(crate) is_encrypted: bool,
}

impl Record {
    /// Its size as AWS counts it: data and partition key (KIN-075).
    pub(crate) fn size_bytes(&self) -> usize {
        self.data.len() + self.partition_key.as_ref().map_or(0, |key| key.len())
    }

    /// The stored form.
    pub(crate) fn encode(&self) -> Bytes {
        let key = self.partition_key.as_deref().unwrap_or_default();
        let encrypted = if self.is_encrypted { ENCRYPTED } else { 0 };
        let keyed = self.partition_key.as_ref().map_or(0, |_| KEYED);
        let mut out = BytesMut::with_capacity(HEAD_BYTES + key.len() + self.data.len());
        out.put_u8(VERSION);
        out.put_u8(encrypted | keyed);
        // 256 characters are 1,024 bytes at most.
        out.put_u16_le(key.len() as u16);
        out.put_slice(key.as_bytes());
        out.put_slice(&self.data);
        out.freeze()
    }

    /// Reads the stored form without copying it; an unknown version is refused.
    pub(crate) fn decode(stored: &Bytes) -> Result<Record, Malformed> {
        let (head, _) = stored.split_first_chunk::<HEAD_BYTES>().ok_or(Malformed)?;
        let [version, flags, low, high] = *head;
        let key_end = HEAD_BYTES + usize::from(u16::from_le_bytes([low, high]));
        if version != VERSION || flags > ENCRYPTED | KEYED || key_end > stored.len() {
            return Err(Malformed);
        }
        let key = match flags & KEYED {
            0 => None,
            _ => Some(Str::from_utf8(stored.slice(HEAD_BYTES..key_end)).map_err(|_| Malformed)?),
        };
        Ok(Record {
            partition_key: key,
            data: stored.slice(key_end..),
            is_encrypted: flags & ENCRYPTED != 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_survive_the_round_trip() {
        for (key, data, is_encrypted) in [
            (Some("k"), &b"data"[..], false),
            (Some("\u{e4}"), b"", true),
            (None, b"\0\xff", false),
        ] {
            let record = Record {
                partition_key: key.map(Str::from),
                data: Bytes::from_static(data),
                is_encrypted,
            };
            assert_eq!(Record::decode(&record.encode()), Ok(record));
        }
    }

    #[test]
    fn other_bytes_are_no_records() {
        for bad in [
            &b""[..],
            b"\x01\x02\x01",
            b"\x02\x02\0\0",
            b"\x01\x04\0\0",
            b"\x01\x02\x02\0k",
            b"\x01\x02\x01\0\xff",
        ] {
            assert_eq!(
                Record::decode(&Bytes::copy_from_slice(bad)),
                Err(Malformed),
                "{bad:?}"
            );
        }
    }
}
