//! Packs: what still lives of mostly dead segments stands together in one file, so that a few old messages do not keep 64 MB
//! each, and what outlives its retention at about the same time goes with one unlink (decision 20).
//!
//! `places` says where survivors are and how much of each place lives, `write` moves some into a pack, `format` is the file,
//! `shelf` which pack has which segment, `run` reads neighbours. References stay as they are; a pack translates them.

mod format;
mod places;
mod relocated;
mod run;
mod shelf;
mod write;

use std::sync::Arc;

use super::segments::{Opened, StoredFile};
use crate::{Disk, DiskFile, Open, StorageError};
pub(crate) use format::Head;
pub use places::Place;
pub(crate) use relocated::Translation;
pub(crate) use shelf::{Pack, PackId, Shelf};
pub use write::{Draft, Packed};

/// Where what is in a pack.
pub(crate) enum Table {
    Head(Head),
    Relocated(Translation),
}

/// Name of a pack's file.
fn pack_name(number: u64) -> String {
    format!("{number:016x}.pak")
}

impl Pack {
    /// The pack that has this head.
    pub(super) fn new(head: &Head) -> Pack {
        Pack {
            id: PackId::Numbered(head.number),
            stored: StoredFile::closed(pack_name(head.number)),
            segments: head.segments.clone(),
            bytes: head.file_bytes,
            expires_ms: head.expires_ms,
        }
    }

    /// The pack in a file.
    pub(super) fn load(disk: &dyn Disk, name: String, id: PackId) -> Result<Pack, StorageError> {
        let file = disk.open(&name, Open::Existing);
        let file = file.map_err(StorageError::io("open", &name))?;
        match id {
            PackId::Numbered(number) => Ok(Pack::new(&Head::load(file.as_ref(), &name, number)?)),
            PackId::Relocated(segment) => {
                let bytes = file.len();
                let bytes = bytes.map_err(StorageError::io("read the length of", &name))?;
                Ok(Pack {
                    id,
                    stored: StoredFile::closed(name),
                    segments: vec![segment],
                    bytes,
                    expires_ms: None,
                })
            }
        }
    }
}

impl Table {
    /// Reads and verifies what tells where everything is.
    pub(crate) fn load(file: &dyn DiskFile, pack: &Pack) -> Result<Table, StorageError> {
        let name = &pack.stored.name;
        Ok(match pack.id {
            PackId::Numbered(number) => Table::Head(Head::load(file, name, number)?),
            PackId::Relocated(segment) => Table::Relocated(Translation::load(file, name, segment)?),
        })
    }
}

impl Opened {
    /// Where the section that was at an offset of a segment is in the pack.
    pub(super) fn place(&self, pack: &Pack, key: (u32, u32)) -> Result<Option<u64>, StorageError> {
        Finder::new(self, pack).find(key)
    }
}

/// Finds one section after the other; neighbours in the table cost one read.
struct Finder<'a> {
    opened: &'a Opened,
    pack: &'a Pack,
    block: Option<(usize, format::Block)>,
}

impl<'a> Finder<'a> {
    fn new(opened: &'a Opened, pack: &'a Pack) -> Finder<'a> {
        Finder {
            opened,
            pack,
            block: None,
        }
    }

    fn find(&mut self, key: (u32, u32)) -> Result<Option<u64>, StorageError> {
        let table = self.opened.table.as_ref().map(Arc::as_ref);
        let head = match table {
            Some(Table::Head(head)) => head,
            Some(Table::Relocated(table)) => return Ok(table.find(key.1.into())),
            None => return Ok(None),
        };
        let Some(number) = head.block_of(key) else {
            return Ok(None);
        };
        let block = match self.block.take() {
            Some((known, block)) if known == number => block,
            _ => head.block(self.opened.file.as_ref(), &self.pack.stored.name, number)?,
        };
        let found = block.find(key);
        self.block = Some((number, block));
        Ok(found)
    }
}
