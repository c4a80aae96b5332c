//! Pages of a list (SQS-085..089): how many items, where to go on, and the token that says so.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use waystation_engine::{Row, Scope};
use waystation_wire::{ApiError, Str};

use crate::errors::{invalid_parameter, invalid_value};
use crate::{Sqs, limits};

/// Which page a caller wants.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PageRequest {
    /// Items of the page.
    size: usize,
    /// Whether the caller asked for pages at all: without a size there is no token (SQS-086).
    paged: bool,
    /// Path after its prefix of the last item of the page before.
    after: Option<Vec<u8>>,
}

/// One page.
#[derive(Debug)]
pub(crate) struct Page<T> {
    /// Its items.
    pub(crate) items: Vec<T>,
    /// Where to go on, when there is more.
    pub(crate) next_token: Option<Str>,
}

impl PageRequest {
    /// Checks `MaxResults` and `NextToken`.
    pub(crate) fn parse(
        max_results: Option<i32>,
        next_token: Option<&str>,
    ) -> Result<PageRequest, ApiError> {
        let size = match max_results {
            None => limits::LIST_PAGE_MAX,
            Some(count) => match usize::try_from(count) {
                Ok(size @ 1..=limits::LIST_PAGE_MAX) => size,
                _ => {
                    return Err(invalid_value(
                        count,
                        "MaxResults",
                        "MaxResults must be an integer between 1 and 1000.",
                    ));
                }
            },
        };
        let after = match next_token {
            None => None,
            Some(_) if max_results.is_none() => {
                return Err(invalid_parameter(
                    "MaxResults is a mandatory parameter when you provide a value for NextToken.",
                ));
            }
            Some(token) => Some(decode_token(token)?),
        };
        Ok(PageRequest {
            size,
            paged: max_results.is_some(),
            after,
        })
    }

    /// Walks the rows under a prefix; `item` answers `None` for rows that do not count.
    pub(crate) fn collect<T>(
        &self,
        sqs: &Sqs,
        scope: &Scope,
        prefix: &[u8],
        mut item: impl FnMut(&[u8], &Row) -> Result<Option<T>, ApiError>,
    ) -> Result<Page<T>, ApiError> {
        let mut after = self
            .after
            .as_ref()
            .map(|after| [prefix, after.as_slice()].concat());
        let mut page = Page {
            items: Vec::new(),
            next_token: None,
        };
        loop {
            // One row more than the page holds tells whether there is another page.
            let rows = sqs
                .engine
                .catalog()
                .range(scope, prefix, after.as_deref(), self.size + 1);
            let exhausted = rows.len() <= self.size;
            for (path, row) in rows {
                let suffix = path.get(prefix.len()..).unwrap_or_default();
                let found = item(suffix, &row)?;
                if found.is_some() && page.items.len() == self.size {
                    let last = after.as_deref().and_then(|after| after.get(prefix.len()..));
                    page.next_token = last.filter(|_| self.paged).map(encode_token);
                    return Ok(page);
                }
                page.items.extend(found);
                after = Some(path);
            }
            if exhausted {
                return Ok(page);
            }
        }
    }
}

/// What every token starts with, so that other texts are recognised.
const TOKEN_VERSION: u8 = 1;

fn encode_token(last: &[u8]) -> Str {
    Str::from(URL_SAFE_NO_PAD.encode([&[TOKEN_VERSION], last].concat()))
}

/// SQS-089
fn decode_token(token: &str) -> Result<Vec<u8>, ApiError> {
    let decoded = URL_SAFE_NO_PAD.decode(token).ok();
    let last = decoded
        .as_deref()
        .and_then(|bytes| bytes.split_first())
        .filter(|(version, _)| **version == TOKEN_VERSION);
    match last {
        Some((_, last)) if last.len() <= limits::QUEUE_NAME_LENGTH_MAX => Ok(last.to_vec()),
        _ => Err(invalid_parameter("Invalid or expired next token.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_1_to_1000() {
        // SQS-085, SQS-086
        let size = |max_results| PageRequest::parse(max_results, None).map(|request| request.size);
        assert_eq!(
            (size(None), size(Some(1)), size(Some(1_000))),
            (Ok(1_000), Ok(1), Ok(1_000))
        );
        for bad in [0, -1, 1_001] {
            assert!(size(Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn tokens_are_opaque_and_checked() {
        // SQS-088, SQS-089
        let token = encode_token(b"orders");
        let request = PageRequest::parse(Some(1), Some(&token)).expect("our own token");
        assert_eq!(request.after.as_deref(), Some(b"orders".as_slice()));
        assert!(PageRequest::parse(None, Some(&token)).is_err());
        for bad in ["", "!", "orders", "AA"] {
            assert!(PageRequest::parse(Some(1), Some(bad)).is_err(), "{bad}");
        }
    }
}
