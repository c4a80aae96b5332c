//! Who runs first when the processors are saturated: the committer, because everybody waits for it.
//!
//! At usual priority a committer among busy threads starts its flushes late and drops to a fraction
//! of what the disk can do. Where the system lets us raise a thread it is raised; where not, the
//! others are niced down a little. Nothing here needs a privilege, and nothing fails without one.

use std::sync::OnceLock;

use crate::os;

/// Niceness of a raised committer.
const RAISED: i32 = -10;
/// Niceness of foreground threads where the committer cannot be raised.
const LOWERED: i32 = 4;
/// Niceness of threads that nobody waits for.
const BACKGROUND: i32 = 10;

/// What a thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Commits the journal.
    Committer,
    /// Answers requests.
    Foreground,
    /// Prepares segments, writes checkpoints.
    Background,
}

/// How the committer gets its priority on this system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Its thread is raised.
    CommitterRaised,
    /// The other threads are niced down.
    OthersLowered,
    /// The system has no priorities of threads, or not for us.
    None,
}

/// The mode of this process, found out once by trying.
pub fn mode() -> Mode {
    static MODE: OnceLock<Mode> = OnceLock::new();
    *MODE.get_or_init(|| {
        // On a thread of its own: a niceness once raised may not be taken back.
        let probe = std::thread::spawn(|| {
            if os::nice_this_thread(RAISED).is_ok() {
                Mode::CommitterRaised
            } else if os::nice_this_thread(LOWERED).is_ok() {
                Mode::OthersLowered
            } else {
                Mode::None
            }
        });
        probe.join().unwrap_or(Mode::None)
    })
}

/// Gives the current thread the priority of its role.
pub fn settle(role: Role) {
    let niceness = match (mode(), role) {
        (Mode::None, _) | (Mode::OthersLowered, Role::Committer) => return,
        (Mode::CommitterRaised, Role::Foreground) => return,
        (Mode::CommitterRaised, Role::Committer) => RAISED,
        (Mode::OthersLowered, Role::Foreground) => LOWERED,
        (_, Role::Background) => BACKGROUND,
    };
    // What was allowed to the probe is allowed here; if not, the thread runs as it is.
    let _refused = os::nice_this_thread(niceness);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_can_be_settled_without_privileges() {
        for role in [Role::Background, Role::Foreground, Role::Committer] {
            std::thread::spawn(move || settle(role))
                .join()
                .expect("settling never panics");
        }
    }
}
