//! `cargo xtask bench sqs [flags]`: builds the release server and the load generator, then runs the cells.
//! `cargo xtask bench pattern`: the matcher of patterns with a peer beside it; one core, no server.
//!
//! Flags after `sqs` go to the generator; `cargo xtask bench sqs --help` lists them and the cells. Run it
//! unprivileged and on an otherwise idle machine; the `other%` column tells when somebody else used the CPU.

use std::path::PathBuf;
use std::process::Command;

/// Builds what is measured and what measures, and runs it with the remaining arguments.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    match args.split_first() {
        Some((what, flags)) if what == "sqs" => sqs(flags),
        Some((what, [])) if what == "pattern" => pattern(),
        _ => Err("usage: cargo xtask bench sqs [flags] (--help lists them)\n       cargo xtask bench pattern".to_owned()),
    }
}

fn pattern() -> Result<(), String> {
    let folder = release_folder()?;
    build(&["--package", "waystation-benches"])?;
    succeed(
        &mut Command::new(folder.join("waystation-bench-pattern")),
        "benchmark",
    )
}

fn sqs(flags: &[String]) -> Result<(), String> {
    let folder = release_folder()?;
    let packages = ["--package", "waystation", "--package", "waystation-benches"];
    build(&packages)?;
    let mut bench = Command::new(folder.join("waystation-bench"));
    bench
        .arg("--server")
        .arg(folder.join("waystation"))
        .args(flags);
    succeed(&mut bench, "benchmark")
}

fn build(packages: &[&str]) -> Result<(), String> {
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.args(["build", "--quiet", "--release"]).args(packages);
    succeed(&mut build, "build")
}

/// Where cargo puts release binaries: beside or next to this one, whichever profile built it.
fn release_folder() -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|error| format!("where am I: {error}"))?;
    let target = own
        .ancestors()
        .nth(2)
        .ok_or("xtask runs outside of a target directory")?;
    Ok(target.join("release"))
}

fn succeed(command: &mut Command, what: &str) -> Result<(), String> {
    let status = command
        .status()
        .map_err(|error| format!("{what}: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{what} failed: {status}"))
    }
}
