//! Where data lives when nobody says: the platform's directory for a user's data, never the
//! current one.

use std::ffi::OsString;
use std::path::PathBuf;

/// How a platform places the data of users.
#[derive(Clone, Copy, Debug)]
enum Platform {
    MacOs,
    Windows,
    /// By the XDG Base Directory Specification.
    Other,
}

const PLATFORM: Platform = if cfg!(target_os = "macos") {
    Platform::MacOs
} else if cfg!(windows) {
    Platform::Windows
} else {
    Platform::Other
};

/// The default data directory, or what to do about there being none.
pub(crate) fn default_directory() -> Result<PathBuf, String> {
    directory(PLATFORM, |name| std::env::var_os(name))
}

fn directory(
    platform: Platform,
    environment: impl Fn(&str) -> Option<OsString>,
) -> Result<PathBuf, String> {
    // The specification says to ignore relative paths; data that moves with the current directory would seem lost.
    let absolute = |name| {
        environment(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let base = match platform {
        Platform::MacOs => absolute("HOME").map(|home| home.join("Library/Application Support")),
        Platform::Windows => absolute("LOCALAPPDATA"),
        Platform::Other => absolute("XDG_DATA_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".local/share"))),
    };
    base.map(|base| base.join("waystation")).ok_or_else(|| {
        "no home directory is set, so there is no default place for data; \
         say one with --data-dir DIR, or keep nothing with --ephemeral"
            .to_string()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(platform: Platform, environment: &[(&str, &str)]) -> Result<PathBuf, String> {
        directory(platform, |wanted| {
            let found = environment.iter().find(|(name, _)| *name == wanted)?;
            Some(OsString::from(found.1))
        })
    }

    #[test]
    fn data_home_wins_over_home() {
        let environment = [("HOME", "/me"), ("XDG_DATA_HOME", "/data")];
        assert_eq!(
            chosen(Platform::Other, &environment),
            Ok(PathBuf::from("/data/waystation"))
        );
        assert_eq!(
            chosen(Platform::Other, &environment[..1]),
            Ok(PathBuf::from("/me/.local/share/waystation"))
        );
        assert_eq!(
            chosen(Platform::MacOs, &environment),
            Ok(PathBuf::from("/me/Library/Application Support/waystation"))
        );
    }

    #[test]
    fn relative_and_empty_places_are_none() {
        let environment = [("HOME", "/me"), ("XDG_DATA_HOME", "data")];
        assert_eq!(
            chosen(Platform::Other, &environment),
            Ok(PathBuf::from("/me/.local/share/waystation"))
        );
        let empty = [("HOME", ""), ("XDG_DATA_HOME", "")];
        assert!(chosen(Platform::Other, &empty).is_err());
    }

    #[test]
    fn without_a_home_the_message_says_what_to_write() {
        for platform in [Platform::MacOs, Platform::Windows, Platform::Other] {
            let error = chosen(platform, &[]).unwrap_err();
            assert!(
                error.contains("--data-dir") && error.contains("--ephemeral"),
                "{error}"
            );
        }
    }
}
