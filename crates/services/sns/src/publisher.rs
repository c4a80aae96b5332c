//! What one record of a publish holds, and how records are published (decision 14).
//!
//! A slice gathers bodies, each once, and the queues that get them. On FIFO topics it is one message, which the topic's archive
//! keeps too (section 28) and which is published once however often it is asked for.

use std::sync::Arc;

use bytes::Bytes;
use waystation_delivery::notification::Form;
use waystation_engine::{
    BODIES_PER_PUBLICATION_MAX, EngineError, LogId, Logging, Publication, Published, QueueId,
    TARGETS_PER_PUBLICATION_MAX, Target,
};
use waystation_wire::ApiError;

use crate::fan_out::address;
use crate::notice::Notice;
use crate::status_log::StatusLog;
use crate::stored_forms::{Stored, Variant, Writer};
use crate::subscribers::Subscriber;
use crate::tally::{Count, Tally};
use crate::{Sns, errors, limits, status_log};

/// What became of a publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// It is durable.
    Done,
    /// Nothing happened: the topic's archive is not where its row said, because it is being switched on or off.
    ArchiveMoved,
}

/// A topic whose messages go out.
pub(crate) struct Publisher<'a> {
    pub(crate) sns: &'a Sns,
    pub(crate) topic: QueueId,
    pub(crate) log: Option<StatusLog>,
    pub(crate) tally: Arc<Tally>,
}

impl Publisher<'_> {
    /// Adds what a subscriber gets in a queue, and what is said of it.
    pub(crate) fn add<'a>(
        &self,
        slice: &mut Slice<'a>,
        writer: &Writer<'a>,
        subscriber: &'a Subscriber,
    ) {
        let notice = writer.notice;
        let (share, status, more) = address(self.sns, notice, subscriber);
        if let Some(share) = share {
            slice.add(share, writer);
        }
        slice.counts.extend(more);
        let status = status.filter(|_| subscriber.settings.protocol == "sqs");
        if let (Some(log), Some(status)) = (&self.log, status) {
            let entry =
                status_log::of_queue(notice, writer.topic_arn, subscriber, status, self.sns);
            slice.entries.extend(log.keep(entry));
        }
    }

    pub(crate) async fn publish(&self, slices: Vec<Slice<'_>>) -> Result<Delivery, ApiError> {
        match self.try_publish(slices).await {
            Ok(_) => Ok(Delivery::Done),
            Err(EngineError::NoSuchLog | EngineError::LogSealed) => Ok(Delivery::ArchiveMoved),
            Err(error) => Err(errors::from_topic(error)),
        }
    }

    /// Publishes what was gathered and tells how the last of it went.
    pub(crate) async fn try_publish(
        &self,
        slices: Vec<Slice<'_>>,
    ) -> Result<Option<Published>, EngineError> {
        let (publications, said): (Vec<_>, Vec<_>) =
            slices.into_iter().map(Slice::into_parts).unzip();
        let wanted = publications.iter().map(leaves_a_record);
        let wanted: Vec<bool> = wanted.collect();
        let publications: Vec<_> = publications.into_iter().filter(leaves_a_record).collect();
        let mut published = match publications.is_empty() {
            true => Vec::new(),
            false => {
                let published = self.sns.engine.publish(self.topic, publications).await?;
                published.into_iter().collect::<Result<Vec<_>, _>>()?
            }
        }
        .into_iter();
        let mut last = None;
        for (said, wanted) in said.into_iter().zip(wanted) {
            let made = if wanted { published.next() } else { None };
            if !made.as_ref().is_some_and(|made| made.duplicate) {
                said.tell(&self.log, &self.tally);
            }
            last = made.or(last);
        }
        Ok(last)
    }
}

fn leaves_a_record(publication: &Publication) -> bool {
    !publication.targets.is_empty() || publication.dedup.is_some() || publication.log.is_some()
}

/// What is said of a publish once it is made.
struct Said {
    entries: Vec<status_log::Entry>,
    counts: Vec<Count>,
}

impl Said {
    fn tell(self, log: &Option<StatusLog>, tally: &Tally) {
        if let Some(log) = log {
            self.entries.iter().for_each(|entry| log.write(entry));
        }
        self.counts.iter().for_each(|count| tally.add(*count, 1));
    }
}

/// What one queue gets.
pub(crate) struct Share<'a> {
    pub(crate) queue: QueueId,
    pub(crate) variant: Variant<'a>,
    pub(crate) group: Option<u64>,
    pub(crate) dedup: Option<u128>,
    pub(crate) subscriber: &'a Subscriber,
}

/// What one record takes.
#[derive(Default)]
pub(crate) struct Slice<'a> {
    bodies: Vec<Bytes>,
    /// Where those of the message at hand stand; there are a few of them, however many subscribers.
    variants: Vec<(Variant<'a>, u16)>,
    targets: Vec<Target>,
    bytes: usize,
    /// By what the engine knows that it was published.
    dedup: Option<u128>,
    pub(crate) log: Option<Logging>,
    /// What is said and counted once it is published.
    entries: Vec<status_log::Entry>,
    pub(crate) counts: Vec<Count>,
}

impl<'a> Slice<'a> {
    /// Another message begins.
    pub(crate) fn next_message(&mut self) {
        self.variants.clear();
    }

    /// It is a message of a FIFO topic. What the archive keeps is the first body: the form of which all others can be made,
    /// and which FIFO queues with envelopes read as it is (SNS-380).
    pub(crate) fn begin(&mut self, id: u128, archive: Option<LogId>, writer: &Writer<'a>) {
        self.dedup = Some(id);
        self.log = archive.map(Logging::Append);
        if archive.is_some() {
            self.place_of(archived(writer.notice), writer);
        }
    }

    /// Where the body of this kind stands.
    fn place_of(&mut self, variant: Variant<'a>, writer: &Writer<'_>) -> u16 {
        let mut known = self.variants.iter();
        if let Some((_, place)) = known.find(|(known, _)| *known == variant) {
            return *place;
        }
        let body = writer.write(variant);
        self.bytes += body.len();
        self.bodies.push(body);
        let place = (self.bodies.len() - 1) as u16;
        self.variants.push((variant, place));
        place
    }

    fn add(&mut self, share: Share<'a>, writer: &Writer<'_>) {
        let place = self.place_of(share.variant, writer);
        self.targets.push(Target {
            queue: share.queue,
            body: place,
            group: share.group,
            dedup: share.dedup,
            label: share
                .variant
                .is_labelled()
                .then_some(share.subscriber.label),
            reader: Some(share.subscriber.label),
        });
    }

    /// A body that is for nobody else.
    pub(crate) fn add_alone(&mut self, queue: QueueId, body: Bytes) {
        self.bytes += body.len();
        self.bodies.push(body);
        self.targets.push(Target {
            queue,
            body: (self.bodies.len() - 1) as u16,
            group: None,
            dedup: None,
            label: None,
            reader: None,
        });
    }

    pub(crate) fn is_full(&self) -> bool {
        self.bodies.len() >= BODIES_PER_PUBLICATION_MAX
            || self.targets.len() >= TARGETS_PER_PUBLICATION_MAX
            || self.bytes >= limits::PUBLISHED_BYTES_AT_ONCE
    }

    fn into_parts(self) -> (Publication, Said) {
        let publication = Publication {
            dedup: self.dedup,
            bodies: self.bodies,
            targets: self.targets,
            log: self.log,
        };
        let said = Said {
            entries: self.entries,
            counts: self.counts,
        };
        (publication, said)
    }
}

/// The form in which an archive keeps a message.
fn archived(notice: &Notice) -> Variant<'_> {
    Variant {
        text: notice.text_key("sqs"),
        stored: Stored::Notification(Form::Envelope),
        keeps_ids: true,
    }
}

#[cfg(test)]
mod tests {
    use waystation_delivery::message::{Attribute, Message};
    use waystation_engine::Label;
    use waystation_wire::Str;

    use super::*;
    use crate::notice::tests::topic;
    use crate::stored_forms::tests::notice;

    fn subscriber() -> Subscriber {
        Subscriber {
            id: "s".to_owned(),
            label: Label([7; 16]),
            settings: Arc::new(crate::subscription_settings::tests::full()),
        }
    }

    fn share(subscriber: &Subscriber, stored: Stored) -> Share<'_> {
        Share {
            queue: QueueId(1),
            variant: Variant {
                text: "default",
                stored,
                keeps_ids: true,
            },
            group: None,
            dedup: None,
            subscriber,
        }
    }

    #[test]
    fn a_body_for_many_queues_is_stored_once() {
        let (topic, notice) = (topic(false), notice());
        let writer = Writer::new(Str::from_static("u"), &topic, "arn", &notice);
        let subscriber = subscriber();
        let mut slice = Slice::default();
        for _ in 0..3 {
            slice.add(share(&subscriber, Stored::Message), &writer);
            let envelope = Stored::Notification(Form::Envelope);
            slice.add(share(&subscriber, envelope), &writer);
        }
        let of = |target: &Target| (target.body, target.label.is_some());
        let targets: Vec<_> = slice.targets.iter().map(of).collect();
        assert_eq!(targets, [(0, false), (1, true)].repeat(3));
        assert_eq!(slice.bodies.len(), 2);
        let bytes: usize = slice.bodies.iter().map(Bytes::len).sum();
        assert_eq!(slice.bytes, bytes);
        let [bare, stored] = &slice.bodies[..] else {
            panic!("two bodies");
        };
        let attribute = |attribute: &Attribute| attribute.name.clone();
        let bare = Message::decode(bare.clone()).expect("readable");
        assert_eq!(
            (bare.body, bare.attributes.iter().map(attribute).collect()),
            (Str::from_static("message"), vec![Str::from_static("a")])
        );
        assert!(waystation_delivery::notification::Notification::decode(stored).is_ok());
    }

    #[test]
    fn a_slice_is_full_when_its_record_is() {
        let (topic, notice) = (topic(false), notice());
        let writer = Writer::new(Str::from_static("u"), &topic, "arn", &notice);
        let subscriber = subscriber();
        let mut slice = Slice::default();
        while !slice.is_full() {
            slice.add(share(&subscriber, Stored::Message), &writer);
        }
        assert_eq!(slice.targets.len(), TARGETS_PER_PUBLICATION_MAX);
    }
}
