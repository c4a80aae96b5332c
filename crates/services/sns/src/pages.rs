//! Pages of lists: rows of the catalog in order, 100 at a time (SNS-040, SNS-118). A token is the path of the last row.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use waystation_engine::{Row, Scope};
use waystation_wire::{ApiError, Str};

use crate::errors::invalid;
use crate::{Sns, limits};

const TOKEN_VERSION: u8 = 1;

/// A page.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next_token: Option<Str>,
}

/// The page of rows under a prefix that a token leads to; `item` answers `None` for rows that do not count.
pub(crate) fn page<T>(
    sns: &Sns,
    scope: &Scope,
    prefix: &[u8],
    token: Option<&str>,
    item: impl FnMut(&[u8], &Row) -> Result<Option<T>, ApiError>,
) -> Result<Page<T>, ApiError> {
    page_of(sns, scope, prefix, token, limits::LIST_PAGE, item)
}

/// The same with a size of its own.
pub(crate) fn page_of<T>(
    sns: &Sns,
    scope: &Scope,
    prefix: &[u8],
    token: Option<&str>,
    most: usize,
    mut item: impl FnMut(&[u8], &Row) -> Result<Option<T>, ApiError>,
) -> Result<Page<T>, ApiError> {
    let mut after = token
        .map(|token| decode(token).map(|rest| [prefix, &rest].concat()))
        .transpose()?;
    let mut items = Vec::new();
    loop {
        // One row more than the page holds tells whether there is another page.
        let rows = sns
            .engine
            .catalog()
            .range(scope, prefix, after.as_deref(), most + 1);
        let is_last = rows.len() <= most;
        for (path, row) in rows {
            let found = item(path.get(prefix.len()..).unwrap_or_default(), &row)?;
            if found.is_some() && items.len() == most {
                let last = after.as_deref().and_then(|after| after.get(prefix.len()..));
                let next_token = last.map(encode);
                return Ok(Page { items, next_token });
            }
            items.extend(found);
            after = Some(path);
        }
        if is_last {
            let next_token = None;
            return Ok(Page { items, next_token });
        }
    }
}

fn encode(rest: &[u8]) -> Str {
    Str::from(URL_SAFE_NO_PAD.encode([&[TOKEN_VERSION], rest].concat()))
}

fn decode(token: &str) -> Result<Vec<u8>, ApiError> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    match bytes.as_deref().and_then(<[u8]>::split_first) {
        Some((&TOKEN_VERSION, rest)) if rest.len() <= 2 * limits::TOPIC_NAME_LENGTH_MAX + 64 => {
            Ok(rest.to_vec())
        }
        _ => Err(invalid("NextToken")),
    }
}
