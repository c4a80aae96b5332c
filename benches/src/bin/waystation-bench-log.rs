//! `waystation-bench-log`: writes and reads logs of the engine, without a server. `cargo xtask bench log` builds and runs it.

use std::process::ExitCode;

fn main() -> ExitCode {
    waystation_benches::log::main()
}
