//! What CloudWatch tells of topics (section 33), as numbers for whoever renders them.
//!
//! Counters of this process, kept in memory: they are no state, nothing decides by them, and a restart begins them anew.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use waystation_engine::Scope;

use crate::limits;

/// What is counted of a topic, named after AWS's metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// `NumberOfMessagesPublished`
    Published,
    /// `PublishSize`, in bytes over all messages.
    PublishedBytes,
    /// `NumberOfNotificationsDelivered`
    Delivered,
    /// `NumberOfNotificationsFailed`: of HTTP every failed attempt, of others once when the delivery is given up (SNS-437).
    Failed,
    /// `NumberOfNotificationsFilteredOut-MessageAttributes`
    FilteredByAttributes,
    /// `NumberOfNotificationsFilteredOut-MessageBody`
    FilteredByBody,
    /// `NumberOfNotificationsFilteredOut-InvalidAttributes`
    InvalidAttributes,
    /// `NumberOfNotificationsFilteredOut-NoMessageAttributes`
    NoAttributes,
    /// `NumberOfNotificationsFilteredOut-InvalidMessageBody`
    InvalidBody,
    /// `NumberOfNotificationsRedrivenToDlq`
    Redriven,
    /// `NumberOfNotificationsFailedToRedriveToDlq`
    RedriveFailed,
}

/// How many kinds there are.
const COUNTS: usize = Count::RedriveFailed as usize + 1;

/// What a topic did since the server started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TopicFigures([u64; COUNTS]);

impl TopicFigures {
    /// One of the counters.
    pub fn get(&self, count: Count) -> u64 {
        self.0.get(count as usize).copied().unwrap_or_default()
    }

    /// `NumberOfNotificationsFilteredOut`: by whatever scope.
    pub fn filtered_out(&self) -> u64 {
        self.get(Count::FilteredByAttributes) + self.get(Count::FilteredByBody)
    }

    fn add(&mut self, other: &TopicFigures) {
        for (sum, more) in self.0.iter_mut().zip(other.0) {
            *sum += more;
        }
    }
}

/// The counters of a topic, while it is used.
#[derive(Debug, Default)]
pub(crate) struct Tally([AtomicU64; COUNTS]);

impl Tally {
    /// Counts so many more.
    pub(crate) fn add(&self, count: Count, more: u64) {
        if let Some(counter) = self.0.get(count as usize) {
            counter.fetch_add(more, Ordering::Relaxed);
        }
    }

    fn figures(&self) -> TopicFigures {
        let mut figures = TopicFigures::default();
        for (figure, counter) in figures.0.iter_mut().zip(&self.0) {
            *figure = counter.load(Ordering::Relaxed);
        }
        figures
    }
}

/// The tallies of all topics that were used since the start.
#[derive(Debug, Default)]
pub(crate) struct Tallies(Mutex<HashMap<(Scope, String), Arc<Tally>>>);

impl Tallies {
    fn lock(&self) -> MutexGuard<'_, HashMap<(Scope, String), Arc<Tally>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tally of a topic.
    pub(crate) fn of(&self, scope: &Scope, topic: &str) -> Arc<Tally> {
        let mut known = self.lock();
        known
            .entry((scope.clone(), topic.to_owned()))
            .or_default()
            .clone()
    }

    /// Drops the tally of a deleted topic.
    pub(crate) fn forget(&self, scope: &Scope, topic: &str) {
        self.lock().remove(&(scope.clone(), topic.to_owned()));
    }

    /// Drops all of them.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// The figures of the topics, in order of account, region and name; those past the limit are summed up.
    pub(crate) fn survey(&self) -> TopicSurvey {
        let mut topics: Vec<NamedTopicFigures> = self
            .lock()
            .iter()
            .map(|((scope, name), tally)| NamedTopicFigures {
                account: scope.account().to_owned(),
                region: scope.region().to_owned(),
                name: name.clone(),
                figures: tally.figures(),
            })
            .collect();
        topics.sort_unstable_by(|one, other| {
            (&one.account, &one.region, &one.name).cmp(&(
                &other.account,
                &other.region,
                &other.name,
            ))
        });
        let rest = topics.split_off(topics.len().min(limits::SURVEYED_TOPICS_MAX));
        let mut others = TopicFigures::default();
        rest.iter().for_each(|topic| others.add(&topic.figures));
        TopicSurvey {
            topics,
            others: (!rest.is_empty()).then_some(others),
        }
    }
}

/// A topic by its names.
#[derive(Debug, Clone)]
pub struct NamedTopicFigures {
    /// Its account.
    pub account: String,
    /// Its region.
    pub region: String,
    /// Its name.
    pub name: String,
    /// Its figures.
    pub figures: TopicFigures,
}

/// All topics that were used since the start.
#[derive(Debug, Clone, Default)]
pub struct TopicSurvey {
    /// Those with figures of their own.
    pub topics: Vec<NamedTopicFigures>,
    /// All others together, if there are any.
    pub others: Option<TopicFigures>,
}

impl crate::Sns {
    /// What every topic did since the start.
    pub fn survey(&self) -> TopicSurvey {
        self.tallies.survey()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_past_the_limit_are_summed_up() {
        let tallies = Tallies::default();
        let scope = Scope::new("1", "r");
        for number in 0..limits::SURVEYED_TOPICS_MAX + 2 {
            tallies
                .of(&scope, &format!("{number:06}"))
                .add(Count::Published, 1);
        }
        let survey = tallies.survey();
        assert_eq!(survey.topics.len(), limits::SURVEYED_TOPICS_MAX);
        assert_eq!(
            survey.others.map(|others| others.get(Count::Published)),
            Some(2)
        );
        tallies.clear();
        assert!(tallies.survey().topics.is_empty());
    }
}
