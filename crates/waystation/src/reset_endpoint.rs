//! `POST /_waystation/reset`: tests begin anew without a new server.

use std::sync::Arc;

use http::Method;
use serde_json::json;
use waystation_frontdoor::InternalRoute;
use waystation_sqs::Sqs;
use waystation_wire::Request;

use crate::json_answer::reply;

/// The endpoint, for a server started with `--test-endpoints`. It removes state; the clock goes on, because engine time
/// never runs backwards.
pub(crate) fn route(sqs: &Arc<Sqs>) -> InternalRoute {
    let sqs = Arc::clone(sqs);
    InternalRoute {
        method: Method::POST,
        path: "/_waystation/reset",
        handler: Arc::new(move |_: Request| {
            let sqs = Arc::clone(&sqs);
            Box::pin(async move {
                match sqs.reset().await {
                    Ok(removed) => reply(200, &json!({ "queues_removed": removed })),
                    Err(error) => reply(503, &json!({ "message": error.message })),
                }
            })
        }),
    }
}
