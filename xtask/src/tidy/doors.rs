//! Who opens files and who listens: only storage, and only the front door and the brokers.

use super::Finding;
use super::sources::Source;

/// Directories and files outside storage that may open files, each with its reason.
const MAY_OPEN_FILES: &[(&str, &str)] = &[
    ("crates/storage/", "the disk is its job"),
    (
        "crates/frontdoor/src/tls",
        "certificates and keys are files",
    ),
    (
        "crates/waystation/src/",
        "only the binary reads configuration",
    ),
    (
        "crates/auth/src/credentials",
        "the credentials file is reloaded while the server runs",
    ),
    (
        "crates/sim/src/main.rs",
        "writes the trace of a failed seed",
    ),
    ("xtask/", "a tool for developers"),
    ("benches/", "measures the disk beside the server"),
];

/// Directories that may listen on a socket.
const MAY_LISTEN: &[&str] = &[
    "crates/frontdoor/",
    "crates/brokers/",
    "crates/waystation/src/",
    "benches/",
    "xtask/",
];

const FILE_CALLS: &[&str] = &[
    "std::fs",
    "tokio::fs",
    "fs::File",
    "File::open",
    "File::create",
    "OpenOptions::new",
];

const LISTEN_CALLS: &[&str] = &["TcpListener", "UdpSocket", "UnixListener"];

/// Only storage opens files.
pub(crate) fn files(source: &Source) -> Vec<Finding> {
    let allowed = MAY_OPEN_FILES
        .iter()
        .any(|(place, _)| source.path.starts_with(place));
    calls(
        source,
        allowed,
        FILE_CALLS,
        "only crates/storage opens files (the table of exceptions is in tidy/doors.rs)",
    )
}

/// Only the front door and the brokers listen.
pub(crate) fn listeners(source: &Source) -> Vec<Finding> {
    let allowed = MAY_LISTEN
        .iter()
        .any(|place| source.path.starts_with(place));
    calls(
        source,
        allowed,
        LISTEN_CALLS,
        "only crates/frontdoor and crates/brokers listen",
    )
}

fn calls(source: &Source, allowed: bool, names: &[&str], what: &str) -> Vec<Finding> {
    if allowed || source.extension() != "rs" || is_test_file(&source.path) {
        return Vec::new();
    }
    let tests_from = source.tests_from();
    source
        .lines()
        .take_while(|(number, _)| *number < tests_from)
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .filter(|(_, line)| names.iter().any(|name| line.contains(name)))
        .map(|(number, _)| Finding::at(source, number, what))
        .collect()
}

fn is_test_file(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs") || path.starts_with("tests/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_opened_in_a_service_is_found() {
        let text = "use std::fs;\n#[cfg(test)]\nmod tests { use std::fs; }\n";
        let found = files(&Source::sample("crates/services/sqs/src/queues.rs", text));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].line, 1);
        assert_eq!(
            files(&Source::sample("crates/storage/src/disk.rs", text)),
            []
        );
    }

    #[test]
    fn a_listener_in_the_engine_is_found() {
        let found = listeners(&Source::sample(
            "crates/engine/src/lib.rs",
            "// TcpListener\nTcpListener::bind();\n",
        ));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].line, 2);
    }
}
