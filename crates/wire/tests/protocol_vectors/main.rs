//! AWS's public protocol vectors, read from botocore's source distribution: `WAYSTATION_PROTOCOL_VECTORS` names its
//! directory `tests/unit/protocols`. We are the server, so inputs are decoded and outputs are encoded, through the same
//! bindings and table-driven codecs that services use.
//!
//! A case that is skipped says why; without the variable there is nothing to read and the tests say that.

// What was skipped and which seed ran must be seen.
#![allow(clippy::print_stdout)]

mod elements;
mod errors;
mod inputs;
mod outputs;
mod suite;
mod tables;
mod values;

use suite::Tally;

#[test]
fn json_1_1_inputs_are_decoded() {
    suite::run("input/json.json", inputs::case).at_least(50);
}

#[test]
fn json_1_0_inputs_are_decoded() {
    suite::run("input/json_1_0.json", inputs::case).at_least(18);
}

#[test]
fn query_compatible_inputs_are_decoded() {
    suite::run("input/json_1_0-query-compatible.json", inputs::case).at_least(1);
}

#[test]
fn query_inputs_are_decoded() {
    suite::run("input/query.json", inputs::case).at_least(34);
}

#[test]
fn cbor_inputs_are_decoded() {
    suite::run("input/smithy-rpc-v2-cbor.json", inputs::case).at_least(15);
}

#[test]
fn cbor_outputs_are_encoded() {
    suite::run("output/smithy-rpc-v2-cbor.json", outputs::case).at_least(35);
    let compatible = "output/smithy-rpc-v2-cbor-query-compatible.json";
    suite::run(compatible, outputs::case).at_least(2);
}

#[test]
fn json_1_1_outputs_are_encoded() {
    suite::run("output/json.json", outputs::case).at_least(45);
}

#[test]
fn json_1_0_outputs_are_encoded() {
    suite::run("output/json_1_0.json", outputs::case).at_least(16);
}

#[test]
fn query_compatible_outputs_are_encoded() {
    suite::run("output/json_1_0-query-compatible.json", outputs::case).at_least(1);
}

#[test]
fn query_outputs_are_encoded() {
    suite::run("output/query.json", outputs::case).at_least(30);
}

impl Tally {
    /// A runner that skips everything would pass; this many cases must have been checked.
    #[track_caller]
    fn at_least(self, cases: usize) {
        if let Tally::Ran { passed } = self {
            assert!(passed >= cases, "only {passed} cases were checked");
        }
    }
}
