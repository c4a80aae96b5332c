//! Where data lives when nobody says: the platform's directory for a user's data, never the
//! current one.

use std::path::PathBuf;

fn variable(name: &str) -> Option<PathBuf> {
    let value = std::env::var_os(name)?;
    let path = PathBuf::from(value);
    path.is_absolute().then_some(path)
}

/// The default data directory, or what to do about there being none.
pub(crate) fn default_directory() -> Result<PathBuf, String> {
    let base = if cfg!(target_os = "macos") {
        variable("HOME").map(|home| home.join("Library/Application Support"))
    } else if cfg!(windows) {
        variable("LOCALAPPDATA")
    } else {
        variable("XDG_DATA_HOME").or_else(|| variable("HOME").map(|home| home.join(".local/share")))
    };
    base.map(|base| base.join("waystation")).ok_or_else(|| {
        "no home directory is set, so there is no default place for data; \
         say one with --data-dir DIR, or keep nothing with --ephemeral"
            .to_string()
    })
}
