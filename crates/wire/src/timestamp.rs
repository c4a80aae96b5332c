//! `Timestamp`: a point in time as the wire knows it, seconds since the epoch with fractions, and its text forms.
//!
//! The calendar arithmetic is the proleptic Gregorian one by eras of 400 years (146,097 days), counted from 1 March so that
//! the leap day is a year's last.

/// Seconds since 1970-01-01T00:00:00Z; how it is written is the table's business.
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd)]
pub struct Timestamp(pub f64);

impl Timestamp {
    /// From milliseconds since the epoch.
    pub fn from_ms(ms: u64) -> Timestamp {
        Timestamp(ms as f64 / 1000.0)
    }

    /// Milliseconds since the epoch, rounded; may be negative.
    pub fn as_ms(self) -> i64 {
        (self.0 * 1000.0).round() as i64
    }
}

const DAYS_OF_ERA: i64 = 146_097;
/// Days from 0000-03-01 to 1970-01-01.
const DAYS_TO_EPOCH: i64 = 719_468;
const SECONDS_OF_DAY: i64 = 86_400;
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
/// Years outside of 1 to 9999 have no text form.
const SECONDS_RANGE: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

struct Civil {
    year: i64,
    month: usize,
    day: i64,
    weekday: usize,
    second_of_day: i64,
    ms: i64,
}

fn civil(time: Timestamp) -> Civil {
    let ms = time
        .as_ms()
        .clamp(SECONDS_RANGE.start() * 1000, SECONDS_RANGE.end() * 1000);
    let seconds = ms.div_euclid(1000);
    let days = seconds.div_euclid(SECONDS_OF_DAY);
    let shifted = days + DAYS_TO_EPOCH;
    let day_of_era = shifted.rem_euclid(DAYS_OF_ERA);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    Civil {
        year: year_of_era + shifted.div_euclid(DAYS_OF_ERA) * 400 + i64::from(month <= 2),
        month: month as usize,
        day: day_of_year - (153 * shifted_month + 2) / 5 + 1,
        weekday: days.rem_euclid(7) as usize,
        second_of_day: seconds.rem_euclid(SECONDS_OF_DAY),
        ms: ms.rem_euclid(1000),
    }
}

fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let year_of_era = shifted_year.rem_euclid(400);
    let shifted_month = (month + 9) % 12;
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    shifted_year.div_euclid(400) * DAYS_OF_ERA + day_of_era - DAYS_TO_EPOCH
}

/// `2026-01-31T12:00:00Z`, with milliseconds where there are some.
pub fn iso8601(time: Timestamp) -> String {
    let c = civil(time);
    let (hour, minute, second) = (
        c.second_of_day / 3600,
        c.second_of_day / 60 % 60,
        c.second_of_day % 60,
    );
    let fraction = if c.ms == 0 {
        String::new()
    } else {
        format!(".{:03}", c.ms)
    };
    format!(
        "{:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z",
        c.year, c.month, c.day
    )
}

/// `Sat, 31 Jan 2026 12:00:00 GMT`
pub fn http_date(time: Timestamp) -> String {
    let c = civil(time);
    let (hour, minute, second) = (
        c.second_of_day / 3600,
        c.second_of_day / 60 % 60,
        c.second_of_day % 60,
    );
    let weekday = WEEKDAYS.get(c.weekday).unwrap_or(&"");
    let month = MONTHS.get(c.month - 1).unwrap_or(&"");
    format!(
        "{weekday}, {:02} {month} {:04} {hour:02}:{minute:02}:{second:02} GMT",
        c.day, c.year
    )
}

/// Reads any form: epoch seconds, ISO 8601 with `Z` or an offset, HTTP date.
pub fn parse(text: &str) -> Option<Timestamp> {
    parse_epoch(text)
        .or_else(|| parse_iso8601(text))
        .or_else(|| parse_http_date(text))
}

fn parse_epoch(text: &str) -> Option<Timestamp> {
    let number = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b".-+eE".contains(&byte));
    let seconds: f64 = if number {
        text.parse().ok()?
    } else {
        return None;
    };
    seconds.is_finite().then_some(Timestamp(seconds))
}

fn parse_iso8601(text: &str) -> Option<Timestamp> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let mut parts = date.splitn(3, '-').map(digits);
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let (clock, offset_seconds) = match time.find(['Z', 'z', '+', '-']) {
        Some(at) => (time.get(..at)?, parse_offset(time.get(at..)?)?),
        None => (time, 0),
    };
    let (whole, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let fraction: f64 = format!("0.{}", digits(fraction).map(|_| fraction)?)
        .parse()
        .ok()?;
    let seconds = instant(year, month, day, whole)?;
    Some(Timestamp((seconds - offset_seconds) as f64 + fraction))
}

fn parse_offset(text: &str) -> Option<i64> {
    let sign = match text.as_bytes().first()? {
        b'Z' | b'z' if text.len() == 1 => return Some(0),
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    Some(sign * (digits(hours)? * 3600 + digits(minutes)? * 60))
}

fn parse_http_date(text: &str) -> Option<Timestamp> {
    let (_, rest) = text.split_once(", ")?;
    let mut parts = rest.split(' ');
    let day = digits(parts.next()?)?;
    let name = parts.next()?;
    let month = MONTHS.iter().position(|month| *month == name)? as i64 + 1;
    let year = digits(parts.next()?)?;
    let (whole, fraction) = match parts.next()?.split_once('.') {
        Some((whole, fraction)) => (whole, digits(fraction).map(|_| fraction)?),
        None => (rest.split(' ').nth(3)?, "0"),
    };
    let fraction: f64 = format!("0.{fraction}").parse().ok()?;
    (parts.next()? == "GMT")
        .then(|| instant(year, month, day, whole).map(|s| Timestamp(s as f64 + fraction)))?
}

/// Seconds since the epoch of a date and `HH:MM:SS`.
fn instant(year: i64, month: i64, day: i64, clock: &str) -> Option<i64> {
    let mut parts = clock.splitn(3, ':').map(digits);
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let valid = (1..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour <= 24
        && minute < 60
        && second <= 60;
    valid.then(|| {
        days_from_civil(year, month, day) * SECONDS_OF_DAY + hour * 3600 + minute * 60 + second
    })
}

/// One to nine digits.
fn digits(text: &str) -> Option<i64> {
    let plain = (1..=9).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_agree_with_known_dates() {
        let time = Timestamp(1_398_796_238.0);
        assert_eq!(iso8601(time), "2014-04-29T18:30:38Z");
        assert_eq!(http_date(time), "Tue, 29 Apr 2014 18:30:38 GMT");
        assert_eq!(
            iso8601(Timestamp(951_782_400.123)),
            "2000-02-29T00:00:00.123Z"
        );
        assert_eq!(iso8601(Timestamp(-1.0)), "1969-12-31T23:59:59Z");
    }

    #[test]
    fn every_form_is_read_back() {
        for day in (-700_000..2_900_000_i64).step_by(997) {
            let time = Timestamp((day * SECONDS_OF_DAY + day.rem_euclid(SECONDS_OF_DAY)) as f64);
            assert_eq!(parse(&iso8601(time)), Some(time));
            assert_eq!(parse(&http_date(time)), Some(time));
        }
        assert_eq!(
            parse("2014-04-29T18:30:38+01:00"),
            Some(Timestamp(1_398_792_638.0))
        );
        assert_eq!(parse("1398796238.5"), Some(Timestamp(1_398_796_238.5)));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "x",
            "2014-13-01T00:00:00Z",
            "2014-04-29",
            "T",
            "-",
            "2014-04-29T18:30:38+",
            "99999999999999-1-1T1:1:1Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
