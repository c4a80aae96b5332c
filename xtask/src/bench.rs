//! `cargo xtask bench sqs [flags]`: builds the release server and the load generator, then runs the cells.
//!
//! Flags after `sqs` go to the generator; `cargo xtask bench sqs --help` lists them and the cells. Run it
//! unprivileged and on an otherwise idle machine; the `other%` column tells when somebody else used the CPU.

use std::path::PathBuf;
use std::process::Command;

/// Builds what is measured and what measures, and runs it with the remaining arguments.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let flags = match args.split_first() {
        Some((what, flags)) if what == "sqs" => flags,
        _ => return Err("usage: cargo xtask bench sqs [flags] (--help lists them)".to_owned()),
    };
    let folder = release_folder()?;
    let packages = ["--package", "waystation", "--package", "waystation-benches"];
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.args(["build", "--quiet", "--release"]).args(packages);
    succeed(&mut build, "build")?;
    let mut bench = Command::new(folder.join("waystation-bench"));
    bench
        .arg("--server")
        .arg(folder.join("waystation"))
        .args(flags);
    succeed(&mut bench, "benchmark")
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
