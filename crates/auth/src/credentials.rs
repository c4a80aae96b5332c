//! The credentials file of verify mode: who may sign, and with which secret.
//!
//! One line per access key: `access_key secret_key [account] [principal]`,
//! `#` starts a comment. The file must be closed to group and others. A reload
//! takes effect as a whole or not at all; derived keys belong to one version
//! of the file, so a changed secret works at once and the old one stops.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use waystation_wire::Str;

use crate::limits;
use crate::principal;
use crate::signing_keys::SigningKeys;

/// Why a credentials file is refused. No variant carries a secret.
#[derive(Debug)]
pub enum CredentialsError {
    /// The file cannot be opened or read.
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Group or others may access the file.
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is beyond [`limits::CREDENTIALS_FILE_BYTES_MAX`].
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// A line is malformed.
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, .. } => write!(f, "cannot read credentials file {}", path.display()),
            Self::Mode { path, mode } => write!(
                f,
                "credentials file {} has mode {mode:04o}; it must be closed to group and others (chmod 600)",
                path.display()
            ),
            Self::TooLarge { path } => write!(
                f,
                "credentials file {} is larger than {} bytes",
                path.display(),
                limits::CREDENTIALS_FILE_BYTES_MAX
            ),
            Self::Line { line, reason } => write!(f, "credentials file, line {line}: {reason}"),
        }
    }
}

impl std::error::Error for CredentialsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// A secret access key, which shows itself to nobody by accident.
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// One line of the file.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) access_key: Str,
    pub(crate) secret_key: Secret,
    /// Without one, the account comes from the access key or the configuration.
    pub(crate) account: Option<Str>,
    pub(crate) principal_id: Option<Str>,
}

/// One version of the file, with the keys derived from it.
#[derive(Debug)]
pub(crate) struct Table {
    entries: HashMap<Str, Entry>,
    pub(crate) signing_keys: SigningKeys,
}

impl Table {
    pub(crate) fn get(&self, access_key: &str) -> Option<&Entry> {
        self.entries.get(access_key)
    }

    fn parse(text: &str) -> Result<Self, CredentialsError> {
        let mut entries = HashMap::new();
        for (index, line) in text.lines().enumerate() {
            let refuse = |reason| CredentialsError::Line {
                line: index + 1,
                reason,
            };
            let Some(entry) = parse_line(line).map_err(refuse)? else {
                continue;
            };
            if entries.insert(entry.access_key.clone(), entry).is_some() {
                return Err(refuse("this access key is there twice"));
            }
        }
        Ok(Self {
            entries,
            signing_keys: SigningKeys::new(),
        })
    }
}

fn parse_line(line: &str) -> Result<Option<Entry>, &'static str> {
    let mut words = line
        .split_ascii_whitespace()
        .take_while(|word| !word.starts_with('#'));
    let Some(access_key) = words.next() else {
        return Ok(None);
    };
    let secret_key = words.next().ok_or("the secret key is missing")?;
    let account = words.next();
    let principal_id = words.next();
    if words.next().is_some() {
        return Err("more than four words");
    }
    if access_key.len() > limits::ACCESS_KEY_CHARS_MAX || access_key.contains('/') {
        return Err("the access key is too long or contains a slash");
    }
    if account.is_some_and(|account| !principal::is_account(account)) {
        return Err("the account is not 12 digits");
    }
    let owned = |text: &str| Str::from(text.to_owned());
    Ok(Some(Entry {
        access_key: owned(access_key),
        secret_key: Secret(secret_key.to_owned()),
        account: account.map(owned),
        principal_id: principal_id.map(owned),
    }))
}

/// The credentials that verify mode accepts.
#[derive(Debug)]
pub struct Credentials {
    path: Option<PathBuf>,
    table: RwLock<Table>,
}

impl Credentials {
    /// Reads the file at `path`.
    pub fn load(path: &Path) -> Result<Self, CredentialsError> {
        let table = Table::parse(&read_private(path)?)?;
        Ok(Self {
            path: Some(path.to_owned()),
            table: RwLock::new(table),
        })
    }

    /// Credentials from a text in the format of the file.
    pub fn parse(text: &str) -> Result<Self, CredentialsError> {
        Ok(Self {
            path: None,
            table: RwLock::new(Table::parse(text)?),
        })
    }

    /// Reads the file again and returns the number of access keys in it. When
    /// that fails, the credentials stay as they were.
    pub fn reload(&self) -> Result<usize, CredentialsError> {
        if let Some(path) = &self.path {
            let table = Table::parse(&read_private(path)?)?;
            *self.table.write().unwrap_or_else(PoisonError::into_inner) = table;
        }
        Ok(self.len())
    }

    /// Number of access keys.
    pub fn len(&self) -> usize {
        self.table().entries.len()
    }

    /// Whether nobody can sign.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The table in force. A reload waits while it is held.
    pub(crate) fn table(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a file that nobody else may access. The mode is taken from the open
/// file, so that it cannot be swapped between check and reading.
fn read_private(path: &Path) -> Result<String, CredentialsError> {
    let failed = |source| CredentialsError::Read {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let mode = permission_bits(&metadata);
    if mode & 0o077 != 0 {
        return Err(CredentialsError::Mode {
            path: path.to_owned(),
            mode,
        });
    }
    let mut text = String::new();
    let limit = limits::CREDENTIALS_FILE_BYTES_MAX;
    file.take(limit + 1)
        .read_to_string(&mut text)
        .map_err(failed)?;
    if text.len() as u64 > limit {
        return Err(CredentialsError::TooLarge {
            path: path.to_owned(),
        });
    }
    Ok(text)
}

#[cfg(unix)]
fn permission_bits(metadata: &std::fs::Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o7777
}

/// Other systems have no such bits; access lists are the owner's business there.
#[cfg(not(unix))]
fn permission_bits(_: &std::fs::Metadata) -> u32 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_two_to_four_words_and_comments() {
        let credentials = Credentials::parse(
            "# people\nAKIDA  secretA\n\n AKIDB secretB 123456789012 # trailing\nC s 000000000001 AIDAX\n",
        )
        .unwrap();
        assert_eq!(credentials.len(), 3);
        let table = credentials.table();
        assert_eq!(table.get("AKIDA").unwrap().account, None);
        let b = table.get("AKIDB").unwrap();
        assert_eq!(b.secret_key.expose(), "secretB");
        assert_eq!(b.account.as_deref(), Some("123456789012"));
        let c = table.get("C").unwrap();
        assert_eq!(c.principal_id.as_deref(), Some("AIDAX"));
    }

    #[test]
    fn a_bad_line_is_named_and_no_secret_is_shown() {
        for (text, line) in [
            ("A hunter2\nB", 2),
            ("A hunter2 12", 1),
            ("\nA hunter2 000000000000 P more", 2),
            ("A hunter2\nA hunter2", 2),
            ("A/B hunter2", 1),
        ] {
            let error = Credentials::parse(text).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(shown.contains(&format!("line {line}:")), "{shown}");
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        let credentials = Credentials::parse("A hunter2").unwrap();
        assert!(!format!("{credentials:?}").contains("hunter2"));
    }

    #[cfg(unix)]
    #[test]
    fn the_file_must_be_private_and_a_failed_reload_changes_nothing() {
        use std::os::unix::fs::PermissionsExt;
        let path = std::env::temp_dir().join(format!(
            "waystation-auth-credentials-{}",
            std::process::id()
        ));
        let set_mode = |mode| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        std::fs::write(&path, "A secret\n").unwrap();
        set_mode(0o640);
        let error = Credentials::load(&path).unwrap_err();
        assert!(matches!(error, CredentialsError::Mode { mode: 0o640, .. }));
        set_mode(0o600);
        let credentials = Credentials::load(&path).unwrap();
        assert_eq!(credentials.len(), 1);

        std::fs::write(&path, "A secret\nB other\n").unwrap();
        assert_eq!(credentials.reload().unwrap(), 2);
        std::fs::write(&path, "A\n").unwrap();
        credentials.reload().unwrap_err();
        assert!(credentials.table().get("B").is_some());
        set_mode(0o644);
        credentials.reload().unwrap_err();
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(
            credentials.reload().unwrap_err(),
            CredentialsError::Read { .. }
        ));
        assert_eq!(credentials.len(), 2);
    }
}
