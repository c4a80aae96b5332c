//! On-demand streams grow under load that lasts (KIN-225). Only under [`Limits::Aws`](crate::Limits::Aws) does a shard refuse
//! anything, so only there does a stream need to grow.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use waystation_wire::ApiError;

use crate::addressing::Located;
use crate::stream_settings::{Mode, Status, Work};
use crate::{Kinesis, catalog, limits, work};

/// Since when and when last a stream refused records.
#[derive(Debug, Clone, Copy)]
struct Refused {
    since_ms: u64,
    last_ms: u64,
}

/// Streams that refused records lately.
#[derive(Debug, Default)]
pub(crate) struct Growth {
    streams: Mutex<HashMap<u64, Refused>>,
}

impl Growth {
    /// Notes a refusal; whether they go on for so long that the stream should grow.
    fn is_lasting(&self, stream: u64, now_ms: u64) -> bool {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = |refused: &Refused| now_ms <= refused.last_ms + limits::LOAD_PAUSE_MS;
        streams.retain(|id, refused| *id == stream || is_recent(refused));
        let since_ms = streams.get(&stream).filter(|refused| is_recent(refused));
        let since_ms = since_ms.map_or(now_ms, |refused| refused.since_ms);
        if now_ms >= since_ms + limits::LOAD_LASTING_MS {
            streams.remove(&stream);
            return true;
        }
        let last_ms = now_ms;
        streams.insert(stream, Refused { since_ms, last_ms });
        false
    }
}

/// A shard of the stream refused records: doubles its shards when that goes on.
pub(crate) async fn note_refused(kinesis: &Kinesis, located: &Located) -> Result<(), ApiError> {
    let settings = &located.stream.settings;
    let may_grow = settings.mode == Mode::OnDemand && located.status == Status::Active;
    if !may_grow || !kinesis.growth.is_lasting(settings.id, located.now_ms) {
        return Ok(());
    }
    let open = located.shards(&kinesis.engine)?.open_count() as u32;
    let target = open.saturating_mul(2).min(limits::ON_DEMAND_SHARDS_MAX);
    if target <= open {
        return Ok(());
    }
    let mut after = settings.clone();
    after.begin_update(located.now_ms);
    after.work = Work::Scale(target);
    // Whoever was faster has it done, or the next refusal does.
    catalog::write_stream(&kinesis.engine, located, &after, Vec::new()).await?;
    work::start(kinesis, &located.scope, &located.name);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_load_that_lasts_makes_a_stream_grow() {
        // KIN-225
        let growth = Growth::default();
        assert!(!growth.is_lasting(1, 0));
        assert!(!growth.is_lasting(1, 1_000));
        assert!(!growth.is_lasting(2, 1_500));
        assert!(!growth.is_lasting(1, 1_999));
        assert!(growth.is_lasting(1, 2_000));
        assert!(!growth.is_lasting(1, 2_001), "counted anew");
        assert!(!growth.is_lasting(1, 60_000), "a pause begins anew");
        assert!(!growth.is_lasting(1, 61_000));
    }
}
