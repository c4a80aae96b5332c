//! The time in a signed request: `YYYYMMDDThhmmssZ`, or the `Date` header in
//! the same form or the one of RFC 7231 (IDN-003). Both become seconds since
//! the epoch for the window check and the basic form for the string to sign.

use time::format_description::{BorrowedFormatItem, StaticFormatDescription};
use time::macros::format_description;
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

/// `Sun, 06 Nov 1994 08:49:37`, the preferred form of RFC 7231 without its zone.
const HTTP_DATE: StaticFormatDescription = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second]"
);

/// RFC 7231 knows `GMT` alone; botocore sends `-0000`.
const ZONES: [&str; 3] = [" GMT", " -0000", " +0000"];

/// Length of `YYYYMMDDThhmmssZ`.
const BASIC_CHARS: usize = 16;

/// A moment to the second, with its text in the basic form of ISO 8601.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestTime {
    epoch_s: i64,
    text: [u8; BASIC_CHARS],
}

impl RequestTime {
    /// The moment `epoch_s` seconds after 1970; outside the years 0 to 9999 the epoch itself.
    pub fn from_epoch_s(epoch_s: i64) -> Self {
        let moment = OffsetDateTime::from_unix_timestamp(epoch_s)
            .ok()
            .filter(|moment| (0..=9999).contains(&moment.year()))
            .unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let mut text = *b"00000000T000000Z";
        write_digits(&mut text, 0..4, moment.year().unsigned_abs());
        write_digits(&mut text, 4..6, u32::from(u8::from(moment.month())));
        write_digits(&mut text, 6..8, u32::from(moment.day()));
        write_digits(&mut text, 9..11, u32::from(moment.hour()));
        write_digits(&mut text, 11..13, u32::from(moment.minute()));
        write_digits(&mut text, 13..15, u32::from(moment.second()));
        Self {
            epoch_s: moment.unix_timestamp(),
            text,
        }
    }

    /// Parses `YYYYMMDDThhmmssZ`.
    pub fn parse_basic(text: &str) -> Option<Self> {
        let bytes: [u8; BASIC_CHARS] = text.as_bytes().try_into().ok()?;
        if bytes.get(8) != Some(&b'T') || bytes.get(15) != Some(&b'Z') {
            return None;
        }
        let number = |range: std::ops::Range<usize>| -> Option<u16> {
            bytes.get(range)?.iter().try_fold(0, |sum, byte| {
                byte.is_ascii_digit()
                    .then(|| sum * 10 + u16::from(byte - b'0'))
            })
        };
        let part = |at: usize| number(at..at + 2).and_then(|n| u8::try_from(n).ok());
        let month = Month::try_from(part(4)?).ok()?;
        let date = Date::from_calendar_date(i32::from(number(0..4)?), month, part(6)?).ok()?;
        let time = Time::from_hms(part(9)?, part(11)?, part(13)?).ok()?;
        Some(Self {
            epoch_s: PrimitiveDateTime::new(date, time)
                .assume_utc()
                .unix_timestamp(),
            text: bytes,
        })
    }

    /// Parses the value of a `Date` header, in either of its two forms.
    pub fn parse_date_header(text: &str) -> Option<Self> {
        let items: &[BorrowedFormatItem<'_>] = HTTP_DATE;
        Self::parse_basic(text).or_else(|| {
            let local = ZONES.iter().find_map(|zone| text.strip_suffix(zone))?;
            let moment = PrimitiveDateTime::parse(local, items).ok()?;
            Some(Self::from_epoch_s(moment.assume_utc().unix_timestamp()))
        })
    }

    /// Seconds since 1970.
    pub fn epoch_s(&self) -> i64 {
        self.epoch_s
    }

    /// `YYYYMMDDThhmmssZ`.
    pub fn as_str(&self) -> &str {
        // The constructors only store digits, `T` and `Z`.
        std::str::from_utf8(&self.text).unwrap_or_default()
    }

    /// `YYYYMMDD`, the first element of a credential scope.
    pub fn date(&self) -> &str {
        self.as_str().get(..8).unwrap_or_default()
    }
}

/// Writes `value` in decimal into `range`, from the right, with leading zeros.
fn write_digits(text: &mut [u8; BASIC_CHARS], range: std::ops::Range<usize>, mut value: u32) {
    for slot in text.iter_mut().take(range.end).skip(range.start).rev() {
        *slot = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idn_003_both_date_forms_give_the_same_moment() {
        let basic = RequestTime::parse_basic("19941106T084937Z").unwrap();
        let http = RequestTime::parse_date_header("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        assert_eq!(basic, http);
        assert_eq!(basic.epoch_s(), 784_111_777);
        assert_eq!(basic.as_str(), "19941106T084937Z");
        assert_eq!(basic.date(), "19941106");
        assert_eq!(
            RequestTime::parse_date_header("19941106T084937Z"),
            Some(basic)
        );
    }

    #[test]
    fn malformed_times_are_refused() {
        for text in [
            "",
            "19941106",
            "19941306T084937Z",
            "19940230T084937Z",
            "19941106T244937Z",
            "19941106T084937z",
            "19941106 084937Z",
            "1994-11-06T08:49:37Z",
            "+9941106T084937Z",
            "19941106T084937ZZ",
            "１9941106T08493Z",
        ] {
            assert_eq!(RequestTime::parse_basic(text), None, "{text}");
        }
        assert_eq!(RequestTime::parse_date_header("Sun, 06 Nov 1994"), None);
    }

    #[test]
    fn seconds_and_text_round_trip() {
        for epoch_s in [0, 1, 951_782_400, 1_767_225_599, 253_402_300_799] {
            let moment = RequestTime::from_epoch_s(epoch_s);
            assert_eq!(RequestTime::parse_basic(moment.as_str()), Some(moment));
            assert_eq!(moment.epoch_s(), epoch_s);
        }
        assert_eq!(RequestTime::from_epoch_s(i64::MAX).epoch_s(), 0);
    }
}
