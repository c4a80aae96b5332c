//! `waystation.toml`: the same names as the flags. An unknown name is refused, because a misspelt one would silently
//! mean the default.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::declared::SqsSection;

/// Read from the current directory unless `--config` says another file.
const NAME: &str = "waystation.toml";

/// What the file says; values are judged where flags are.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ConfigFile {
    pub(crate) listen: Option<String>,
    pub(crate) data_dir: Option<PathBuf>,
    pub(crate) auth: Option<String>,
    pub(crate) credentials: Option<PathBuf>,
    pub(crate) durability: Option<toml::Value>,
    pub(crate) limits: Option<String>,
    pub(crate) log: Option<String>,
    pub(crate) tls: Option<String>,
    pub(crate) trusted_ca: Option<PathBuf>,
    pub(crate) account: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) cors_origins: Vec<String>,
    pub(crate) hosts: Vec<String>,
    pub(crate) open_to_network: bool,
    pub(crate) workers: Option<usize>,
    pub(crate) index_memory: Option<u64>,
    pub(crate) sqs: SqsSection,
    /// The file itself, for messages about what it says.
    #[serde(skip)]
    pub(crate) path: PathBuf,
    #[serde(skip)]
    pub(crate) text: String,
}

/// Reads the given file, or the one of the current directory if there is one.
pub(crate) fn read(given: Option<&Path>) -> Result<ConfigFile, String> {
    let path = given.unwrap_or(Path::new(NAME));
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if given.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(ConfigFile::default());
        }
        Err(error) => return Err(format!("cannot read {}: {error}", path.display())),
    };
    let file = parse(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(ConfigFile {
        path: path.to_owned(),
        ..file
    })
}

/// What a file with this text says.
pub(crate) fn parse(text: &str) -> Result<ConfigFile, String> {
    let file: ConfigFile = toml::from_str(text).map_err(|error| error.to_string())?;
    Ok(ConfigFile {
        text: text.to_owned(),
        ..file
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_is_refused_with_its_line_and_the_known_ones() {
        let error = parse("log = 'info'\nlisen = 'localhost:1'").unwrap_err();
        for word in ["line 2", "`lisen`", "`listen`"] {
            assert!(error.contains(word), "{word}: {error}");
        }
    }

    #[test]
    fn a_value_of_another_type_is_refused_with_its_line() {
        let error = parse("\nworkers = 'two'").unwrap_err();
        assert!(
            error.contains("line 2") && error.contains("\"two\""),
            "{error}"
        );
    }

    #[test]
    fn a_file_that_was_asked_for_must_be_there() {
        let missing = Path::new("/nowhere/waystation.toml");
        let error = read(Some(missing)).unwrap_err();
        assert!(error.contains("/nowhere/waystation.toml"), "{error}");
        // Tests run in the crate's directory, which has none of its own.
        assert!(read(None).unwrap().listen.is_none());
    }
}
