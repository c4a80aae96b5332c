//! The limit of open files: each connection is one, and the usual soft limit of
//! 1,024 would end the tests of many a user.

use crate::limits;

/// Raises the soft limit to the hard one and returns what is in force; `None`
/// means unlimited or unknown.
pub fn raise_open_file_limit() -> Option<u64> {
    raise()
}

/// Connections that fit into `files` open files, at most `wanted`.
pub(crate) fn connections_within(files: Option<u64>, wanted: usize) -> usize {
    let Some(files) = files else { return wanted };
    // A process with very few files keeps half of them for connections.
    let room = files
        .saturating_sub(limits::FILES_RESERVED)
        .max(files / 2)
        .max(1);
    wanted.min(usize::try_from(room).unwrap_or(usize::MAX))
}

#[cfg(unix)]
fn raise() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if limit.current == limit.maximum {
        return limit.current;
    }
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(error) => {
            tracing::warn!(%error, current = limit.current, "cannot raise the limit of open files");
            limit.current
        }
    }
}

#[cfg(not(unix))]
fn raise() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_for_the_rest() {
        assert_eq!(connections_within(None, 20_000), 20_000);
        assert_eq!(connections_within(Some(1_048_576), 20_000), 20_000);
        assert_eq!(connections_within(Some(4096), 20_000), 3584);
        assert_eq!(connections_within(Some(256), 20_000), 128);
    }

    #[test]
    fn the_limit_is_raised_once_and_for_all() {
        assert_eq!(raise_open_file_limit(), raise_open_file_limit());
    }
}
