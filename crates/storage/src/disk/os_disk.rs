//! Files of the operating system: two descriptors per file, one past the page cache for page-aligned writes, one
//! buffered for reads and for everything that is not aligned.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Disk, DiskFile, Flush, Open};
use crate::limits::{PAGE_BYTES, ZERO_STEP_BYTES};
use crate::os::{self, Allocation};

/// One directory of the operating system.
pub struct OsDisk {
    path: PathBuf,
}

impl OsDisk {
    /// The directory must exist by the time a file is opened.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_path_buf(),
        }
    }
}

impl Disk for OsDisk {
    fn open(&self, name: &str, open: Open) -> io::Result<Arc<dyn DiskFile>> {
        let path = self.path.join(name);
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        if open == Open::CreateNew {
            options.create_new(true);
        }
        let buffered = options.open(&path)?;
        let direct = os::open_direct(&path)?;
        Ok(Arc::new(OsFile { buffered, direct }))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            // A name that is not text is none of ours.
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync_directory(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    fn free_bytes(&self) -> io::Result<u64> {
        os::free_bytes(&self.path)
    }
}

struct OsFile {
    buffered: File,
    direct: Option<File>,
}

impl OsFile {
    /// The direct descriptor when offset, length and memory all lie at pages.
    fn descriptor(&self, offset: u64, bytes: &[u8]) -> &File {
        let aligned = offset.is_multiple_of(PAGE_BYTES as u64)
            && bytes.len().is_multiple_of(PAGE_BYTES)
            && bytes.as_ptr().align_offset(PAGE_BYTES) == 0;
        match &self.direct {
            Some(direct) if aligned => direct,
            _ => &self.buffered,
        }
    }
}

impl DiskFile for OsFile {
    fn write_at(&self, offset: u64, bytes: &[u8], flush: Flush) -> io::Result<()> {
        let mut done = 0;
        while done < bytes.len() {
            let (rest, at) = (&bytes[done..], offset + done as u64);
            let file = self.descriptor(at, rest);
            let written = match flush {
                Flush::BeforeReturn => os::write_through(file, rest, at),
                Flush::Later => file.write_at(rest, at),
            };
            match written {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => done += written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while done < bytes.len() {
            match self
                .buffered
                .read_at(&mut bytes[done..], offset + done as u64)
            {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn sync(&self) -> io::Result<()> {
        self.buffered.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.buffered.metadata()?.len())
    }

    fn allocate(&self, offset: u64, bytes: u64) -> io::Result<()> {
        if os::allocate(&self.buffered, offset, bytes)? == Allocation::Reserved {
            return Ok(());
        }
        // Without a reservation only written bytes are ours: zeros beyond what the file already holds.
        let zeros = vec![0; ZERO_STEP_BYTES];
        let mut at = offset.max(self.len()?);
        while at < offset + bytes {
            let step = zeros.len().min((offset + bytes - at) as usize);
            self.write_at(at, &zeros[..step], Flush::Later)?;
            at += step as u64;
        }
        self.sync()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::AlignedBuffer;
    use crate::disk::scratch::Scratch;

    #[test]
    fn aligned_and_unaligned_writes_read_back_and_survive_reopening() {
        let scratch = Scratch::new("os-disk");
        let disk = OsDisk::new(scratch.path());
        let file = disk.open("a", Open::CreateNew).expect("created");
        let mut page = AlignedBuffer::zeroed(2 * PAGE_BYTES);
        page.fill(7);
        file.write_at(4096, &page, Flush::BeforeReturn)
            .expect("aligned write");
        file.write_at(10, b"hello", Flush::Later)
            .expect("unaligned write");
        file.sync().expect("sync");
        file.allocate(0, 1 << 20).expect("room");
        assert_eq!(
            file.len().expect("length"),
            3 * 4096,
            "a reservation does not change the length"
        );
        drop(file);
        disk.rename("a", "b").expect("rename");
        disk.sync_directory().expect("directory sync");
        assert_eq!(disk.list().expect("list"), ["b"]);
        let file = disk.open("b", Open::Existing).expect("reopened");
        let mut read = vec![0; 16 * 1024];
        assert_eq!(file.read_at(0, &mut read).expect("read"), 3 * 4096);
        assert_eq!(&read[10..15], b"hello");
        assert!(read[4096..3 * 4096].iter().all(|byte| *byte == 7));
        assert!(
            disk.open("a", Open::Existing).is_err() && disk.open("b", Open::CreateNew).is_err()
        );
        assert!(disk.free_bytes().expect("free bytes") > 0);
        disk.remove("b").expect("remove");
        assert!(disk.list().expect("list").is_empty());
    }
}
