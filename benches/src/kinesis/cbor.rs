//! As much of CBOR (RFC 8949) as requests and answers of Kinesis need: written without a detour, read by walking over the
//! bytes, so that 10 MB of records cost a step per member and no copy.
//!
//! Written apart from the server's codec on purpose, so that each checks the other.

mod major {
    pub(super) const UNSIGNED: u8 = 0;
    pub(super) const BYTES: u8 = 2;
    pub(super) const TEXT: u8 = 3;
    pub(super) const ARRAY: u8 = 4;
    pub(super) const MAP: u8 = 5;
    pub(super) const TAG: u8 = 6;
    pub(super) const SIMPLE: u8 = 7;
}

/// The end of something whose length is open.
const BREAK: u8 = 0xff;

/// Appends the head of a map of so many members.
pub(crate) fn map(out: &mut Vec<u8>, members: usize) {
    head(out, major::MAP, members as u64);
}

/// Appends the head of a list of so many elements.
pub(crate) fn array(out: &mut Vec<u8>, elements: usize) {
    head(out, major::ARRAY, elements as u64);
}

/// Appends a text.
pub(crate) fn text(out: &mut Vec<u8>, text: &str) {
    head(out, major::TEXT, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Appends bytes.
pub(crate) fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    head(out, major::BYTES, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn head(out: &mut Vec<u8>, major: u8, argument: u64) {
    let major = major << 5;
    if argument < 24 {
        out.push(major | argument as u8);
    } else if let Ok(argument) = u8::try_from(argument) {
        out.extend_from_slice(&[major | 24, argument]);
    } else if let Ok(argument) = u16::try_from(argument) {
        out.push(major | 25);
        out.extend_from_slice(&argument.to_be_bytes());
    } else if let Ok(argument) = u32::try_from(argument) {
        out.push(major | 26);
        out.extend_from_slice(&argument.to_be_bytes());
    } else {
        out.push(major | 27);
        out.extend_from_slice(&argument.to_be_bytes());
    }
}

/// A value, or the beginning of one that has parts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Item<'a> {
    /// An integer that is not negative.
    Unsigned(u64),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A text, not checked to be one.
    Text(&'a [u8]),
    /// A list; `None` when its end is open.
    Array(Option<u64>),
    /// A map; `None` when its end is open.
    Map(Option<u64>),
    /// What says what the next value means.
    Tag,
    /// A negative or floating number, a boolean or nothing.
    Other,
    /// The end of what was open.
    Break,
}

/// Takes a member or element, all of it.
pub(crate) type Each<'e, 'a, K> = &'e mut dyn FnMut(K, &mut Reader<'a>) -> Result<(), String>;

/// A position in a document.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// At the beginning.
    pub(crate) fn new(document: &'a [u8]) -> Self {
        Self { rest: document }
    }

    /// The next value, or its beginning.
    pub(crate) fn item(&mut self) -> Result<Item<'a>, String> {
        let first = self.number(1)? as u8;
        let (major, low) = (first >> 5, first & 31);
        let argument = match low {
            0..=23 => Some(u64::from(low)),
            24..=27 => Some(self.number(1 << (low - 24))?),
            31 => None,
            _ => return Err(format!("no CBOR: a first byte of {first:#x}")),
        };
        Ok(match (major, argument) {
            (major::UNSIGNED, Some(number)) => Item::Unsigned(number),
            (major::BYTES, Some(length)) => Item::Bytes(self.take(length)?),
            (major::TEXT, Some(length)) => Item::Text(self.take(length)?),
            (major::ARRAY, count) => Item::Array(count),
            (major::MAP, count) => Item::Map(count),
            (major::TAG, Some(_)) => Item::Tag,
            (major::SIMPLE, None) => Item::Break,
            (_, Some(_)) => Item::Other,
            (_, None) => return Err("a text or bytes in pieces".to_owned()),
        })
    }

    /// Reads a map; each member is given by its name and has to be read.
    pub(crate) fn members(&mut self, each: Each<'_, 'a, &'a [u8]>) -> Result<(), String> {
        match self.item()? {
            Item::Map(count) => self.members_of(count, each),
            other => Err(format!("{other:?} instead of a map")),
        }
    }

    /// Reads a list; each element has to be read.
    pub(crate) fn elements(&mut self, each: Each<'_, 'a, ()>) -> Result<(), String> {
        match self.item()? {
            Item::Array(count) => self.elements_of(count, each),
            other => Err(format!("{other:?} instead of a list")),
        }
    }

    /// Reads a value that nobody wants.
    pub(crate) fn skip(&mut self) -> Result<(), String> {
        match self.item()? {
            Item::Tag => self.skip(),
            Item::Array(count) => self.elements_of(count, &mut |(), element| element.skip()),
            Item::Map(count) => self.members_of(count, &mut |_, member| member.skip()),
            Item::Break => Err("an end of nothing".to_owned()),
            _ => Ok(()),
        }
    }

    fn members_of(
        &mut self,
        count: Option<u64>,
        each: Each<'_, 'a, &'a [u8]>,
    ) -> Result<(), String> {
        self.elements_of(count, &mut |(), member| match member.item()? {
            Item::Text(name) => each(name, member),
            other => Err(format!("{other:?} instead of a name")),
        })
    }

    fn elements_of(&mut self, count: Option<u64>, each: Each<'_, 'a, ()>) -> Result<(), String> {
        let mut left = count;
        loop {
            match &mut left {
                Some(0) => return Ok(()),
                Some(left) => *left -= 1,
                None if self.rest.first() == Some(&BREAK) => return self.item().map(drop),
                None => {}
            }
            each((), self)?;
        }
    }

    fn number(&mut self, bytes: u64) -> Result<u64, String> {
        let bytes = self.take(bytes)?;
        Ok(bytes
            .iter()
            .fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn take(&mut self, bytes: u64) -> Result<&'a [u8], String> {
        let split = usize::try_from(bytes)
            .ok()
            .and_then(|bytes| self.rest.split_at_checked(bytes));
        let (taken, rest) = split.ok_or("a document that was cut off")?;
        self.rest = rest;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let mut out = Vec::new();
        map(&mut out, 2);
        text(&mut out, "Records");
        array(&mut out, 2);
        bytes(&mut out, &[7; 300]);
        bytes(&mut out, &[]);
        text(&mut out, "Name");
        text(&mut out, "x");
        let (mut lengths, mut names) = (Vec::new(), Vec::new());
        let mut reader = Reader::new(&out);
        let read = reader.members(&mut |name, value| {
            names.push(name.to_vec());
            if name != b"Records" {
                return value.skip();
            }
            value.elements(&mut |(), element| {
                if let Item::Bytes(bytes) = element.item()? {
                    lengths.push(bytes.len());
                }
                Ok(())
            })
        });
        assert_eq!(read, Ok(()));
        assert_eq!((lengths, names.len()), (vec![300, 0], 2));
        assert!(reader.rest.is_empty());
        for cut in 0..out.len() {
            assert!(Reader::new(&out[..cut]).skip().is_err(), "{cut}");
        }
    }

    /// Examples of appendix A of the RFC: open lengths, a tag, numbers of every size, what is not there.
    #[test]
    fn whole_values_are_passed_over() {
        for document in [
            &b"\xbf\x61\x61\x01\x61\x62\x9f\x02\x03\xff\xff"[..],
            b"\xc1\x1a\x51\x4b\x67\xb0",
            b"\x1b\x00\x00\x00\xe8\xd4\xa5\x10\x00",
            b"\xfb\x3f\xf1\x99\x99\x99\x99\x99\x9a",
            b"\x83\x20\xf6\xf5",
        ] {
            let mut reader = Reader::new(document);
            assert_eq!(reader.skip(), Ok(()), "{document:x?}");
            assert!(reader.rest.is_empty(), "{document:x?}");
        }
        assert_eq!(Reader::new(b"\x18\x64").item(), Ok(Item::Unsigned(100)));
        assert!(Reader::new(b"\x5f\x41\x00\xff").skip().is_err());
        assert!(Reader::new(b"\x1c").skip().is_err());
    }
}
