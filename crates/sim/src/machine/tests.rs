//! Scenes that need a machine and no seed: what a crash, a checkpoint or packing leaves.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use waystation_engine::{
    Advance, CatalogChange, CatalogEffect, Expect, LogConfig, LogId, LogRead, Outgoing,
    PeekRequest, QueueConfig, QueueId, QueueKind, ReceiveRequest, Scope, States,
};

use super::*;

/// Messages of an index page.
const PAGE_ENTRIES: usize = 512;

impl Machine {
    /// One without faults that started; `change` makes its profile.
    fn started(change: impl FnOnce(&mut Profile)) -> Machine {
        let mut profile = Profile::draw(&mut Rng::with_seed(1), 0);
        profile.room_segments = 1 << 20;
        profile.tight = false;
        profile.spills = false;
        change(&mut profile);
        let mut machine = Machine::new(1, &profile);
        machine.start().expect("starts");
        machine
    }

    /// Asks for a row of the catalog; the record is in the journal's open frame afterwards, and nowhere else.
    fn write(&mut self, scope: &Scope) {
        let change = change(Vec::new());
        let engine = self.engine();
        let asked = pin!(engine.write_catalog(scope, vec![change]));
        assert!(
            asked
                .poll(&mut Context::from_waker(Waker::noop()))
                .is_pending()
        );
        self.run_workers();
    }

    /// A new queue and a new log.
    fn create(&mut self) -> (QueueId, LogId) {
        let engine = self.engine();
        let (queue, log) = (engine.new_queue_id(), engine.new_log_id());
        let config = QueueConfig {
            kind: QueueKind::Standard,
            retention_ms: 345_600_000,
            delay_ms: 0,
            redrive: None,
        };
        let retention_ms = 86_400_000;
        let effects = vec![
            CatalogEffect::Configure(queue, config),
            CatalogEffect::ConfigureLog(log, LogConfig { retention_ms }),
        ];
        let scope = Scope::new("000000000000", "eu-west-1");
        let written = self.answer(engine.write_catalog(&scope, vec![change(effects)]));
        written.expect("a write");
        (queue, log)
    }

    fn send(&mut self, queue: QueueId, bodies: Vec<Bytes>) -> Vec<u64> {
        let handle = self.engine().queue(queue);
        let messages = bodies.into_iter().map(|body| Outgoing {
            size_bytes: body.len() as u32,
            body,
            delay_ms: None,
            group: None,
            dedup: None,
        });
        let sent = self.answer(handle.send(messages.collect())).expect("room");
        let sent = sent.into_iter().map(|sent| sent.expect("room").sequence);
        sent.collect()
    }

    fn append(&mut self, log: LogId, bodies: Vec<Bytes>) {
        let handle = self.engine().log(log);
        self.answer(handle.append(bodies)).expect("room");
    }

    fn run_workers(&mut self) {
        (0..WORKERS).for_each(|number| self.manual().run_worker(number));
    }

    /// Runs everything until the answer is there.
    fn answer<T>(&mut self, asked: impl Future<Output = T>) -> T {
        let mut asked = pin!(asked);
        for _ in 0..10_000 {
            let mut context = Context::from_waker(Waker::noop());
            if let Poll::Ready(answer) = asked.as_mut().poll(&mut context) {
                return answer;
            }
            self.run_workers();
            self.manual().commit_next().expect("no fault");
            while self.manual().fetch_next() {}
        }
        panic!("nobody answers");
    }

    /// Goes on with a checkpoint until it is complete or waits for the journal.
    fn checkpoint(&mut self) -> Advance {
        let mut blocked = 0;
        while blocked < 3 {
            match self.manual().checkpoint_step().expect("no fault") {
                Advance::More => {}
                Advance::Finished => return Advance::Finished,
                Advance::Blocked => blocked += 1,
            }
            self.run_workers();
        }
        Advance::Blocked
    }

    /// Packs whatever the last checkpoint found sparse.
    fn pack(&mut self) {
        while self.manual().packing_step().expect("no fault") != Advance::Finished {
            self.run_workers();
        }
    }

    fn page_bytes(&mut self) -> u64 {
        self.manual().usage().page_bytes.get()
    }
}

fn change(effects: Vec<CatalogEffect>) -> CatalogChange {
    CatalogChange {
        path: b"path".to_vec(),
        expect: Expect::Any,
        value: Some(Bytes::from_static(b"value")),
        effects,
    }
}

/// Bodies of a few bytes.
fn small(count: usize) -> Vec<Bytes> {
    let numbers = 0..count;
    numbers.map(|n| Bytes::from(n.to_string())).collect()
}

/// The rows of a checkpoint may be in the view and the records behind them not in the journal. After the crash nothing
/// is left that changed since the checkpoint before: the next one names the rows of that one.
#[test]
fn what_a_crash_takes_from_both_leaves_the_checkpoint_before() {
    // The first shard whose rows are written, before the journal is waited for.
    let regions = (0..10_000).map(|number| Scope::new("000000000000", &format!("r{number}")));
    let scope = regions.into_iter().find(|scope| scope.shard() == 0);
    let scope = scope.expect("one of so many");
    for before in [false, true] {
        let mut machine = Machine::new(1, &Profile::draw(&mut Rng::with_seed(1), 0));
        machine.start().expect("starts");
        if before {
            machine.write(&scope);
            machine.manual().commit_next().expect("no fault");
            assert_eq!(machine.checkpoint(), Advance::Finished);
        }
        machine.write(&scope);
        assert_eq!(
            machine.checkpoint(),
            Advance::Blocked,
            "its rows are written"
        );
        machine.stop();
        machine
            .start()
            .expect("starts without what nobody was told of");
        assert_eq!(machine.checkpoint(), Advance::Finished);
        machine.stop();
        machine.start().expect("the checkpoint is there");
        let row = machine.engine().catalog().get(&scope, b"path");
        assert_eq!(row.is_some(), before);
    }
}

/// Of a body in chunks the journal is asked who it belongs to: one that is listed under another name keeps its segment.
#[test]
fn bodies_in_chunks_leave_a_mostly_dead_segment() {
    let mut machine = Machine::started(|_| {});
    let (queue, log) = machine.create();
    let (dead, _) = machine.create();
    let large = Bytes::from(vec![7; 300_000]);
    let other = Bytes::from(vec![8; 300_000]);
    machine.send(queue, small(PAGE_ENTRIES + 1));
    let sequence = machine.send(queue, vec![large.clone()])[0] as usize;
    assert!(sequence > PAGE_ENTRIES && !sequence.is_multiple_of(PAGE_ENTRIES));
    machine.append(log, vec![Bytes::from_static(b"small"), other.clone()]);
    machine.send(dead, vec![Bytes::from(vec![9; 1 << 20]); 6]);
    let purged = machine.engine().queue(dead);
    machine.answer(purged.purge()).expect("a purge");
    for _ in 0..2 {
        assert_eq!(machine.checkpoint(), Advance::Finished);
    }
    machine.pack();
    assert_eq!(machine.manual().journal_statistics().packs, 1);

    let handle = machine.engine().queue(queue);
    let request = ReceiveRequest {
        max: 2 * PAGE_ENTRIES,
        visibility_ms: 60_000,
        wait_ms: 0,
        attempt: None,
    };
    let received = machine.answer(handle.receive(request)).expect("messages");
    assert_eq!(received.len(), PAGE_ENTRIES + 2);
    assert!(received.last().is_some_and(|last| last.body == large));
    let handle = machine.engine().log(log);
    let read = machine.answer(handle.read(from(1))).expect("entries");
    assert!(read.entries.len() == 1 && read.entries[0].body == other);
}

/// Index pages leave memory with a checkpoint when it is short, and again after somebody had one read back.
#[test]
fn pages_leave_memory_when_it_is_short() {
    let mut machine = Machine::started(|profile| {
        profile.spills = true;
        profile.log_page_entries = 40;
    });
    let (queue, log) = machine.create();
    machine.send(queue, small(20 * PAGE_ENTRIES));
    machine.append(log, small(2_000));
    let full = machine.page_bytes();
    assert_eq!(machine.checkpoint(), Advance::Finished);
    machine.run_workers();
    let left = machine.page_bytes();
    assert!(2 * left < full, "{left} of {full} bytes");

    let handle = machine.engine().queue(queue);
    let request = PeekRequest {
        from: 10 * PAGE_ENTRIES as u64,
        max: 5,
        bytes_max: u64::MAX,
        states: States::ALL,
    };
    let seen = machine.answer(handle.peek(request)).expect("messages");
    assert_eq!(seen.messages.len(), 5);
    let handle = machine.engine().log(log);
    let read = machine.answer(handle.read(from(1_000))).expect("entries");
    assert_eq!(read.entries[0].position, 1_000);
    machine.run_workers();
    assert_eq!(machine.page_bytes(), left);
}

fn from(position: u64) -> LogRead {
    LogRead {
        from: position,
        entries_max: 5,
        bytes_max: u64::MAX,
        wait_ms: 0,
    }
}
