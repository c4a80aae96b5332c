//! Where things are: the root of the workspace, its target directory, and the places below it that the tools use.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The checked-out workspace.
pub(crate) struct Tree {
    /// Directory of the workspace's `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Cargo's target directory: everything that is built, installed or measured lands below it.
    pub(crate) target: PathBuf,
}

impl Tree {
    /// Finds the workspace from the manifest that cargo runs us for, else from the current directory.
    pub(crate) fn find() -> Result<Tree, String> {
        let manifest = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let start = match manifest {
            Some(directory) => directory,
            None => env::current_dir().map_err(|error| format!("no current directory: {error}"))?,
        };
        let root = start
            .ancestors()
            .find(|directory| directory.join("xtask/Cargo.toml").is_file())
            .ok_or_else(|| format!("{} is not inside the workspace", start.display()))?
            .to_path_buf();
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(directory) => root.join(directory),
            None => root.join("target"),
        };
        Ok(Tree { root, target })
    }

    /// A cargo command that runs in the root and builds into our target directory.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = self.command(Path::new(&program));
        command
            .env("CARGO_TARGET_DIR", &self.target)
            .args(arguments);
        command
    }

    /// Any other command that runs in the root.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        command
    }

    /// A binary of the release profile.
    pub(crate) fn binary(&self, name: &str) -> PathBuf {
        self.target.join("release").join(name)
    }
}
