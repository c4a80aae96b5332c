//! `waystation-bench-sns`: publishes to topics. `cargo xtask bench sns` builds the server and runs it.

use std::process::ExitCode;

fn main() -> ExitCode {
    waystation_benches::sns::main()
}
