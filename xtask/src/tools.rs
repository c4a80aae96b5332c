//! Everything a test run needs besides Rust: it is fetched into the target directory, at pinned versions, once.
//!
//! Each tool has a stamp file holding what it was made from; while that text is unchanged a second run costs nothing.
//! What needs an administrator (Debian packages) is installed only when we are one; otherwise the line to run is the error.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process;
use crate::tree::Tree;

/// What the pinned AWS SDK for JavaScript asks for.
const NODE_MAJOR_MIN: u32 = 20;

/// The tools of one test run.
pub(crate) struct Tools {
    /// Python with boto3, the AWS command line and pytest.
    pub(crate) python: PathBuf,
    /// A directory of Python packages whose botocore still speaks the SQS query protocol.
    pub(crate) python_query: PathBuf,
    /// The `node_modules` directory that holds the AWS SDK for JavaScript.
    pub(crate) node_modules: PathBuf,
    /// The protocol test vectors that botocore publishes.
    pub(crate) protocol_vectors: PathBuf,
}

/// Installs what is missing; the first thing that cannot be had ends the run with the line to type.
pub(crate) fn install(tree: &Tree) -> Result<Tools, String> {
    debian("strace", "strace")?;
    debian("curl", "curl")?;
    debian("node", "nodejs")?;
    debian("npm", "npm")?;
    new_enough_node()?;
    Ok(Tools {
        python: python(tree)?,
        python_query: python_query(tree)?,
        node_modules: node_modules(tree)?,
        protocol_vectors: protocol_vectors(tree)?,
    })
}

/// What only the long rounds need: the languages of the programs in `tests/sdk`.
pub(crate) fn install_for_soak() -> Result<(), String> {
    debian("go", "golang")?;
    debian("javac", "default-jdk-headless")?;
    debian("mvn", "maven")
}

fn python(tree: &Tree) -> Result<PathBuf, String> {
    let pins = tree.root.join("tests/requirements.txt");
    let venv = tree.target.join("venv");
    let python = venv.join("bin/python");
    once(tree, "venv", &text_of(&pins)?, &python, || {
        make_venv(tree, &venv)?;
        let mut pip = tree.command(&python);
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--requirement",
        ]);
        process::run(pip.arg(&pins))
    })?;
    Ok(python)
}

/// An empty Python environment.
pub(crate) fn make_venv(tree: &Tree, venv: &Path) -> Result<(), String> {
    debian("python3", "python3")?;
    let make = || {
        let mut command = tree.command(Path::new("python3"));
        process::read(command.args(["-m", "venv", "--clear"]).arg(venv))
    };
    if make().is_ok() {
        return Ok(());
    }
    // Debian ships Python without the module that makes environments.
    install_debian("the venv module of Python", "python3-venv")?;
    make().map(drop)
}

fn python_query(tree: &Tree) -> Result<PathBuf, String> {
    let pins = tree.root.join("tests/requirements-query.txt");
    let packages = tree.target.join("python-query");
    once(
        tree,
        "python-query",
        &text_of(&pins)?,
        &packages.join("botocore"),
        || {
            remove(&packages)?;
            let mut pip = tree.command(&tree.target.join("venv/bin/python"));
            pip.args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--requirement",
            ]);
            process::run(pip.arg(&pins).arg("--target").arg(&packages))
        },
    )?;
    Ok(packages)
}

fn node_modules(tree: &Tree) -> Result<PathBuf, String> {
    let pins = tree.root.join("tests/sdk/node/package.json");
    npm(tree, "node", &pins, &tree.target.join("node"))
}

/// The `node_modules` below a directory with what a `package.json` pins.
pub(crate) fn npm(
    tree: &Tree,
    name: &str,
    pins: &Path,
    directory: &Path,
) -> Result<PathBuf, String> {
    let modules = directory.join("node_modules");
    once(tree, name, &text_of(pins)?, &modules, || {
        remove(directory)?;
        make_directory(directory)?;
        fs::copy(pins, directory.join("package.json"))
            .map_err(|error| format!("{}: {error}", pins.display()))?;
        let mut npm = Command::new("npm");
        npm.current_dir(directory).args([
            "install",
            "--silent",
            "--no-audit",
            "--no-fund",
            "--no-package-lock",
        ]);
        process::run(&mut npm)
    })?;
    Ok(modules)
}

/// The vectors stand only in botocore's source archive, at the version that the black box tests use.
fn protocol_vectors(tree: &Tree) -> Result<PathBuf, String> {
    let pins = text_of(&tree.root.join("tests/requirements.txt"))?;
    let pin = pins
        .lines()
        .find(|line| line.starts_with("botocore=="))
        .ok_or("tests/requirements.txt pins no botocore")?;
    let directory = tree.target.join("protocol-vectors");
    let unpacked = directory.join(pin.replace("==", "-"));
    let vectors = unpacked.join("tests/unit/protocols");
    once(tree, "protocol-vectors", pin, &vectors, || {
        remove(&directory)?;
        make_directory(&directory)?;
        let mut pip = tree.command(&tree.target.join("venv/bin/python"));
        pip.args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--no-binary",
            ":all:",
        ]);
        process::run(pip.arg("--dest").arg(&directory).arg(pin))?;
        let mut tar = tree.command(Path::new("tar"));
        let archive = unpacked.with_file_name(format!("{}.tar.gz", pin.replace("==", "-")));
        process::run(tar.arg("-xzf").arg(&archive).arg("-C").arg(&directory))
    })?;
    Ok(vectors)
}

/// Makes something unless its stamp says that it was made from the same text and it is still there.
pub(crate) fn once(
    tree: &Tree,
    name: &str,
    made_from: &str,
    result: &Path,
    make: impl FnOnce() -> Result<(), String>,
) -> Result<(), String> {
    let stamps = tree.target.join("stamps");
    let stamp = stamps.join(name);
    if result.exists() && fs::read_to_string(&stamp).is_ok_and(|text| text == made_from) {
        return Ok(());
    }
    eprintln!("installing {name} into {}", tree.target.display());
    make_directory(&stamps)?;
    remove(&stamp)?;
    make()?;
    if !result.exists() {
        return Err(format!(
            "installing {name} did not make {}",
            result.display()
        ));
    }
    fs::write(&stamp, made_from).map_err(|error| format!("{}: {error}", stamp.display()))
}

/// Makes sure that a program of a Debian package is there.
pub(crate) fn debian(program: &str, package: &str) -> Result<(), String> {
    if process::exists(program) {
        return Ok(());
    }
    install_debian(program, package)?;
    if process::exists(program) {
        return Ok(());
    }
    Err(format!(
        "`{program}` is still missing after installing the package {package}"
    ))
}

fn install_debian(wanted: &str, package: &str) -> Result<(), String> {
    let line = format!("apt-get install -y --no-install-recommends {package}");
    if !is_root() || !process::exists("apt-get") {
        return Err(format!("{wanted} is missing. Run: sudo {line}"));
    }
    let mut update = Command::new("apt-get");
    process::run(update.args(["update", "--quiet", "--quiet"]))?;
    let mut install = Command::new("sh");
    process::run(
        install
            .env("DEBIAN_FRONTEND", "noninteractive")
            .arg("-c")
            .arg(&line),
    )
    .map_err(|error| {
        format!("{wanted} is missing and could not be installed ({error}). Run: sudo {line}")
    })
}

/// Distributions of some age ship a Node that the SDK no longer runs on.
fn new_enough_node() -> Result<(), String> {
    let version = process::read(Command::new("node").arg("--version"))?;
    if node_major(&version).is_some_and(|major| major >= NODE_MAJOR_MIN) {
        return Ok(());
    }
    Err(format!(
        "the AWS SDK for JavaScript needs Node {NODE_MAJOR_MIN} or newer, this is {}. Run: sudo npm install --global n && sudo n {NODE_MAJOR_MIN}",
        version.trim()
    ))
}

fn node_major(version: &str) -> Option<u32> {
    version
        .trim()
        .strip_prefix('v')?
        .split('.')
        .next()?
        .parse()
        .ok()
}

fn is_root() -> bool {
    process::read(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

fn text_of(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn make_directory(path: &Path) -> Result<(), String> {
    fs::create_dir_all(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn remove(path: &Path) -> Result<(), String> {
    let result = if path.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("{}: {error}", path.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_of_node_is_read() {
        assert_eq!(node_major("v20.20.2\n"), Some(20));
        assert_eq!(node_major("20"), None);
    }
}
