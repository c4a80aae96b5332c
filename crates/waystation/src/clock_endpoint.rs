//! `POST /_waystation/clock`: tests move engine time forward, by a duration or to a moment.

use std::sync::Arc;

use http::Method;
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use waystation_engine::{Clock, Engine};
use waystation_frontdoor::InternalRoute;
use waystation_wire::{Request, Response};

use crate::clock::EngineClock;
use crate::json_answer::reply;

/// Farthest a single move may go: a hundred years.
const ADVANCE_MS_MAX: u64 = 100 * 366 * 86_400_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    advance_ms: Option<u64>,
    set: Option<String>,
}

/// The endpoint, for a server started with `--test-clock`.
pub(crate) fn route(engine: Engine, clock: Arc<EngineClock>) -> InternalRoute {
    InternalRoute {
        method: Method::POST,
        path: "/_waystation/clock",
        handler: Arc::new(move |request: Request| {
            let (engine, clock) = (engine.clone(), clock.clone());
            Box::pin(async move { answer(&engine, &clock, &request).await })
        }),
    }
}

async fn answer(engine: &Engine, clock: &EngineClock, request: &Request) -> Response {
    let by_ms = match parse(&request.body, clock.now_ms()) {
        Ok(by_ms) => by_ms,
        Err(message) => return reply(400, &serde_json::json!({ "message": message })),
    };
    let offset_ms = clock.advance(by_ms);
    match engine.move_clock(offset_ms).await {
        Ok(()) => reply(200, &serde_json::json!({ "now_ms": clock.now_ms() })),
        Err(error) => reply(503, &serde_json::json!({ "message": error.to_string() })),
    }
}

fn parse(body: &[u8], now_ms: u64) -> Result<u64, String> {
    let wrong = r#"send {"advance_ms": 1000} or {"set": "2030-01-01T00:00:00Z"}"#;
    let asked: Move = serde_json::from_slice(body).map_err(|error| format!("{wrong}: {error}"))?;
    match (asked.advance_ms, asked.set) {
        (Some(by_ms), None) if by_ms <= ADVANCE_MS_MAX => Ok(by_ms),
        (Some(_), None) => Err(format!("advance_ms may be at most {ADVANCE_MS_MAX}")),
        (None, Some(moment)) => {
            let moment = OffsetDateTime::parse(&moment, &Rfc3339)
                .map_err(|error| format!("{wrong}: {error}"))?;
            let target_ms = u64::try_from(moment.unix_timestamp_nanos() / 1_000_000)
                .map_err(|_| "time before 1970 is not supported".to_string())?;
            match target_ms.checked_sub(now_ms) {
                Some(by_ms) if by_ms <= ADVANCE_MS_MAX => Ok(by_ms),
                Some(_) => Err("that is more than a hundred years away".to_string()),
                None => Err("engine time never runs backwards".to_string()),
            }
        }
        _ => Err(wrong.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_or_a_later_moment_moves_time_and_nothing_else_does() {
        assert_eq!(parse(br#"{"advance_ms": 5}"#, 0), Ok(5));
        assert_eq!(parse(br#"{"set": "1970-01-01T00:00:02Z"}"#, 500), Ok(1_500));
        assert!(parse(br#"{"set": "1970-01-01T00:00:00Z"}"#, 500).is_err());
        assert!(parse(b"{}", 0).is_err());
        assert!(parse(b"not json", 0).is_err());
    }
}
