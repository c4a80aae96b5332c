//! `Str`: immutable text that shares the buffer of the request it was decoded from.
//!
//! A decoded request holds one body buffer and many strings; sharing makes a 64 KiB message body cost a reference count
//! instead of a copy. The price: a `Str` keeps its whole request alive, so what goes into long-lived state is detached first.

use bytes::Bytes;
use bytestring::ByteString;
use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;

/// Binary data of the wire; shares its buffer like [`Str`] does.
pub type Blob = Bytes;

/// Immutable UTF-8 text, cheap to clone, possibly a slice of a larger buffer.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Str(ByteString);

/// The bytes given to [`Str::from_utf8`] were not UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotUtf8;

impl fmt::Display for NotUtf8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes are not valid UTF-8")
    }
}

impl std::error::Error for NotUtf8 {}

impl Str {
    /// Text without an allocation.
    pub const fn from_static(text: &'static str) -> Str {
        Str(ByteString::from_static(text))
    }

    /// Takes bytes as text without copying them.
    pub fn from_utf8(bytes: Bytes) -> Result<Str, NotUtf8> {
        ByteString::try_from(bytes).map(Str).map_err(|_| NotUtf8)
    }

    /// The text as `str`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text's bytes, sharing the buffer.
    pub fn as_bytes(&self) -> &Bytes {
        self.0.as_bytes()
    }

    /// The buffer itself, without a copy.
    pub fn into_bytes(self) -> Bytes {
        self.0.into_bytes()
    }

    /// A copy of its own: use it for everything that outlives the request.
    pub fn detach(&self) -> Str {
        Str(ByteString::from(&*self.0))
    }

    /// A part of this text that shares its buffer. `part` must be a slice of this very text; other text is copied.
    pub fn share(&self, part: &str) -> Str {
        let (outer, inner) = (
            self.0.as_bytes().as_ptr_range(),
            part.as_bytes().as_ptr_range(),
        );
        if part.is_empty() {
            Str::default()
        } else if outer.start <= inner.start && inner.end <= outer.end {
            Str(self.0.slice_ref(part))
        } else {
            Str(ByteString::from(part))
        }
    }
}

impl Deref for Str {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Str {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl AsRef<[u8]> for Str {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl Borrow<str> for Str {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<String> for Str {
    fn from(text: String) -> Str {
        Str(ByteString::from(text))
    }
}

impl From<&'static str> for Str {
    fn from(text: &'static str) -> Str {
        Str::from_static(text)
    }
}

impl From<Str> for String {
    fn from(text: Str) -> String {
        text.0.to_string()
    }
}

impl PartialEq<str> for Str {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other
    }
}

impl PartialEq<&str> for Str {
    fn eq(&self, other: &&str) -> bool {
        *self.0 == **other
    }
}

impl fmt::Display for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&*self.0, f)
    }
}

impl fmt::Debug for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_share_the_buffer_and_detach_leaves_it() {
        let whole = Str::from(String::from("queue-url and body"));
        let part = whole.share(&whole[14..]);
        assert_eq!(part, "body");
        assert_eq!(part.as_bytes().as_ptr(), whole[14..].as_ptr());
        assert_ne!(part.detach().as_bytes().as_ptr(), part.as_bytes().as_ptr());
        assert_eq!(whole.share("elsewhere"), "elsewhere");
    }

    #[test]
    fn bytes_that_are_not_text_are_refused() {
        assert_eq!(Str::from_utf8(Bytes::from_static(b"\xff")), Err(NotUtf8));
    }
}
