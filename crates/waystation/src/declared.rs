//! `[[sqs.queues]]` of `waystation.toml`: queues that exist when the server is ready.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;
use waystation_sqs::{Declaration, Sqs, names};
use waystation_wire::{Map, Str};

/// The section `[sqs]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SqsSection {
    queues: Vec<QueueEntry>,
}

/// One `[[sqs.queues]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct QueueEntry {
    name: Spanned<String>,
    account: Option<String>,
    region: Option<String>,
    #[serde(default)]
    attributes: BTreeMap<String, toml::Value>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    redrive: Option<RedriveEntry>,
}

/// A redrive policy by name, for a dead-letter queue of the same account and region.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RedriveEntry {
    to: String,
    receives: u16,
}

/// A declared queue and the line that names it.
#[derive(Debug)]
pub(crate) struct Declared {
    line: usize,
    queue: Declaration,
}

/// Everything that a file declares.
#[derive(Debug, Default)]
pub(crate) struct Declarations {
    pub(crate) file: PathBuf,
    pub(crate) queues: Vec<Declared>,
}

impl SqsSection {
    /// The queues with their lines in `text`; account and region are those of entries that say none.
    pub(crate) fn resolve(
        self,
        text: &str,
        account: &str,
        region: &str,
    ) -> Result<Vec<Declared>, String> {
        let mut known = std::collections::BTreeSet::new();
        let mut declared = Vec::with_capacity(self.queues.len());
        for entry in self.queues {
            let start = text.get(..entry.name.span().start).unwrap_or_default();
            let line = start.matches('\n').count() + 1;
            let name = entry.name.get_ref().clone();
            let of_queue = |why: String| format!("line {line}: queue {name}: {why}");
            let queue = entry.resolve(account, region).map_err(of_queue)?;
            let place = [&queue.account, &queue.region, &queue.name].map(ToString::to_string);
            if !known.insert(place) {
                return Err(of_queue("is declared twice".to_owned()));
            }
            declared.push(Declared { line, queue });
        }
        Ok(declared)
    }
}

impl QueueEntry {
    fn resolve(self, account: &str, region: &str) -> Result<Declaration, String> {
        let account = self.account.unwrap_or_else(|| account.to_owned());
        let region = self.region.unwrap_or_else(|| region.to_owned());
        if !waystation_auth::is_account(&account) {
            return Err(format!("account takes 12 digits, not '{account}'"));
        }
        if !waystation_auth::is_region(&region) {
            let wrong = format!("region takes a name such as us-east-1, not '{region}'");
            return Err(wrong);
        }
        let name = self.name.into_inner();
        let mut attributes = Map::new();
        for (attribute, value) in self.attributes {
            let value = attribute_text(&attribute, value)?;
            attributes.insert(attribute, Str::from(value));
        }
        if names::is_fifo_name(&name) && !attributes.contains_key("FifoQueue") {
            attributes.insert("FifoQueue", Str::from_static("true"));
        }
        if let Some(redrive) = self.redrive {
            let policy = serde_json::json!({
                "deadLetterTargetArn": names::arn(&region, &account, &redrive.to),
                "maxReceiveCount": redrive.receives,
            });
            let policy = Str::from(policy.to_string());
            if attributes.insert("RedrivePolicy", policy).is_some() {
                return Err("has both redrive and the attribute RedrivePolicy".to_owned());
            }
        }
        let tags = self.tags.into_iter();
        Ok(Declaration {
            account: Str::from(account),
            region: Str::from(region),
            name: Str::from(name),
            attributes,
            tags: tags
                .map(|(key, value)| (Str::from(key), Str::from(value)))
                .collect(),
        })
    }
}

/// Attributes are texts in the API; numbers, booleans and documents may be written as such.
fn attribute_text(name: &str, value: toml::Value) -> Result<String, String> {
    match value {
        toml::Value::String(text) => Ok(text),
        toml::Value::Integer(number) => Ok(number.to_string()),
        toml::Value::Boolean(flag) => Ok(flag.to_string()),
        toml::Value::Table(_) => serde_json::to_string(&value).map_err(|error| error.to_string()),
        other => Err(format!(
            "{name} takes a text, a number, true, false or a table, not {}",
            other.type_str()
        )),
    }
}

impl Declarations {
    /// Makes the queues exist; an error says where the queue is declared and what AWS says to it.
    pub(crate) async fn create(&self, sqs: &Sqs) -> Result<(), String> {
        let queues = self.queues.iter().map(|declared| declared.queue.clone());
        let queues: Vec<Declaration> = queues.collect();
        sqs.declare(&queues).await.map_err(|refused| {
            let (line, name) = self
                .queues
                .get(refused.index)
                .map_or((0, ""), |declared| (declared.line, &*declared.queue.name));
            format!(
                "{}, line {line}: queue {name}: {} ({})",
                self.file.display(),
                refused.error.message,
                refused.error.kind.query_code
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(text: &str) -> Result<Vec<Declared>, String> {
        #[derive(Deserialize)]
        struct File {
            sqs: SqsSection,
        }
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        file.sqs.resolve(text, "000000000000", "us-east-1")
    }

    #[test]
    fn values_become_the_texts_of_the_api() {
        let declared = resolved(
            "[[sqs.queues]]\nname = 'orders.fifo'\nregion = 'eu-west-1'\ntags = { team = 'a' }\n\
             attributes = { DelaySeconds = 5, ContentBasedDeduplication = true, Policy = { Version = '2012-10-17' } }\n\
             redrive = { to = 'dead.fifo', receives = 3 }\n",
        )
        .unwrap();
        let [Declared { line: 2, queue }] = &declared[..] else {
            panic!("{declared:?}");
        };
        let attribute = |name| queue.attributes.get(name).map(|text| text.as_str());
        assert_eq!(attribute("DelaySeconds"), Some("5"));
        assert_eq!(attribute("ContentBasedDeduplication"), Some("true"));
        assert_eq!(attribute("FifoQueue"), Some("true"));
        assert_eq!(attribute("Policy"), Some("{\"Version\":\"2012-10-17\"}"));
        let arn = "arn:aws:sqs:eu-west-1:000000000000:dead.fifo";
        let policy = format!("{{\"deadLetterTargetArn\":\"{arn}\",\"maxReceiveCount\":3}}");
        assert_eq!(attribute("RedrivePolicy"), Some(&*policy));
        assert_eq!(queue.tags.len(), 1);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_line() {
        let start = "[[sqs.queues]]\n\nname = 'q'\n";
        for (rest, why) in [
            ("account = '1'", "line 3: queue q: account takes 12 digits"),
            ("region = 'X'", "line 3: queue q: region takes"),
            (
                "attributes = { DelaySeconds = 1.5 }",
                "DelaySeconds takes a text",
            ),
            ("attribute = {}", "unknown field `attribute`"),
            ("redrive = { to = 'd' }", "missing field `receives`"),
            (
                "attributes = { RedrivePolicy = '{}' }\nredrive = { to = 'd', receives = 1 }",
                "both redrive and the attribute",
            ),
            (
                "[[sqs.queues]]\nname = 'q'",
                "line 5: queue q: is declared twice",
            ),
        ] {
            let error = resolved(&format!("{start}{rest}\n")).unwrap_err();
            assert!(error.contains(why), "{rest}: {error}");
        }
    }
}
