//! Names and settings as services read them: a snapshot of catalog rows, published after the
//! flush that made them durable, so that nobody acts on a name a crash could take back.

use std::any::Any;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use crate::ids::Scope;
use crate::record::RowChange;

/// A row of the catalog.
pub struct Row {
    version: u64,
    bytes: Vec<u8>,
    decoded: OnceLock<Arc<dyn Any + Send + Sync>>,
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Row")
            .field("version", &self.version)
            .finish()
    }
}

impl Row {
    fn new(version: u64, bytes: Vec<u8>) -> Arc<Row> {
        Arc::new(Row {
            version,
            bytes,
            decoded: OnceLock::new(),
        })
    }

    /// Version of the write that made this row.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The value as written.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The value as `decode` reads it; decoded at most once per row and kept. All callers of one
    /// row decode to the same type.
    pub fn decoded<T: Send + Sync + 'static>(&self, decode: impl FnOnce(&[u8]) -> T) -> Arc<T> {
        let mut decode = Some(decode);
        let kept = self.decoded.get_or_init(|| match decode.take() {
            Some(decode) => Arc::new(decode(&self.bytes)),
            None => Arc::new(()),
        });
        match kept.clone().downcast::<T>() {
            Ok(value) => value,
            Err(_) => match decode {
                Some(decode) => Arc::new(decode(&self.bytes)),
                None => unreachable!("a row just decoded has the type it was decoded to"),
            },
        }
    }
}

/// The published catalog of a node.
#[derive(Debug, Default)]
pub struct Catalog {
    rows: RwLock<BTreeMap<Vec<u8>, Arc<Row>>>,
}

impl Catalog {
    /// The row at `path` in `scope`.
    pub fn get(&self, scope: &Scope, path: &[u8]) -> Option<Arc<Row>> {
        let key = scope.key(path);
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        rows.get(&key).cloned()
    }

    /// Up to `limit` rows whose path starts with `prefix`, after the path `after`, in order.
    pub fn range(
        &self,
        scope: &Scope,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Vec<(Vec<u8>, Arc<Row>)> {
        let head = scope.key(b"").len();
        let start = scope.key(prefix);
        let from = match after.map(|after| scope.key(after)) {
            Some(after) if after >= start => Bound::Excluded(after),
            _ => Bound::Included(start.clone()),
        };
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        rows.range((from, Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(&start))
            .take(limit)
            .map(|(key, row)| (key.get(head..).unwrap_or_default().to_vec(), row.clone()))
            .collect()
    }

    /// Every scope that has a row, in order.
    pub fn scopes(&self) -> Vec<Scope> {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        let mut scopes = Vec::new();
        let mut from = Vec::new();
        while let Some((key, _)) = rows.range(from.clone()..).next()
            && let Some(scope) = Scope::of_key(key)
        {
            // All keys of a scope begin with its text and a zero byte: the next scope is past those.
            from = scope.key(b"");
            from.pop();
            from.push(1);
            scopes.push(scope);
        }
        scopes
    }

    /// Makes durable changes visible; a row never goes back to an older version.
    pub(crate) fn publish(&self, version: u64, changes: Vec<RowChange>) {
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        for change in changes {
            let newer = rows
                .get(&change.key)
                .is_none_or(|row| row.version < version);
            match change.value {
                Some(value) if newer => {
                    rows.insert(change.key, Row::new(version, value));
                }
                None if newer => {
                    rows.remove(&change.key);
                }
                _ => {}
            }
        }
    }

    /// Takes in a row found at start.
    pub(crate) fn restore(&self, key: Vec<u8>, version: u64, value: Vec<u8>) {
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        rows.insert(key, Row::new(version, value));
    }
}
