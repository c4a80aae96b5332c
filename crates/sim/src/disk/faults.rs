//! What goes wrong on the disk, and when.

use std::io;

use fastrand::Rng;

/// How a write goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WriteFault {
    /// Nothing was written.
    Refused,
    /// Half of it was.
    Short,
    /// All of it was, but the flush failed.
    Unflushed,
    /// Nobody knows, and nothing works until the machine comes back.
    PowerCut,
}

/// Faults armed by the scheduler.
pub(super) struct Faults {
    rng: Rng,
    armed: Option<(u32, WriteFault)>,
    dead: bool,
    /// Something failed since the machine started.
    pub(super) broken: bool,
    pub(super) flip_one_in: u32,
    pub(super) flipped: u64,
    pub(super) refused: u64,
}

pub(super) fn broken() -> io::Error {
    io::Error::other("the simulator broke the disk")
}

impl Faults {
    pub(super) fn new(seed: u64) -> Faults {
        Faults {
            rng: Rng::with_seed(seed),
            armed: None,
            dead: false,
            broken: false,
            flip_one_in: 0,
            flipped: 0,
            refused: 0,
        }
    }

    /// The machine restarts: nothing is armed any more.
    pub(super) fn clear(&mut self) {
        self.armed = None;
        self.dead = false;
        self.broken = false;
        self.flip_one_in = 0;
    }

    pub(super) fn arm(&mut self, count: u32, fault: WriteFault) {
        self.armed = Some((count, fault));
    }

    /// An error once the power is gone.
    pub(super) fn alive(&self) -> io::Result<()> {
        if self.dead { Err(broken()) } else { Ok(()) }
    }

    /// The fault that meets this write or flush.
    pub(super) fn strike(&mut self) -> Option<WriteFault> {
        match &mut self.armed {
            Some((0, fault)) => {
                let fault = *fault;
                self.broken = true;
                self.dead = fault == WriteFault::PowerCut;
                self.armed = None;
                Some(fault)
            }
            Some((count, _)) => {
                *count -= 1;
                None
            }
            None => None,
        }
    }

    /// An error if the fault meets this change of names, which then did not happen.
    pub(super) fn strike_name(&mut self) -> io::Result<()> {
        self.strike().map_or(Ok(()), |_| Err(broken()))
    }

    /// Flips a bit of what was read, if it is this read's turn.
    pub(super) fn flip(&mut self, bytes: &mut [u8]) {
        if self.flip_one_in == 0 || bytes.is_empty() || self.rng.u32(0..self.flip_one_in) != 0 {
            return;
        }
        let at = self.rng.usize(0..bytes.len());
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1 << self.rng.u8(0..8);
            self.flipped += 1;
        }
    }
}
