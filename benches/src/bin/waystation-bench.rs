//! `waystation-bench`: drives an SQS endpoint. `cargo xtask bench sqs` builds the server and runs it.

use std::process::ExitCode;

fn main() -> ExitCode {
    waystation_benches::sqs::main()
}
