//! Who hears of what is published: the subscriptions of every topic that was used, in memory, compiled for matching.
//!
//! The catalog is the truth. A topic's subscriptions are read from it at their first use and then followed: whoever
//! writes a subscription's row reads it back into here, under the lock, so that of two writers the later one's row
//! stays. A publish that begins after the answer to a change sees the change (SNS-141).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use waystation_engine::{Label, Scope};
use waystation_pattern::{Dialect, Matcher};
use waystation_wire::ApiError;

use crate::Sns;
use crate::catalog::{Located, subscription_path, subscription_settings, subscriptions_of};
use crate::fifo::Turns;
use crate::notice::Notice;
use crate::replay::label;
use crate::subscription_settings::SubscriptionSettings;
use crate::tally::{Count, Tally};

/// The topics whose subscriptions are in memory.
#[derive(Debug, Default)]
pub(crate) struct Topics {
    known: Mutex<HashMap<(Scope, String), Arc<Topic>>>,
}

/// One topic's subscriptions.
#[derive(Debug)]
pub(crate) struct Topic {
    /// The topic's id; another topic of the name gets an entry of its own.
    id: u64,
    state: RwLock<Subscribers>,
    /// On FIFO topics, who publishes now.
    pub(crate) turns: Turns,
}

#[derive(Debug, Default)]
struct Subscribers {
    by_number: BTreeMap<u64, Arc<Subscriber>>,
    numbers: HashMap<String, u64>,
    next: u64,
    /// Those that wait for their confirmation and hear of nothing (SNS-091).
    pending: HashSet<String>,
    /// Those whose replay has an end: they hear of nothing new (SNS-385).
    paused: HashSet<String>,
    /// Those without a filter policy.
    unfiltered: BTreeMap<u64, Arc<Subscriber>>,
    by_attributes: Matcher,
    by_body: Matcher,
}

/// A subscription.
#[derive(Debug)]
pub(crate) struct Subscriber {
    pub(crate) id: String,
    /// The bytes of its id: what tells its copy of a stored body from those of others.
    pub(crate) label: Label,
    pub(crate) settings: Arc<SubscriptionSettings>,
}

impl Topics {
    fn lock(&self) -> MutexGuard<'_, HashMap<(Scope, String), Arc<Topic>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The subscriptions of a topic.
    pub(crate) fn of(&self, sns: &Sns, located: &Located<'_>) -> Result<Arc<Topic>, ApiError> {
        let key = (located.scope.clone(), located.topic.name.to_owned());
        let id = located.settings.id;
        let mut known = self.lock();
        if let Some(topic) = known.get(&key).filter(|topic| topic.id == id) {
            return Ok(topic.clone());
        }
        // Under the lock, so that a change meanwhile is either read here or follows.
        let topic = Arc::new(Topic::read(sns, &located.scope, located.topic.name, id)?);
        known.insert(key, topic.clone());
        Ok(topic)
    }

    /// Drops a deleted topic.
    pub(crate) fn forget(&self, scope: &Scope, name: &str) {
        self.lock().remove(&(scope.clone(), name.to_owned()));
    }

    /// Drops all of them; they are read again when they are used.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// Takes in what the catalog says of a subscription now.
    pub(crate) fn refresh(
        &self,
        sns: &Sns,
        scope: &Scope,
        name: &str,
        id: &str,
    ) -> Result<(), ApiError> {
        let known = self.lock();
        let Some(topic) = known.get(&(scope.clone(), name.to_owned())).cloned() else {
            return Ok(());
        };
        let mut state = topic.state.write().unwrap_or_else(PoisonError::into_inner);
        drop(known);
        let row = sns
            .engine
            .catalog()
            .get(scope, &subscription_path(name, id));
        let settings = row.map(|row| subscription_settings(&row)).transpose()?;
        state.remove(id);
        if let Some(settings) = settings.filter(|settings| settings.topic == topic.id) {
            state.insert(id.to_owned(), settings);
        }
        Ok(())
    }
}

impl Topic {
    fn read(sns: &Sns, scope: &Scope, name: &str, id: u64) -> Result<Topic, ApiError> {
        let mut state = Subscribers::default();
        let prefix = subscriptions_of(name);
        for (path, row) in sns.engine.catalog().range(scope, &prefix, None, usize::MAX) {
            let settings = subscription_settings(&row)?;
            if settings.topic == id {
                let id = path.get(prefix.len()..).unwrap_or_default();
                state.insert(String::from_utf8_lossy(id).into_owned(), settings);
            }
        }
        Ok(Topic {
            id,
            state: RwLock::new(state),
            turns: Turns::default(),
        })
    }

    /// One subscription by itself, as whoever replays to it sees it.
    pub(crate) fn alone(id: &str, settings: Arc<SubscriptionSettings>) -> Topic {
        let topic = settings.topic;
        let mut state = Subscribers::default();
        state.add(id.to_owned(), settings);
        Topic {
            id: topic,
            state: RwLock::new(state),
            turns: Turns::default(),
        }
    }

    /// How many confirmed subscriptions there are.
    pub(crate) fn count(&self) -> usize {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state.by_number.len() + state.paused.len()
    }

    /// How many wait for their confirmation.
    pub(crate) fn pending_count(&self) -> usize {
        self.state
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .pending
            .len()
    }

    /// How many of them have a filter policy.
    pub(crate) fn filtered_count(&self) -> usize {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state.by_number.len() - state.unfiltered.len()
    }

    /// The subscriptions that a message is for, in the order in which they came. What filters hold back is counted.
    pub(crate) fn select(&self, notice: &Notice, tally: &Tally) -> Vec<Arc<Subscriber>> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let mut chosen: Vec<Arc<Subscriber>> = state.unfiltered.values().cloned().collect();
        let mut found = Vec::new();
        // SNS-302
        if !state.by_attributes.is_empty() && !notice.attributes.is_empty() {
            state
                .by_attributes
                .match_attributes(&notice.filter_attributes(), &mut found);
        }
        let by_attributes = found.len();
        let mut is_object = true;
        if !state.by_body.is_empty() {
            // SNS-308: what is no object matches nothing. SNS-325 would ask every protocol's text; the one of queues stands for all.
            let matched = state.by_body.match_json(notice.text_for("sqs"), &mut found);
            is_object = matched.is_ok();
        }
        let held_back = (state.by_attributes.len() - by_attributes) as u64;
        tally.add(Count::FilteredByAttributes, held_back);
        if notice.attributes.is_empty() {
            tally.add(Count::NoAttributes, held_back); // SNS-302
        } else if held_back > 0 && notice.has_unreadable_attributes() {
            tally.add(Count::InvalidAttributes, held_back); // SNS-291
        }
        let held_back = (state.by_body.len() - (found.len() - by_attributes)) as u64;
        tally.add(Count::FilteredByBody, held_back);
        if !is_object {
            tally.add(Count::InvalidBody, held_back);
        }
        chosen.extend(
            found
                .iter()
                .filter_map(|number| state.by_number.get(number).cloned()),
        );
        chosen
    }
}

impl Subscribers {
    fn insert(&mut self, id: String, settings: Arc<SubscriptionSettings>) {
        if settings.is_pending {
            self.pending.insert(id);
            return;
        }
        if settings.has_left {
            return;
        }
        if settings
            .replay
            .is_some_and(|replay| replay.end_ms.is_some())
        {
            self.paused.insert(id);
            return;
        }
        self.add(id, settings);
    }

    fn add(&mut self, id: String, settings: Arc<SubscriptionSettings>) {
        let number = self.next;
        self.next += 1;
        match settings.filter() {
            Some(filter) if filter.dialect() == Dialect::SnsBody => {
                self.by_body.insert(number, &filter)
            }
            Some(filter) => self.by_attributes.insert(number, &filter),
            None => {}
        }
        let subscriber = Arc::new(Subscriber {
            label: label(&id),
            id: id.clone(),
            settings,
        });
        if !subscriber.settings.attributes.contains_key("FilterPolicy") {
            self.unfiltered.insert(number, subscriber.clone());
        }
        self.by_number.insert(number, subscriber);
        self.numbers.insert(id, number);
    }

    fn remove(&mut self, id: &str) {
        self.pending.remove(id);
        self.paused.remove(id);
        if let Some(number) = self.numbers.remove(id) {
            self.by_number.remove(&number);
            self.unfiltered.remove(&number);
            self.by_attributes.remove(number);
            self.by_body.remove(number);
        }
    }
}
