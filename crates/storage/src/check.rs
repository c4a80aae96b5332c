//! `waystation check`: reads every frame and every body of a data directory that nobody uses, and names what is damaged.
//! Changes nothing. Unlike opening, it goes on after a defect.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::data_directory::lock_existing;
use crate::journal::body::verify_section;
use crate::journal::frame::{FrameHeader, HEADER_BYTES, Parsed, next_frame_start};
use crate::journal::pack::{Pack, Table};
use crate::journal::record::Records;
use crate::journal::segments::{Segments, segment_name};
use crate::journal::window::{Found, Window, proves_damage};
use crate::limits::{PAGE_BYTES, SEGMENT_BYTES_DEFAULT};
use crate::{Disk, Lsn, Open, OsDisk, StorageError};

/// One damaged place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Defect {
    /// The damaged file.
    pub file: PathBuf,
    /// Where in it.
    pub offset: u64,
    /// What is wrong.
    pub what: String,
}

/// What a check found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Segment files, those waiting for use included.
    pub segments: u64,
    /// Intact frames.
    pub frames: u64,
    /// Intact records.
    pub records: u64,
    /// Intact bodies, each chunk of a large one counted.
    pub bodies: u64,
    /// Damaged places, in the order of the journal.
    pub defects: Vec<Defect>,
}

/// Reads every frame and body checksum of a data directory.
///
/// # Errors
/// `UnknownFormat` or `Locked` when the directory cannot be checked at all, or an I/O error; damage is in the report.
pub fn check(path: &Path) -> Result<Report, StorageError> {
    let (_lock, journal) = lock_existing(path)?;
    let disk: Arc<dyn Disk> = Arc::new(OsDisk::new(&journal));
    let segment_bits = segment_bits(disk.as_ref())?;
    let (segments, damage) = Segments::survey(disk.clone(), segment_bits)?;
    let report = Report {
        segments: segments.indices().len() as u64,
        ..Report::default()
    };
    let mut check = Check {
        journal,
        segments: &segments,
        segment_bits,
        report,
        expected: None,
    };
    check.walk_segments()?;
    for error in damage {
        check.damage(error)?;
    }
    for (pack, _) in segments.packs() {
        check.pack(disk.as_ref(), &pack)?;
    }
    Ok(check.report)
}

/// The segment size that the first readable header tells.
fn segment_bits(disk: &dyn Disk) -> Result<u8, StorageError> {
    for name in disk.list().map_err(StorageError::io("list", "journal"))? {
        if !name.ends_with(".seg") {
            continue;
        }
        let mut header = [0; HEADER_BYTES];
        let file = disk
            .open(&name, Open::Existing)
            .map_err(StorageError::io("open", &name))?;
        file.read_at(0, &mut header)
            .map_err(StorageError::io("read", &name))?;
        if let Parsed::Header(header) = FrameHeader::parse(&header)
            && (20..=30).contains(&header.segment_bits)
        {
            return Ok(header.segment_bits);
        }
    }
    Ok(SEGMENT_BYTES_DEFAULT.trailing_zeros() as u8)
}

struct Check<'a> {
    journal: PathBuf,
    segments: &'a Segments,
    segment_bits: u8,
    report: Report,
    /// Where the next frame must start, and the checksum it must continue.
    expected: Option<(Lsn, u64)>,
}

impl Check<'_> {
    fn walk_segments(&mut self) -> Result<(), StorageError> {
        let mut window = Window::new(self.segments, self.segment_bits);
        for index in self.segments.indices() {
            let end = self.segments.start_of(index + 1);
            let mut at = self.segments.start_of(index);
            while at < end {
                match window.frame(at) {
                    Ok(Found::Frame(header, payload)) => {
                        self.expect(&header);
                        self.frame(&header, payload);
                        at = self.expected.map_or(end, |expected| expected.0);
                    }
                    Ok(Found::Noise) => at = next_frame(&mut window, at, end)?.unwrap_or(end),
                    Err(StorageError::UnknownFormat { what, .. }) => {
                        self.defect(at, what);
                        at = next_frame(&mut window, at, end)?.unwrap_or(end);
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    /// Compares a frame with what must follow the one before. A gap is no defect where the segment in between was recycled,
    /// or where a relaxed durability allowed it.
    fn expect(&mut self, header: &FrameHeader) {
        let Some((at, checksum)) = self.expected else {
            let start = self.segments.start_of(header.segment);
            if header.lsn != start {
                self.defect(start, "no intact frame, yet one follows".to_owned());
            }
            return;
        };
        if at == header.lsn {
            if checksum != header.previous {
                self.defect(
                    at,
                    "an intact frame does not continue the one before it".to_owned(),
                );
            }
        } else if self.segments.contains(self.segments.segment_of(at)) && proves_damage(header) {
            self.defect(at, "no intact frame, yet one follows".to_owned());
        }
    }

    fn frame(&mut self, header: &FrameHeader, payload: &[u8]) {
        self.report.frames += 1;
        let start = Lsn(header.lsn.0 + HEADER_BYTES as u64);
        for walked in Records::new(payload, start, self.segment_bits) {
            match walked {
                Ok(walked) => {
                    self.report.records += 1;
                    if let Some(body) = walked.record.body {
                        self.section(body.reference.lsn, walked.section);
                    }
                }
                Err(place) => self.defect(
                    Lsn(start.0 + place as u64),
                    "a record does not add up".to_owned(),
                ),
            }
        }
        let end = Lsn(header.lsn.0 + header.frame_bytes() as u64);
        self.expected = Some((next_frame_start(end, self.segment_bits), header.checksum));
    }

    fn section(&mut self, lsn: Lsn, section: &[u8]) {
        match verify_section(section) {
            Ok(_) => self.report.bodies += 1,
            Err(what) => self.defect(lsn, what.to_owned()),
        }
    }

    fn pack(&mut self, disk: &dyn Disk, pack: &Pack) -> Result<(), StorageError> {
        let name = pack.stored.name.as_str();
        let file = disk.open(name, Open::Existing);
        let file = file.map_err(StorageError::io("open", name))?;
        let mut sections = Vec::new();
        match Table::load(file.as_ref(), pack) {
            Ok(Table::Relocated(table)) => {
                sections.extend(
                    table
                        .entries()
                        .iter()
                        .map(|entry| (entry.place, entry.bytes)),
                );
            }
            Ok(Table::Head(head)) => {
                for number in 0..head.blocks() {
                    match head.block(file.as_ref(), name, number) {
                        Ok(block) => sections.extend(
                            block
                                .entries()
                                .iter()
                                .map(|entry| (entry.place, entry.bytes)),
                        ),
                        Err(error) => self.damage(error)?,
                    }
                }
            }
            Err(error) => self.damage(error)?,
        }
        for (place, bytes) in sections {
            let mut section = vec![0; bytes as usize];
            file.read_at(place, &mut section)
                .map_err(StorageError::io("read", name))?;
            match verify_section(&section) {
                Ok(_) => self.report.bodies += 1,
                Err(what) => self.defect_in(name, place, what.to_owned()),
            }
        }
        Ok(())
    }

    /// Damage of a file is a defect; anything else ends the check.
    fn damage(&mut self, error: StorageError) -> Result<(), StorageError> {
        let (file, offset, what) = match error {
            StorageError::Corrupt { file, offset, what } => (file, offset, what),
            StorageError::UnknownFormat { file, what } => (file, 0, what),
            error => return Err(error),
        };
        self.defect_in(&file.to_string_lossy(), offset, what);
        Ok(())
    }

    fn defect(&mut self, at: Lsn, what: String) {
        let (index, offset) = (self.segments.segment_of(at), self.segments.offset_of(at));
        self.defect_in(&segment_name(index), offset, what);
    }

    fn defect_in(&mut self, name: &str, offset: u64, what: String) {
        self.report.defects.push(Defect {
            file: self.journal.join(name),
            offset,
            what,
        });
    }
}

/// The next intact frame after a bad place in the same segment.
fn next_frame(window: &mut Window<'_>, at: Lsn, end: Lsn) -> Result<Option<Lsn>, StorageError> {
    let mut found = None;
    window.search(Lsn(at.0 + PAGE_BYTES as u64), end, &mut |header| {
        found = Some(header.lsn);
        false
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::disk::scratch::Scratch;
    use crate::{
        Append, Body, Committed, DataDirectory, Funding, Journal, JournalOptions, Urgency, Wait,
    };

    /// A data directory with ten frames of one body each; returns the frames' offsets.
    fn written(path: &Path) -> Vec<u64> {
        let directory = DataDirectory::open(path, [7; 32]).expect("created");
        let journal = Journal::open(
            directory.journal_disk(),
            JournalOptions::default(),
            None,
            &mut |_| Ok(()),
        );
        let journal = journal.expect("opens");
        let parts: [&[u8]; 1] = [&[7; 9000]];
        let append = Append {
            shard: 1,
            kind: 1,
            version: 1,
            time_ms: 1,
            meta: b"meta",
            body: Some(Body {
                owner: 1,
                sequence: 2,
                parts: &parts,
            }),
            urgency: Urgency::Sync,
            funding: Funding::Producer,
        };
        let frame = |_| {
            journal.append(append).expect("room");
            match journal.commit_next(Wait::Poll).expect("commits") {
                Committed::Frame { lsn, .. } => lsn.0,
                other => panic!("{other:?}"),
            }
        };
        (0..10).map(frame).collect()
    }

    #[test]
    fn an_intact_directory_has_no_defects_and_a_used_one_is_refused() {
        let scratch = Scratch::new("check");
        assert!(matches!(
            check(scratch.path()),
            Err(StorageError::UnknownFormat { .. })
        ));
        written(scratch.path());
        let report = check(scratch.path()).expect("checks");
        assert_eq!(
            (
                report.segments,
                report.frames,
                report.records,
                report.bodies
            ),
            (1, 11, 10, 10)
        );
        assert!(report.defects.is_empty(), "{report:?}");
        let _used = DataDirectory::open(scratch.path(), [7; 32]).expect("opens");
        assert!(matches!(
            check(scratch.path()),
            Err(StorageError::Locked { .. })
        ));
    }

    #[test]
    fn every_damaged_frame_is_named_and_the_torn_tail_is_none() {
        let scratch = Scratch::new("check-damage");
        let frames = written(scratch.path());
        let file = scratch.path().join("journal").join(segment_name(0));
        let mut bytes = fs::read(&file).expect("reads");
        for frame in [2, 3, 6, 9] {
            bytes[frames[frame] as usize + 5000] ^= 0x10;
        }
        fs::write(&file, &bytes).expect("writes");
        let report = check(scratch.path()).expect("checks");
        let offsets: Vec<_> = report
            .defects
            .iter()
            .map(|defect| (defect.file.clone(), defect.offset))
            .collect();
        assert_eq!(
            offsets,
            [(file.clone(), frames[2]), (file.clone(), frames[6])],
            "{report:?}"
        );
        assert_eq!(report.frames, 7);
        assert_eq!(
            fs::read(&file).expect("reads"),
            bytes,
            "nothing was changed"
        );
    }
}
