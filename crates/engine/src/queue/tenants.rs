//! What each tenant of a standard queue takes of its consumers, and who is noisy (`SQS-381`..`SQS-388`).
//!
//! A tenant is a message group. It is noisy while it holds a large share of the messages in flight, or of
//! the time messages lately spent in flight, which is what consumers spent on them. Both are counters that
//! follow from messages changing their state; nothing is stored. After a restart messages in flight count
//! as if they had been for the whole window, and time spent on others is forgotten.

use rustc_hash::FxHashMap;

use crate::limits::{
    NOISY_IN_FLIGHT_MIN, NOISY_SHARE_DIVISOR, NOISY_SPENT_MS_MIN, TENANT_SILENT_MS,
    TENANT_WINDOW_MS, TENANTS_IDLE_MAX,
};
use crate::page::EntryState;

/// Messages in flight, and the message-milliseconds spent in flight in this window and the last.
#[derive(Clone, Copy, Debug, Default)]
struct Load {
    in_flight: u64,
    /// Up to when the windows are complete.
    until_ms: u64,
    this_window_ms: u64,
    last_window_ms: u64,
}

impl Load {
    /// The same at `now_ms`.
    fn at(mut self, now_ms: u64) -> Load {
        if now_ms <= self.until_ms {
            return self;
        }
        let begin_ms = now_ms - now_ms % TENANT_WINDOW_MS;
        let before_ms = begin_ms.saturating_sub(TENANT_WINDOW_MS);
        if self.until_ms < begin_ms {
            let known_ms = if self.until_ms < before_ms {
                0
            } else {
                self.this_window_ms
            };
            let since_ms = begin_ms - self.until_ms.max(before_ms);
            self.last_window_ms = known_ms + self.in_flight * since_ms;
            self.this_window_ms = 0;
        }
        self.this_window_ms += self.in_flight * (now_ms - self.until_ms.max(begin_ms));
        self.until_ms = now_ms;
        self
    }

    fn spent_ms(&self) -> u64 {
        self.this_window_ms + self.last_window_ms
    }
}

/// One tenant that has, or lately had, messages in flight.
#[derive(Clone, Copy, Debug, Default)]
struct Tenant {
    load: Load,
    /// Latest send known.
    sent_ms: u64,
    delayed: u64,
}

/// All tenants of one queue that consumers have, or lately had, to do with.
#[derive(Debug, Default)]
pub(crate) struct Tenants {
    by_group: FxHashMap<u64, Tenant>,
    /// The queue's own load, messages without a group included.
    all: Load,
    now_ms: u64,
    /// So many tenants make it worth looking for those that can be forgotten.
    sweep_at: usize,
}

impl Tenants {
    /// Nobody but `in_flight` messages without a group.
    pub(crate) fn new(in_flight: u64, now_ms: u64) -> Tenants {
        let all = Load {
            in_flight,
            until_ms: now_ms,
            ..Load::default()
        };
        Tenants {
            all,
            now_ms,
            ..Tenants::default()
        }
    }

    /// Engine time goes on.
    pub(crate) fn tell_time(&mut self, now_ms: u64) {
        self.now_ms = self.now_ms.max(now_ms);
    }

    /// A message of the group was sent now.
    pub(crate) fn sent(&mut self, group: u64) {
        if let Some(tenant) = self.by_group.get_mut(&group) {
            tenant.sent_ms = self.now_ms;
        }
    }

    /// A message that was sent at `sent_ms` changed its state; group 0 stands for none (`SQS-381`).
    pub(crate) fn changed(&mut self, group: u64, sent_ms: u64, from: EntryState, to: EntryState) {
        let leased = |state| u64::from(state == EntryState::Leased);
        let delayed = |state| u64::from(state == EntryState::Delayed);
        let now_ms = self.now_ms;
        let settle = |load: &mut Load| {
            *load = load.at(now_ms);
            load.in_flight = (load.in_flight + leased(to)).saturating_sub(leased(from));
        };
        settle(&mut self.all);
        if group == 0 {
            return;
        }
        if to == EntryState::Leased && !self.by_group.contains_key(&group) {
            self.make_room();
            let fresh = Load {
                until_ms: now_ms,
                ..Load::default()
            };
            let tenant = Tenant {
                load: fresh,
                ..Tenant::default()
            };
            self.by_group.insert(group, tenant);
        }
        if let Some(tenant) = self.by_group.get_mut(&group) {
            settle(&mut tenant.load);
            tenant.sent_ms = tenant.sent_ms.max(sent_ms);
            tenant.delayed = (tenant.delayed + delayed(to)).saturating_sub(delayed(from));
        }
    }

    /// A message that the whole queue's load has already is found to be of this group.
    pub(crate) fn met(&mut self, group: u64, sent_ms: u64, to: EntryState) {
        let all = self.all;
        self.changed(group, sent_ms, EntryState::Ready, to);
        self.all = all;
    }

    /// Forgets tenants without anything in flight and with next to no share, when there are many: who comes
    /// near the threshold is never forgotten, and there can only be a thousand others that stay.
    fn make_room(&mut self) {
        if self.by_group.len() < self.sweep_at.max(TENANTS_IDLE_MAX) {
            return;
        }
        let now_ms = self.now_ms;
        let least_ms = self.all.at(now_ms).spent_ms() / 1000;
        self.by_group.retain(|_, tenant| {
            tenant.load.in_flight > 0 || tenant.load.at(now_ms).spent_ms() > least_ms
        });
        self.sweep_at = 2 * self.by_group.len();
    }

    /// Time spent on the group so far counts no more.
    pub(crate) fn forgive(&mut self, group: u64) {
        if let Some(tenant) = self.by_group.get_mut(&group) {
            tenant.load = Load {
                in_flight: tenant.load.in_flight,
                until_ms: self.now_ms,
                ..Load::default()
            };
        }
    }

    /// Messages of the group in flight.
    pub(crate) fn in_flight(&self, group: u64) -> u64 {
        let tenant = self.by_group.get(&group);
        tenant.map_or(0, |tenant| tenant.load.in_flight)
    }

    /// Delayed messages of the group, as far as known.
    pub(crate) fn delayed(&self, group: u64) -> u64 {
        let tenant = self.by_group.get(&group);
        tenant.map_or(0, |tenant| tenant.delayed)
    }

    /// The tenant holds a large share of what is in flight (`SQS-382`) or of the time lately spent
    /// (`SQS-383`), and has not been silent for long (`SQS-388`).
    pub(crate) fn is_noisy(&self, group: u64) -> bool {
        #[cfg(feature = "planted-bugs")]
        if crate::plant::is(crate::plant::Plant::Noise) {
            return false;
        }
        let Some(tenant) = self.by_group.get(&group) else {
            return false;
        };
        if tenant.sent_ms + TENANT_SILENT_MS <= self.now_ms {
            return false;
        }
        let (own, all) = (tenant.load.at(self.now_ms), self.all.at(self.now_ms));
        let by_concurrency = own.in_flight >= NOISY_IN_FLIGHT_MIN
            && own.in_flight * NOISY_SHARE_DIVISOR > all.in_flight;
        let by_time = own.spent_ms() >= NOISY_SPENT_MS_MIN
            && own.spent_ms() * NOISY_SHARE_DIVISOR > all.spent_ms();
        by_concurrency || by_time
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use EntryState::{Gone, Leased, Ready};

    const T0: u64 = 1_000 * TENANT_WINDOW_MS;

    fn tenants() -> Tenants {
        let mut tenants = Tenants::default();
        tenants.tell_time(T0);
        tenants
    }

    fn lease(tenants: &mut Tenants, group: u64, count: u64) {
        for _ in 0..count {
            tenants.changed(group, tenants.now_ms, Ready, Leased);
        }
    }

    /// SQS-382: more than a tenth, and at least 30.
    #[test]
    fn thirty_in_flight_and_more_than_a_tenth_are_noisy() {
        let mut tenants = tenants();
        lease(&mut tenants, 1, 29);
        assert!(!tenants.is_noisy(1));
        lease(&mut tenants, 1, 1);
        assert!(tenants.is_noisy(1));
        // 270 messages without a group, each a tenant of its own (SQS-381): 30 of 300 are not more than a tenth.
        lease(&mut tenants, 0, 270);
        assert!(!tenants.is_noisy(1) && !tenants.is_noisy(0));
        tenants.changed(0, T0, Leased, Gone);
        assert!(tenants.is_noisy(1));
    }

    /// SQS-383: few messages that keep consumers busy for long; the share is a recent one.
    #[test]
    fn a_tenth_of_the_processing_time_is_noisy_until_it_is_long_ago() {
        let mut tenants = tenants();
        lease(&mut tenants, 1, 1);
        lease(&mut tenants, 2, 9);
        tenants.tell_time(T0 + NOISY_SPENT_MS_MIN);
        assert!(!tenants.is_noisy(1), "a tenth is not more than a tenth");
        assert!(tenants.is_noisy(2));
        lease(&mut tenants, 1, 1);
        tenants.tell_time(T0 + 2 * NOISY_SPENT_MS_MIN);
        assert!(tenants.is_noisy(1));
        tenants.changed(1, T0, Leased, Gone);
        tenants.changed(1, T0, Leased, Gone);
        assert!(tenants.is_noisy(1), "time spent counts on");
        tenants.tell_time(T0 + 3 * TENANT_WINDOW_MS);
        tenants.sent(1);
        assert!(!tenants.is_noisy(1) && tenants.is_noisy(2));
    }

    /// SQS-388: five minutes without a send.
    #[test]
    fn a_silent_tenant_is_quiet() {
        let mut tenants = tenants();
        lease(&mut tenants, 1, 100);
        tenants.tell_time(T0 + TENANT_SILENT_MS - 1);
        assert!(tenants.is_noisy(1));
        tenants.tell_time(T0 + TENANT_SILENT_MS);
        assert!(!tenants.is_noisy(1));
        tenants.sent(1);
        assert!(tenants.is_noisy(1));
    }

    /// Windows roll whether time passes at once or step by step.
    #[test]
    fn load_is_the_same_in_one_step_and_in_many() {
        let start = Load {
            in_flight: 3,
            until_ms: T0 + 1234,
            this_window_ms: 77,
            last_window_ms: 5,
        };
        for span in [1, 9_999, TENANT_WINDOW_MS, 2 * TENANT_WINDOW_MS + 17] {
            let (mut steps, end) = (start, start.until_ms + span);
            while steps.until_ms < end {
                steps = steps.at((steps.until_ms + 997).min(end));
            }
            let once = start.at(end);
            assert_eq!(
                (once.this_window_ms, once.last_window_ms),
                (steps.this_window_ms, steps.last_window_ms)
            );
        }
    }

    /// SQS-391: any number of tenants in bounded memory.
    #[test]
    fn tenants_without_a_share_are_forgotten() {
        let mut tenants = tenants();
        lease(&mut tenants, 1, 50);
        for group in 2..4 * TENANTS_IDLE_MAX as u64 {
            tenants.tell_time(T0 + group / 100);
            tenants.changed(group, T0, Ready, Leased);
            tenants.changed(group, T0, Leased, Gone);
        }
        assert!(tenants.by_group.len() <= TENANTS_IDLE_MAX + 1000);
        assert!(tenants.is_noisy(1));
    }
}
