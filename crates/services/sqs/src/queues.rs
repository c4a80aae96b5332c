//! Queues come, are found and go (section 5).

use waystation_engine::Scope;
use waystation_wire::{ApiError, Caller, Str};

use crate::addressing::{self, queue_url};
use crate::api::{
    CreateQueueRequest, CreateQueueResult, DeleteQueueRequest, GetQueueUrlRequest,
    GetQueueUrlResult, ListQueuesRequest, ListQueuesResult,
};
use crate::apply::Requested;
use crate::dead_letter::{self, Edit};
use crate::errors::{
    changing_too_fast, invalid_parameter, missing_parameter, queue_does_not_exist,
    unknown_attribute,
};
use crate::fifo_settings::FifoSettings;
use crate::pages::PageRequest;
use crate::redrive::Source;
use crate::settings::QueueSettings;
use crate::{Sqs, api, catalog, limits, names, tags};

/// `CreateQueue`: a new queue, or the existing one when it is as asked for (SQS-059..075).
pub(crate) async fn create(
    sqs: &Sqs,
    caller: &Caller,
    input: CreateQueueRequest,
) -> Result<CreateQueueResult, ApiError> {
    let CreateQueueRequest {
        queue_name: name,
        attributes,
        tags,
    } = input;
    let requested = Requested::parse(attributes.as_ref())?;
    if requested.fifo_queue() == Some(false) {
        return Err(unknown_attribute("FifoQueue")); // SQS-103
    }
    let fifo = requested.fifo_queue().is_some();
    check_name(&name, fifo)?;
    let source = Source {
        account: &caller.account,
        region: &caller.region,
        name: &name,
    };
    let mut wanted = QueueSettings::new(
        sqs.engine.new_queue_id(),
        sqs.now_ms(),
        fifo.then(FifoSettings::default),
    );
    requested.apply(&mut wanted, &source)?;
    wanted.tags = tags::check(&name, tags.into_iter().flatten())?;

    let scope = Scope::new(&caller.account, &caller.region);
    let edit = Edit {
        scope: &scope,
        account: &caller.account,
        region: &caller.region,
        name: &name,
        before: None,
        after: Some(&wanted),
    };
    let created = CreateQueueResult {
        queue_url: Some(queue_url(caller, &caller.account, &name)),
    };
    let mut attempts = sqs.attempts();
    while attempts.another() {
        if let Some(row) = sqs
            .engine
            .catalog()
            .get(&scope, &catalog::queue_path(&name))
        {
            let current = catalog::settings(&row)?;
            return match requested.first_difference(&current, &wanted) {
                None => Ok(created), // SQS-066, SQS-067, SQS-073
                Some(attribute) => Err(name_exists(attribute)),
            };
        }
        check_not_deleted_recently(sqs, caller, &name)?;
        dead_letter::check_target(sqs, &scope, &edit.arn_of(&name), &wanted)?;
        if catalog::write(sqs, &mut attempts, &edit).await? {
            return Ok(created);
        }
    }
    Err(changing_too_fast())
}

/// SQS-068
fn name_exists(attribute: &str) -> ApiError {
    api::QUEUE_NAME_EXISTS.with(format!(
        "A queue already exists with the same name and a different value for attribute {attribute}"
    ))
}

/// SQS-074
fn check_not_deleted_recently(sqs: &Sqs, caller: &Caller, name: &str) -> Result<(), ApiError> {
    if sqs.waiting.is_running(
        &deletion_subject(caller, &caller.account, name),
        sqs.now_ms(),
    ) {
        return Err(api::QUEUE_DELETED_RECENTLY.with(
            "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
        ));
    }
    Ok(())
}

/// SQS-060..064
fn check_name(name: &str, fifo: bool) -> Result<(), ApiError> {
    if names::is_queue_name(name) && names::is_fifo_name(name) == fifo {
        return Ok(());
    }
    if fifo {
        return Err(invalid_parameter(
            "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with \
             .fifo suffix and be 1 to 80 in length.",
        ));
    }
    Err(invalid_parameter(
        "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
    ))
}

fn deletion_subject(caller: &Caller, account: &str, name: &str) -> String {
    format!("deletion {}/{account}/{name}", caller.region)
}

/// `DeleteQueue`: the queue with all its messages (SQS-076..079).
pub(crate) async fn delete(
    sqs: &Sqs,
    caller: &Caller,
    input: DeleteQueueRequest,
) -> Result<(), ApiError> {
    let mut attempts = sqs.attempts();
    while attempts.another() {
        let located = addressing::locate(sqs, caller, &input.queue_url)?;
        let edit = Edit {
            scope: &located.scope,
            account: located.account,
            region: located.region,
            name: located.name,
            before: Some((&*located.row, &*located.settings)),
            after: None,
        };
        if catalog::write(sqs, &mut attempts, &edit).await? {
            sqs.waiting.start(
                deletion_subject(caller, located.account, located.name),
                sqs.now_ms(),
            );
            return Ok(());
        }
    }
    Err(changing_too_fast())
}

/// `GetQueueUrl` (SQS-080..082).
pub(crate) async fn get_url(
    sqs: &Sqs,
    caller: &Caller,
    input: GetQueueUrlRequest,
) -> Result<GetQueueUrlResult, ApiError> {
    if input.queue_name.is_empty() {
        return Err(missing_parameter("QueueName"));
    }
    let owner = input
        .queue_owner_aws_account_id
        .filter(|account| !account.is_empty());
    let account = owner.as_ref().unwrap_or(&caller.account);
    if !names::is_account(account) || !names::is_queue_name(&input.queue_name) {
        return Err(queue_does_not_exist());
    }
    let located = addressing::locate_name(sqs, account, &caller.region, &input.queue_name)?;
    if !addressing::may_use(caller, account, &located.settings) {
        return Err(queue_does_not_exist());
    }
    Ok(GetQueueUrlResult {
        queue_url: Some(queue_url(caller, located.account, located.name)),
    })
}

/// `ListQueues` (SQS-083..090).
pub(crate) async fn list(
    sqs: &Sqs,
    caller: &Caller,
    input: ListQueuesRequest,
) -> Result<ListQueuesResult, ApiError> {
    let request = PageRequest::parse(input.max_results, input.next_token.as_deref())?;
    let start = input.queue_name_prefix.unwrap_or_default();
    if start.len() > limits::QUEUE_NAME_PREFIX_LENGTH_MAX {
        return Ok(ListQueuesResult::default());
    }
    let scope = Scope::new(&caller.account, &caller.region);
    let prefix = [catalog::QUEUES, start.as_bytes()].concat();
    let page = request.collect(sqs, &scope, &prefix, |rest, _| {
        // Names are ASCII, so cutting one anywhere leaves valid text.
        let name = [&*start, &String::from_utf8_lossy(rest)].concat();
        Ok(Some(queue_url(caller, &caller.account, &name)))
    })?;
    // SQS-016: no match, no member.
    let urls: Option<Vec<Str>> = (!page.items.is_empty()).then_some(page.items);
    Ok(ListQueuesResult {
        queue_urls: urls,
        next_token: page.next_token,
    })
}

#[cfg(test)]
mod tests {
    use super::check_name;

    #[test]
    fn the_suffix_and_the_attribute_go_together() {
        // SQS-007, SQS-060, SQS-061, SQS-062, SQS-063, SQS-064
        assert!(check_name("orders", false).is_ok());
        assert!(check_name("orders.fifo", true).is_ok());
        let message = |name, fifo| {
            let error = check_name(name, fifo).expect_err(name);
            assert_eq!(error.kind.query_code, "InvalidParameterValue");
            error.message
        };
        let standard =
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
        assert_eq!(message("orders.fifo", false), standard);
        assert_eq!(message("a/b", false), standard);
        assert_eq!(message("", false), standard);
        let fifo = "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end \
                    with .fifo suffix and be 1 to 80 in length.";
        assert_eq!(message("orders", true), fifo);
        assert_eq!(message(".fifo", true), fifo);
    }
}
