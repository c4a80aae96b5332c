//! `GetQueueAttributes` and `SetQueueAttributes` (section 6).

use waystation_wire::{ApiError, Caller, Map};

use crate::addressing;
use crate::api::{GetQueueAttributesRequest, GetQueueAttributesResult, SetQueueAttributesRequest};
use crate::apply::Requested;
use crate::attributes::{Attribute, Row, TABLE, find};
use crate::catalog::{self, Outcome};
use crate::errors::{from_engine, missing_parameter};
use crate::redrive::Source;
use crate::report::{View, report};
use crate::{Sqs, dead_letter};

/// `GetQueueAttributes`: those named, or `All` (SQS-091..094).
pub(crate) async fn get(
    sqs: &Sqs,
    caller: &Caller,
    input: GetQueueAttributesRequest,
) -> Result<GetQueueAttributesResult, ApiError> {
    let located = addressing::locate(sqs, caller, &input.queue_url)?;
    let rows = wanted(input.attribute_names.iter().flatten().map(|name| &**name))?;
    let counts = match rows.iter().any(|row| is_counter(row.attribute)) {
        true => Some(
            sqs.engine
                .queue(located.id())
                .counts()
                .await
                .map_err(from_engine)?,
        ),
        false => None,
    };
    let arn = located.arn();
    let view = View {
        settings: &located.settings,
        arn: &arn,
        counts,
    };
    let mut attributes = Map::new();
    for row in rows {
        if let Some(value) = report(row.attribute, &view) {
            attributes.insert(row.name, value);
        }
    }
    // SQS-018: nothing to report, no member.
    Ok(GetQueueAttributesResult {
        attributes: (!attributes.is_empty()).then_some(attributes),
    })
}

/// The rows of the named attributes in the order of the table (SQS-094, SQS-095).
fn wanted<'a>(names: impl Iterator<Item = &'a str>) -> Result<Vec<&'static Row>, ApiError> {
    let mut all = false;
    let mut named = Vec::new();
    for name in names {
        match name {
            "All" => all = true,
            name => named.push(find(name)?.attribute),
        }
    }
    Ok(TABLE
        .iter()
        .filter(|row| all || named.contains(&row.attribute))
        .collect())
}

fn is_counter(attribute: Attribute) -> bool {
    matches!(
        attribute,
        Attribute::ApproximateNumberOfMessages
            | Attribute::ApproximateNumberOfMessagesDelayed
            | Attribute::ApproximateNumberOfMessagesNotVisible
    )
}

/// `SetQueueAttributes`: those given, no others (SQS-099..111).
pub(crate) async fn set(
    sqs: &Sqs,
    caller: &Caller,
    input: SetQueueAttributesRequest,
) -> Result<(), ApiError> {
    if input.attributes.is_empty() {
        return Err(missing_parameter("Attributes"));
    }
    let requested = Requested::parse(Some(&input.attributes))?;
    catalog::update(sqs, caller, &input.queue_url, |located, settings| {
        let source = Source {
            account: located.account,
            region: located.region,
            name: located.name,
        };
        requested.apply(settings, &source)?;
        let (before, now_ms) = (&located.settings, sqs.now_ms());
        if let (Some(fifo), Some(before)) = (&mut settings.fifo, &before.fifo) {
            fifo.remember_scope(before, now_ms);
        }
        if settings.redrive_policy != before.redrive_policy {
            dead_letter::check_target(sqs, &located.scope, &located.arn(), settings)?; // SQS-336
        }
        settings.modified_ms = now_ms;
        Ok(Outcome::Changed)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_select_rows() {
        // SQS-094, SQS-095
        let names = |wanted: &[&str]| -> Result<Vec<&str>, String> {
            let rows = super::wanted(wanted.iter().copied()).map_err(|error| error.message)?;
            Ok(rows.into_iter().map(|row| row.name).collect())
        };
        assert_eq!(names(&[]), Ok(vec![]));
        assert_eq!(
            names(&["QueueArn", "DelaySeconds", "QueueArn"]),
            Ok(vec!["DelaySeconds", "QueueArn"])
        );
        assert_eq!(
            names(&["All", "QueueArn"]).map(|names| names.len()),
            Ok(TABLE.len())
        );
        assert_eq!(
            names(&["All", "Nonsense"]),
            Err("Unknown Attribute Nonsense.".to_owned())
        );
        assert_eq!(names(&["all"]), Err("Unknown Attribute all.".to_owned()));
    }
}
