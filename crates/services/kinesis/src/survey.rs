//! The figures of all streams that were used since the start, for `/metrics` (KIN-253, KIN-254).

use waystation_wire::ApiError;

use crate::figures::Figure;
use crate::stream_settings::Status;
use crate::{Kinesis, catalog, names};

/// A stream, or one of its shards, with what happened to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surveyed {
    /// Twelve digits.
    pub account: String,
    /// The region.
    pub region: String,
    /// The stream's name.
    pub stream: String,
    /// The shard's id; `None` for the stream as a whole.
    pub shard: Option<String>,
    /// In the same order for all streams, and for all shards.
    pub figures: Vec<Figure>,
}

impl Kinesis {
    /// What happened to every stream that was used; shards only of those that are monitored by shard.
    pub fn survey(&self) -> Result<Vec<Surveyed>, ApiError> {
        let now_ms = self.now_ms();
        let mut surveyed = Vec::new();
        let mut there = std::collections::HashSet::new();
        let catalog = self.engine.catalog();
        for scope in catalog.scopes() {
            for (path, row) in catalog.range(&scope, catalog::STREAMS, None, usize::MAX) {
                let settings = &catalog::stream(&row)?.settings;
                if settings.status(now_ms) == Status::Gone {
                    continue;
                }
                there.insert(settings.id);
                let Some(figures) = self.figures.get(settings.id) else {
                    continue;
                };
                let name = path.get(catalog::STREAMS.len()..).unwrap_or_default();
                let (of_stream, of_shards) = figures.all();
                let whole = Surveyed {
                    account: scope.account().to_owned(),
                    region: scope.region().to_owned(),
                    stream: String::from_utf8_lossy(name).into_owned(),
                    shard: None,
                    figures: of_stream,
                };
                let by_shard = of_shards.into_iter().filter(|_| settings.metrics != 0);
                let shards = by_shard.map(|(index, figures)| Surveyed {
                    shard: Some(names::shard_id(index)),
                    figures,
                    ..whole.clone()
                });
                let shards: Vec<Surveyed> = shards.collect();
                surveyed.push(whole);
                surveyed.extend(shards);
            }
        }
        self.figures.retain(|stream| there.contains(&stream));
        Ok(surveyed)
    }
}
