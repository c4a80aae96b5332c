//! What stands in the queue of a subscription: a message ready to be delivered, or to become a dead letter.
//!
//! Today it is the stored form that queues of SQS get too. Queues of earlier versions hold version 1 of a form of their own,
//! which is still read: version u8 = 1, kind u8 (0 notification, 1 subscription confirmation), raw u8, message id as text,
//! then the stored form of the message as SQS reads it.

use bytes::Bytes;
use waystation_delivery::message::Message;
use waystation_delivery::notification::{Form, Kind, Notification, ReadError};
use waystation_delivery::signer::Signer;
use waystation_delivery::stored::{Input, Malformed};
use waystation_engine::Label;
use waystation_wire::Str;

const VERSION_ONE: u8 = 1;

/// A message on its way to an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) kind: Kind,
    pub(crate) form: Form,
    /// SNS-200: the same in every attempt.
    pub(crate) id: Str,
    /// What was published.
    pub(crate) text: Str,
    /// What the endpoint gets, and what a dead-letter queue gets (SNS-348, SNS-349).
    pub(crate) message: Message,
}

impl Waiting {
    /// Reads what a queue holds.
    pub(crate) async fn read(
        stored: Bytes,
        label: Option<Label>,
        signer: &Signer,
    ) -> Result<Waiting, ReadError> {
        if !Notification::is_stored_in(&stored) {
            return Ok(Waiting::read_version_one(&stored)?);
        }
        let notification = Notification::decode(&stored)?;
        Ok(Waiting {
            kind: notification.kind,
            form: notification.form,
            id: notification.id.clone(),
            text: notification.message.body.clone(),
            message: notification
                .read(label, signer)
                .await
                .map_err(ReadError::Engine)?,
        })
    }

    fn read_version_one(stored: &Bytes) -> Result<Waiting, Malformed> {
        let mut input = Input::new(stored);
        if input.u8()? != VERSION_ONE {
            return Err(Malformed);
        }
        let kind = match input.u8()? {
            0 => Kind::Notification,
            1 => Kind::SubscriptionConfirmation,
            _ => return Err(Malformed),
        };
        let form = if input.flag()? {
            Form::Raw
        } else {
            Form::Envelope
        };
        let id = Str::from(input.text()?);
        let message = Message::decode(stored.slice_ref(input.rest())).map_err(|_| Malformed)?;
        Ok(Waiting {
            kind,
            form,
            id,
            text: message.body.clone(),
            message,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_1_stays_readable() {
        // Journals of earlier versions hold this form.
        let message = Message {
            body: Str::from_static("body"),
            body_md5: [1; 16],
            attributes: Vec::new(),
            attributes_md5: None,
            sender_id: Str::from_static("s"),
            group_id: None,
            deduplication_id: None,
            trace_header: None,
        };
        let stored = [b"\x01\x01\x00\x03\0\0\0i-1".as_slice(), &message.encode()].concat();
        let stored = Bytes::from(stored);
        let read = Waiting::read_version_one(&stored).expect("readable");
        assert_eq!(read.kind, Kind::SubscriptionConfirmation);
        assert_eq!((read.form, &*read.id), (Form::Envelope, "i-1"));
        assert_eq!(read.message, message);
        for length in 0..stored.len() {
            assert!(Waiting::read_version_one(&stored.slice(..length)).is_err());
        }
    }
}
