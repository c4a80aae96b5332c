//! Running other programs: shown to the person at the terminal, and read by us where a result stands in the output.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

/// What a program printed on its standard output, and whether it succeeded.
pub(crate) struct Shown {
    /// True when the exit status was zero.
    pub(crate) success: bool,
    /// Every line of standard output, in order.
    pub(crate) lines: Vec<String>,
}

/// Runs a program whose output goes straight to the terminal; anything but success is an error that names it.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let status = command
        .status()
        .map_err(|error| not_started(command, &error))?;
    if status.success() {
        return Ok(());
    }
    Err(format!("`{}` failed: {status}", line_of(command)))
}

/// Runs a program and passes its standard output on while keeping it, so that its closing lines can be counted.
pub(crate) fn run_shown(command: &mut Command) -> Result<Shown, String> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| not_started(command, &error))?;
    let mut lines = Vec::new();
    if let Some(output) = child.stdout.take() {
        let mut terminal = std::io::stdout();
        for bytes in BufReader::new(output).split(b'\n') {
            let bytes =
                bytes.map_err(|error| format!("reading `{}`: {error}", line_of(command)))?;
            let line = String::from_utf8_lossy(&bytes).into_owned();
            // A closed terminal is no reason to stop the tests.
            let _ = writeln!(terminal, "{line}");
            lines.push(line);
        }
    }
    let status = child
        .wait()
        .map_err(|error| format!("waiting for `{}`: {error}", line_of(command)))?;
    Ok(Shown {
        success: status.success(),
        lines,
    })
}

/// Runs a program silently and returns its standard output; a failure shows everything it printed.
pub(crate) fn read(command: &mut Command) -> Result<String, String> {
    let output = command
        .output()
        .map_err(|error| not_started(command, &error))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(format!(
        "`{}` failed: {}\n{text}{complaint}",
        line_of(command),
        output.status
    ))
}

/// True when the program can be found and answers `--version`.
pub(crate) fn exists(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn not_started(command: &Command, error: &std::io::Error) -> String {
    format!("`{}` could not be started: {error}", line_of(command))
}

fn line_of(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}
