//! `POST /_waystation/reset`: tests begin anew without a new server.

use std::sync::Arc;

use http::Method;
use serde_json::json;
use waystation_frontdoor::InternalRoute;
use waystation_sns::Sns;
use waystation_sqs::Sqs;
use waystation_wire::Request;

use crate::json_answer::reply;

/// The endpoint, for a server started with `--test-endpoints`. It removes state; the clock goes on, because engine time
/// never runs backwards.
pub(crate) fn route(sqs: &Arc<Sqs>, sns: &Arc<Sns>) -> InternalRoute {
    let (sqs, sns) = (Arc::clone(sqs), Arc::clone(sns));
    InternalRoute {
        method: Method::POST,
        path: "/_waystation/reset",
        handler: Arc::new(move |_: Request| {
            let (sqs, sns) = (Arc::clone(&sqs), Arc::clone(&sns));
            Box::pin(async move {
                // Topics first, so that none is left that delivers to a queue that is gone.
                let removed = match sns.reset().await {
                    Ok(topics) => sqs.reset().await.map(|queues| (topics, queues)),
                    Err(error) => Err(error),
                };
                match removed {
                    Ok((topics, queues)) => reply(
                        200,
                        &json!({ "queues_removed": queues, "topics_removed": topics }),
                    ),
                    Err(error) => reply(503, &json!({ "message": error.message })),
                }
            })
        }),
    }
}
