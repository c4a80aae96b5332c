//! `waystation-bench-pattern`: matches events against patterns, without a server. `cargo xtask bench pattern` builds and runs it.

use std::process::ExitCode;

fn main() -> ExitCode {
    waystation_benches::pattern::main()
}
