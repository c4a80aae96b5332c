//! What CloudWatch tells of queues (section 27), as numbers for whoever renders them.

use std::collections::HashMap;

use waystation_engine::{QueueId, QueueSurvey, QuietCounts, Tally};
use waystation_wire::ApiError;

use crate::errors::from_engine;
use crate::{Sqs, catalog, limits};

/// One queue, or several together.
#[derive(Clone, Debug, Default)]
pub struct QueueFigures {
    /// `ApproximateNumberOfMessagesVisible`
    pub visible: u64,
    /// `ApproximateNumberOfMessagesNotVisible`
    pub in_flight: u64,
    /// `ApproximateNumberOfMessagesDelayed`
    pub delayed: u64,
    /// `ApproximateAgeOfOldestMessage`, in milliseconds; 0 when there is none (SQS-207).
    pub oldest_age_ms: u64,
    /// The same without noisy tenants, and how many of these there are, once a queue has tenants.
    pub quiet: Option<QuietFigures>,
    /// The counters, since the server started.
    pub tally: Tally,
}

/// What the quiet tenants of a queue have.
#[derive(Clone, Copy, Debug, Default)]
pub struct QuietFigures {
    /// `ApproximateNumberOfNoisyGroups`
    pub noisy_groups: u64,
    /// `ApproximateNumberOfMessagesVisibleInQuietGroups`
    pub visible: u64,
    /// `ApproximateNumberOfMessagesNotVisibleInQuietGroups`
    pub in_flight: u64,
    /// `ApproximateNumberOfMessagesDelayedInQuietGroups`
    pub delayed: u64,
    /// `ApproximateAgeOfOldestMessageInQuietGroups`, in milliseconds; 0 when there is none.
    pub oldest_age_ms: u64,
}

impl QuietFigures {
    fn of(counts: &QuietCounts, now_ms: u64) -> QuietFigures {
        QuietFigures {
            noisy_groups: counts.noisy_groups,
            visible: counts.visible,
            in_flight: counts.in_flight,
            delayed: counts.delayed,
            oldest_age_ms: counts
                .oldest_sent_ms
                .map_or(0, |oldest_ms| now_ms.saturating_sub(oldest_ms)),
        }
    }

    fn add(&mut self, other: &QuietFigures) {
        self.noisy_groups += other.noisy_groups;
        self.visible += other.visible;
        self.in_flight += other.in_flight;
        self.delayed += other.delayed;
        self.oldest_age_ms = self.oldest_age_ms.max(other.oldest_age_ms);
    }
}

/// A queue by its names.
#[derive(Clone, Debug)]
pub struct NamedFigures {
    /// Its account.
    pub account: String,
    /// Its region.
    pub region: String,
    /// Its name.
    pub name: String,
    /// Its figures.
    pub figures: QueueFigures,
}

/// All queues of the server.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// The queues that were created first, up to a limit, so that a queue keeps its place whatever comes after it.
    pub queues: Vec<NamedFigures>,
    /// How many queues there are beyond.
    pub others: usize,
    /// Those together; the age is the greatest.
    pub other_figures: QueueFigures,
}

impl QueueFigures {
    fn of(survey: &QueueSurvey, now_ms: u64) -> QueueFigures {
        QueueFigures {
            visible: survey.counts.visible,
            in_flight: survey.counts.in_flight,
            delayed: survey.counts.delayed,
            oldest_age_ms: survey
                .oldest_ms
                .map_or(0, |oldest_ms| now_ms.saturating_sub(oldest_ms)),
            quiet: survey
                .counts
                .quiet
                .map(|counts| QuietFigures::of(&counts, now_ms)),
            tally: survey.tally,
        }
    }

    fn add(&mut self, other: &QueueFigures) {
        self.visible += other.visible;
        self.in_flight += other.in_flight;
        self.delayed += other.delayed;
        self.oldest_age_ms = self.oldest_age_ms.max(other.oldest_age_ms);
        if let Some(quiet) = &other.quiet {
            self.quiet.get_or_insert_default().add(quiet);
        }
        self.tally.add(&other.tally);
    }
}

impl Sqs {
    /// Looks at every queue once.
    pub async fn survey(&self) -> Result<Survey, ApiError> {
        let now_ms = self.now_ms();
        let surveyed = self.engine.survey().await.map_err(from_engine)?;
        let by_id: HashMap<QueueId, QueueSurvey> = surveyed
            .into_iter()
            .map(|survey| (survey.queue, survey))
            .collect();
        let mut named = Vec::new();
        let catalog = self.engine.catalog();
        for scope in catalog.scopes() {
            for (path, row) in catalog.range(&scope, catalog::QUEUES, None, usize::MAX) {
                let settings = catalog::settings(&row)?;
                let name = path.get(catalog::QUEUES.len()..).unwrap_or_default();
                let name = String::from_utf8_lossy(name).into_owned();
                if let Some(survey) = by_id.get(&settings.queue) {
                    named.push((settings.created_ms, scope.clone(), name, survey));
                }
            }
        }
        named.sort_by(|one, other| (one.0, &one.1, &one.2).cmp(&(other.0, &other.1, &other.2)));
        let mut survey = Survey::default();
        for (place, (_, scope, name, found)) in named.into_iter().enumerate() {
            let figures = QueueFigures::of(found, now_ms);
            if place < limits::SURVEYED_QUEUES_MAX {
                survey.queues.push(NamedFigures {
                    account: scope.account().to_owned(),
                    region: scope.region().to_owned(),
                    name,
                    figures,
                });
            } else {
                survey.others += 1;
                survey.other_figures.add(&figures);
            }
        }
        Ok(survey)
    }
}
