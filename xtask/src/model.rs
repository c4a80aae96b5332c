//! `cargo xtask model update [DATA_DIR]`: takes AWS's models from an installed botocore.
//!
//! Only what the generator reads is kept, one line per shape, so that an update is a small diff. A service is updated when
//! it has an overlay in `models/`. `DATA_DIR` is botocore's `data`; without it python is asked.

use crate::codegen::source;
use crate::process;
use crate::tree::Tree;
use serde_json::{Map, Value};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Keys that the generator reads, at any depth of a shape or operation.
const KEPT: &[&str] = &[
    "apiVersion",
    "awsQueryCompatible",
    "box",
    "code",
    "document",
    "endpoint",
    "enum",
    "error",
    "errors",
    "event",
    "eventheader",
    "eventpayload",
    "eventstream",
    "exception",
    "fault",
    "flattened",
    "hostLabel",
    "hostPrefix",
    "http",
    "httpStatusCode",
    "idempotencyToken",
    "input",
    "jsonVersion",
    "jsonvalue",
    "key",
    "location",
    "locationName",
    "max",
    "member",
    "members",
    "method",
    "min",
    "name",
    "output",
    "pattern",
    "payload",
    "protocol",
    "protocols",
    "queryName",
    "required",
    "requestUri",
    "responseCode",
    "resultWrapper",
    "senderFault",
    "sensitive",
    "serviceId",
    "shape",
    "signingName",
    "endpointPrefix",
    "streaming",
    "targetPrefix",
    "timestampFormat",
    "type",
    "union",
    "uri",
    "value",
    "wrapper",
    "xmlAttribute",
    "xmlNamespace",
    "prefix",
];

/// Runs the command.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let directory = match arguments {
        [verb] if verb == "update" => installed()?,
        [verb, directory] if verb == "update" => PathBuf::from(directory),
        _ => {
            return Err(String::from(
                "usage: cargo xtask model update [botocore's data directory]",
            ));
        }
    };
    let models = Tree::find()?.root.join("models");
    for service in source::services(&models)? {
        let target = models.join(format!("{service}.json"));
        let model = trimmed(&read(&directory, &service)?)?;
        fs::write(&target, model)
            .map_err(|error| format!("writing {}: {error}", target.display()))?;
    }
    let version = models.join("VERSION");
    fs::write(&version, format!("botocore {}\n", release(&directory)?))
        .map_err(|error| format!("writing {}: {error}", version.display()))
}

fn installed() -> Result<PathBuf, String> {
    let script =
        "import botocore, os; print(os.path.join(os.path.dirname(botocore.__file__), 'data'))";
    let path = process::read(Command::new("python3").args(["-c", script]))?;
    Ok(PathBuf::from(path.trim()))
}

/// The version that stands in botocore's `__init__.py`.
fn release(directory: &Path) -> Result<String, String> {
    let file = directory.join("../__init__.py");
    let text = fs::read_to_string(&file)
        .map_err(|error| format!("reading {}: {error}", file.display()))?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("__version__ = "));
    let version = line.ok_or_else(|| format!("{} names no version", file.display()))?;
    Ok(version.trim_matches(['\'', '"']).to_owned())
}

/// The newest model of a service; packaged ones are compressed.
fn read(directory: &Path, service: &str) -> Result<Value, String> {
    let folder = directory.join(service);
    let entries =
        fs::read_dir(&folder).map_err(|error| format!("reading {}: {error}", folder.display()))?;
    let newest = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir())
        .max();
    let newest = newest.ok_or_else(|| format!("{} holds no version", folder.display()))?;
    let (plain, packed) = (
        newest.join("service-2.json"),
        newest.join("service-2.json.gz"),
    );
    let text = if plain.is_file() {
        fs::read_to_string(&plain)
            .map_err(|error| format!("reading {}: {error}", plain.display()))?
    } else {
        process::read(Command::new("gzip").arg("-dc").arg(&packed))?
    };
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", newest.display()))
}

/// The trimmed model as text: a line for every operation and shape.
fn trimmed(model: &Value) -> Result<String, String> {
    let mut text = String::from("{\n");
    let metadata = trim(model.get("metadata").ok_or("the model has no metadata")?);
    let _ = write!(text, "\"metadata\": {metadata}");
    for section in ["operations", "shapes"] {
        let entries = model.get(section).and_then(Value::as_object);
        let entries = entries.ok_or_else(|| format!("the model has no {section}"))?;
        let _ = write!(text, ",\n\"{section}\": {{");
        for (position, (name, entry)) in entries.iter().enumerate() {
            let comma = if position == 0 { "" } else { "," };
            let _ = write!(text, "{comma}\n\"{name}\": {}", trim(entry));
        }
        text.push_str("\n}");
    }
    text.push_str("\n}\n");
    Ok(text)
}

/// Keeps what is read. Below `members` every key is a name and stays.
fn trim(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields
                .iter()
                .filter(|(key, _)| KEPT.contains(&key.as_str()));
            Value::Object(
                kept.map(|(key, value)| (key.clone(), trim_field(key, value)))
                    .collect(),
            )
        }
        Value::Array(items) => Value::Array(items.iter().map(trim).collect()),
        scalar => scalar.clone(),
    }
}

fn trim_field(key: &str, value: &Value) -> Value {
    match value {
        Value::Object(members) if key == "members" => {
            let members: Map<String, Value> = members
                .iter()
                .map(|(name, member)| (name.clone(), trim(member)))
                .collect();
            Value::Object(members)
        }
        value => trim(value),
    }
}
