//! `waystation-bench-kinesis`: drives a Kinesis endpoint. `cargo xtask bench kinesis` builds the server and runs it.

use std::process::ExitCode;

fn main() -> ExitCode {
    waystation_benches::kinesis::main()
}
