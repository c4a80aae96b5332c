//! The default view: fjall, a log-structured merge tree in pure Rust, with its syncing left to `flush`.

use std::path::Path;

use bytes::Bytes;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use super::{View, ViewVisitor, ViewWrite};
use crate::StorageError;
use crate::limits::{
    VIEW_CACHE_BYTES_DEFAULT, VIEW_FILES_OPEN_MAX, VIEW_JOURNAL_BYTES_MAX,
    VIEW_MEMTABLE_BYTES_DEFAULT,
};

/// The one keyspace; kinds of rows are told apart by their keys.
const KEYSPACE: &str = "state";

/// Memory bounds of the view. Memory grows with use; an idle view holds next to nothing.
#[derive(Clone, Debug)]
pub struct ViewOptions {
    /// Blocks kept for reading.
    pub cache_bytes: u64,
    /// Writes kept before they become a sorted table.
    pub memtable_bytes: u64,
}

impl Default for ViewOptions {
    fn default() -> Self {
        Self {
            cache_bytes: VIEW_CACHE_BYTES_DEFAULT,
            memtable_bytes: VIEW_MEMTABLE_BYTES_DEFAULT,
        }
    }
}

/// A view in a directory of its own.
pub struct FjallView {
    database: Database,
    keyspace: Keyspace,
}

impl FjallView {
    /// Opens or creates the view.
    ///
    /// # Errors
    /// Whatever fjall reports: an I/O error, or files that it does not recognise.
    pub fn open(path: &Path, options: ViewOptions) -> Result<Self, StorageError> {
        let database = Database::builder(path)
            .cache_size(options.cache_bytes)
            .worker_threads(1)
            .max_journaling_size(VIEW_JOURNAL_BYTES_MAX)
            .max_cached_files(Some(VIEW_FILES_OPEN_MAX))
            .open()
            .map_err(failed("open"))?;
        let settings =
            || KeyspaceCreateOptions::default().max_memtable_size(options.memtable_bytes);
        let keyspace = database
            .keyspace(KEYSPACE, settings)
            .map_err(failed("open its keyspace"))?;
        Ok(Self { database, keyspace })
    }
}

impl View for FjallView {
    fn write(&self, batch: &[ViewWrite]) -> Result<(), StorageError> {
        let mut changes = self.database.batch();
        for (key, value) in batch {
            match value {
                Some(value) => changes.insert(&self.keyspace, key.as_slice(), value.as_ref()),
                None => changes.remove(&self.keyspace, key.as_slice()),
            }
        }
        changes.commit().map_err(failed("write"))
    }

    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        let value = self.keyspace.get(key).map_err(failed("read"))?;
        Ok(value.map(|value| Bytes::copy_from_slice(&value)))
    }

    fn scan(&self, prefix: &[u8], visit: ViewVisitor<'_>) -> Result<(), StorageError> {
        for entry in self.keyspace.prefix(prefix) {
            let (key, value) = entry.into_inner().map_err(failed("scan"))?;
            if visit(&key, &value).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn flush(&self) -> Result<(), StorageError> {
        self.database
            .persist(PersistMode::SyncData)
            .map_err(failed("flush"))
    }
}

fn failed(operation: &'static str) -> impl FnOnce(fjall::Error) -> StorageError {
    move |error| StorageError::View {
        operation,
        what: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::disk::scratch::Scratch;

    fn put(key: &str, value: &str) -> ViewWrite {
        (
            key.as_bytes().to_vec(),
            Some(Bytes::copy_from_slice(value.as_bytes())),
        )
    }

    fn keys(view: &FjallView, prefix: &str, limit: usize) -> Vec<String> {
        let mut keys = Vec::new();
        view.scan(prefix.as_bytes(), &mut |key, value| {
            keys.push(format!(
                "{}={}",
                String::from_utf8_lossy(key),
                String::from_utf8_lossy(value)
            ));
            if keys.len() == limit {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
        .expect("scans");
        keys
    }

    #[test]
    fn batches_are_read_back_in_key_order_also_after_reopening() {
        let scratch = Scratch::new("view");
        let view = FjallView::open(scratch.path(), ViewOptions::default()).expect("opens");
        view.write(&[put("b/2", "two"), put("a/1", "one"), put("b/1", "first")])
            .expect("writes");
        view.write(&[
            put("b/1", "second"),
            (b"a/1".to_vec(), None),
            put("c", "last"),
            put("c", "wins"),
        ])
        .expect("writes");
        view.write(&[]).expect("an empty batch");
        for _ in 0..2 {
            assert_eq!(
                view.get(b"b/1").expect("reads").as_deref(),
                Some(b"second".as_slice())
            );
            assert_eq!(view.get(b"a/1").expect("reads"), None);
        }
        assert_eq!(keys(&view, "b/", 9), ["b/1=second", "b/2=two"]);
        assert_eq!(keys(&view, "", 9), ["b/1=second", "b/2=two", "c=wins"]);
        assert_eq!(keys(&view, "", 1), ["b/1=second"]);
        view.flush().expect("flushes");
        drop(view);
        let view = FjallView::open(scratch.path(), ViewOptions::default()).expect("opens again");
        assert_eq!(keys(&view, "", 9), ["b/1=second", "b/2=two", "c=wins"]);
    }

    #[test]
    fn a_view_larger_than_its_memtable_stays_whole() {
        let scratch = Scratch::new("view-large");
        let options = ViewOptions {
            cache_bytes: 1 << 20,
            memtable_bytes: 1 << 20,
        };
        let view = FjallView::open(scratch.path(), options.clone()).expect("opens");
        let value = Bytes::from(vec![7; 10_000]);
        for batch in 0..50_u32 {
            let writes: Vec<_> = (0..20)
                .map(|number| {
                    (
                        (batch * 20 + number).to_be_bytes().to_vec(),
                        Some(value.clone()),
                    )
                })
                .collect();
            view.write(&writes).expect("writes");
        }
        view.flush().expect("flushes");
        drop(view);
        let view = FjallView::open(scratch.path(), options).expect("opens again");
        let mut next = 0_u32;
        view.scan(&[], &mut |key, read| {
            assert_eq!((key, read), (next.to_be_bytes().as_slice(), value.as_ref()));
            next += 1;
            ControlFlow::Continue(())
        })
        .expect("scans");
        assert_eq!(next, 1000);
    }
}
