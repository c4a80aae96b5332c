//! Cursors: how far readers of a log got, durably.
//!
//! What a reader passes on and the step of its cursor are one record, so a crash neither repeats nor skips an entry.
//! As long as a cursor is open its reader gets nothing of what is published to the log directly; whoever closes it does so
//! in the record that leaves no entry behind it. So there is no moment at which an entry reaches the reader both ways or
//! neither (decision 19).

use super::Log;
use crate::codec::{Malformed, Reader, Writer};
use crate::ids::LogId;
use crate::publication::{Label, Logged};
use crate::shard::{At, Shard};

/// A cursor of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Tells it from earlier ones of its name, which have lower numbers.
    pub number: u64,
    /// The first position that its reader has not passed on.
    pub position: u64,
}

impl Cursor {
    pub(crate) fn encode(self, out: &mut Writer) {
        out.u64(self.number).u64(self.position);
    }

    pub(crate) fn decode(input: &mut Reader<'_>) -> Result<Cursor, Malformed> {
        Ok(Cursor {
            number: input.u64()?,
            position: input.u64()?,
        })
    }
}

impl Shard {
    /// Opens a cursor, unless one of its name is as new.
    pub(crate) fn open_cursor(&mut self, id: LogId, name: Label, cursor: Cursor, at: &At) {
        if let Some(log) = self.logs.get_mut(&id) {
            let known = log.cursors.get(&name);
            if known.is_none_or(|known| known.number < cursor.number) {
                log.cursors.insert(name, cursor);
                log.changed(at);
            }
        }
    }

    /// Closes a cursor.
    pub(crate) fn close_cursor(&mut self, id: LogId, name: Label, at: &At) {
        if let Some(log) = self.logs.get_mut(&id)
            && log.cursors.remove(&name).is_some()
        {
            log.changed(at);
        }
    }

    /// What a publication did to a log.
    pub(crate) fn logged(&mut self, logged: Logged, at: &At) {
        match logged {
            Logged::Entry { log, position } => self.log_appended(log, position, at),
            Logged::Cursor {
                log,
                name,
                closed: true,
                ..
            } => self.close_cursor(log, name, at),
            Logged::Cursor {
                log,
                name,
                position,
                closed: false,
            } => {
                if let Some(log) = self.logs.get_mut(&log)
                    && let Some(cursor) = log.cursors.get_mut(&name)
                {
                    cursor.position = position;
                    log.changed(at);
                }
            }
        }
    }
}

impl Log {
    pub(super) fn encode_cursors(&self, out: &mut Writer) {
        out.u32(self.cursors.len() as u32);
        for (name, cursor) in &self.cursors {
            name.encode(out);
            cursor.encode(out);
        }
    }

    pub(super) fn decode_cursors(&mut self, input: &mut Reader<'_>) -> Result<(), Malformed> {
        let cursors = input.list(|input| Ok((Label::decode(input)?, Cursor::decode(input)?)))?;
        #[cfg(feature = "planted-bugs")]
        let cursors = match crate::plant::is(crate::plant::Plant::CursorLost) {
            true => Vec::new(),
            false => cursors,
        };
        self.cursors = cursors.into_iter().collect();
        Ok(())
    }
}
