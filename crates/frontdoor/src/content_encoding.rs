//! Bodies that came compressed, as SDKs send large ones where an API's model allows it (CloudWatch). A signature covers the body
//! as it was sent (IDN-020), so both forms are kept until it is checked.

use std::io::Read;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

use crate::body::{BodyError, Reserved};

/// The body without its compression; `None` when it came without one. It counts against the limits of bodies like any other.
pub(crate) fn undone(
    body: &Bytes,
    headers: &HeaderMap,
    body_bytes_max: usize,
    reserved: &mut Reserved,
) -> Result<Option<Bytes>, BodyError> {
    let encoding = headers.get(CONTENT_ENCODING);
    if !encoding.is_some_and(|name| name.as_bytes().eq_ignore_ascii_case(b"gzip")) {
        return Ok(None);
    }
    let mut plain = Vec::new();
    let mut decoder = MultiGzDecoder::new(&body[..]).take(body_bytes_max as u64 + 1);
    let mut piece = [0; 16 * 1024];
    loop {
        let count = decoder.read(&mut piece).map_err(|_| BodyError::Broken)?;
        if count == 0 {
            return Ok(Some(Bytes::from(plain)));
        }
        if plain.len() + count > body_bytes_max {
            return Err(BodyError::TooLarge);
        }
        reserved.grow_to(body.len() + plain.len() + count)?;
        plain.extend_from_slice(piece.get(..count).unwrap_or_default());
    }
}
