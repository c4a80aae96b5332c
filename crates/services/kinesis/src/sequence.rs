//! Sequence numbers in AWS's own layout (KIN-091 to KIN-094). They are computed, stored nowhere.
//!
//! A number has 47 hexadecimal digits, shown in decimal: `2`; 9 of the second in which the shard was made; 1 of the shard's
//! index, its lowest; 16 of the place in the shard; `00`; 9 of the second of the record; 8 of the shard's index; `2`.
//! A place is the log's position plus one, so that the number a shard starts with is below those of all its records. Where a
//! subscription goes on is a number between two records: the `00` after the place is `01` in it (KIN-181).

use std::fmt::Write as _;

/// The place that stands in the ending number of a closed shard (KIN-092).
const END: u64 = 0x7fff_ffff_ffff_ffff;
/// Seconds have 9 digits.
const SECOND_MAX: u64 = 0xf_ffff_ffff;
/// The power of ten by which the decimal form is built: the number is larger than 128 bits.
const CHUNK: u64 = 10_000_000_000_000_000_000;
const CHUNK_DIGITS: usize = 19;
/// 57 digits hold 188 bits.
const CHUNKS: usize = 3;

/// The parts of a sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SequenceNumber {
    /// Second in which the shard was made.
    pub(crate) created_s: u64,
    /// The shard.
    pub(crate) shard: u32,
    /// Place in the shard: position plus one, 0 at its start.
    pub(crate) place: u64,
    /// After the record at that place, before any other.
    pub(crate) is_between: bool,
    /// Second of the record.
    pub(crate) second: u64,
}

impl SequenceNumber {
    /// Of the record at a position, written at this time.
    pub(crate) fn of_record(created_s: u64, shard: u32, position: u64, time_ms: u64) -> Self {
        SequenceNumber {
            created_s,
            shard,
            place: position + 1,
            is_between: false,
            second: time_ms / 1_000,
        }
    }

    /// What a shard starts with.
    pub(crate) fn start(created_s: u64, shard: u32) -> Self {
        SequenceNumber {
            created_s,
            shard,
            place: 0,
            is_between: false,
            second: created_s,
        }
    }

    /// What a closed shard ends with (KIN-092).
    pub(crate) fn end(created_s: u64, shard: u32, closed_ms: u64) -> Self {
        SequenceNumber {
            created_s,
            shard,
            place: END,
            is_between: false,
            second: closed_ms / 1_000,
        }
    }

    /// Before the record at a position, after the one before it. It grows with time, so that checkpoints move (KIN-180).
    pub(crate) fn between(created_s: u64, shard: u32, position: u64, now_ms: u64) -> Self {
        SequenceNumber {
            created_s,
            shard,
            place: position,
            is_between: true,
            second: now_ms / 1_000,
        }
    }

    /// The position from which reading at this number starts: of its record or the next later one.
    pub(crate) fn position(&self) -> u64 {
        match self.is_between {
            true => self.place,
            false => self.place.saturating_sub(1),
        }
    }

    /// The position from which reading after this number starts.
    pub(crate) fn position_after(&self) -> u64 {
        self.place
    }

    /// The decimal form.
    pub(crate) fn text(&self) -> String {
        let (created_s, second) = (self.created_s & SECOND_MAX, self.second & SECOND_MAX);
        let nibble = u64::from(self.shard & 0xf);
        // The digits from both ends of the layout, 15, 16 and 16 of them.
        let high = 2 << 56 | created_s << 20 | nibble << 16 | self.place >> 48;
        let middle = self.place << 16 | u64::from(self.is_between) << 8 | second >> 28;
        let low = second << 36 | u64::from(self.shard) << 4 | 2;
        decimal([high, middle, low])
    }

    /// Reads the decimal form; `None` for a number that no shard ever gave.
    pub(crate) fn parse(text: &str) -> Option<SequenceNumber> {
        let hex = hexadecimal(text)?;
        let number = |from: usize, to: usize| u64::from_str_radix(hex.get(from..to)?, 16).ok();
        let (head, tail) = (hex.get(..1)?, hex.get(46..)?);
        let parsed = SequenceNumber {
            created_s: number(1, 10)?,
            shard: u32::try_from(number(38, 46)?).ok()?,
            place: number(11, 27)?,
            is_between: number(27, 29)? == 1,
            second: number(29, 38)?,
        };
        let nibble = number(10, 11)?;
        let is_plain = head == "2" && tail == "2" && number(27, 29)? <= 1;
        (is_plain && nibble == u64::from(parsed.shard & 0xf)).then_some(parsed)
    }
}

/// A number of three limbs of 64 bits, the highest first, in decimal.
fn decimal(mut limbs: [u64; 3]) -> String {
    let mut digits = [b'0'; CHUNKS * CHUNK_DIGITS];
    for chunk in digits.rchunks_exact_mut(CHUNK_DIGITS) {
        let mut rest: u64 = 0;
        for limb in &mut limbs {
            let value = u128::from(rest) << 64 | u128::from(*limb);
            // The rest is smaller than what is divided by, so the quotient fits a limb.
            *limb = (value / u128::from(CHUNK)) as u64;
            rest = (value as u64).wrapping_sub(limb.wrapping_mul(CHUNK));
        }
        for digit in chunk.iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
    }
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    let digits = digits.get(zeros..).unwrap_or_default();
    String::from_utf8_lossy(digits).into_owned()
}

/// Bits of a limb when a number is read.
const LIMB_BITS: u32 = 40;
const LIMB: u64 = (1 << LIMB_BITS) - 1;

/// The 47 hexadecimal digits of a decimal text; `None` when it is no such number.
fn hexadecimal(text: &str) -> Option<String> {
    if text.is_empty() || text.len() > 57 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut limbs = [0_u64; 5];
    for digit in text.bytes() {
        let mut carry = u64::from(digit - b'0');
        for limb in limbs.iter_mut().rev() {
            let value = *limb * 10 + carry;
            *limb = value & LIMB;
            carry = value >> LIMB_BITS;
        }
        if carry > 0 {
            return None;
        }
    }
    let hex = limbs
        .iter()
        .fold(String::with_capacity(50), |mut hex, limb| {
            let _infallible = write!(hex, "{limb:010x}");
            hex
        });
    // 50 digits, of which the first three are beyond the number.
    hex.strip_prefix("000").map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_that_of_aws() {
        // KIN-091: digits put together by hand.
        let number = SequenceNumber {
            created_s: 0x54c0_9dd4,
            shard: 0x12,
            place: 0x1234,
            is_between: false,
            second: 0x54c0_9dd5,
        };
        let hex = "2054c09dd42000000000000123400054c09dd5000000122";
        assert_eq!(hex.len(), 47);
        assert_eq!(hexadecimal(&number.text()).as_deref(), Some(hex));
        assert_eq!(number.text().len(), 56);
        // The text of python's `int(hex, 16)`.
        assert_eq!(
            number.text(),
            "49547211556758489296178479028562936761123649114267975970"
        );
    }

    #[test]
    fn numbers_survive_the_round_trip() {
        for number in [
            SequenceNumber::start(1_700_000_000, 0),
            SequenceNumber::of_record(1_700_000_000, 31, 0, 1_700_000_001_999),
            SequenceNumber::of_record(1_700_000_000, 9_999, u64::from(u32::MAX), 1_800_000_000_000),
            SequenceNumber::between(1_700_000_000, 7, 5, 1_700_000_001_000),
            SequenceNumber::end(SECOND_MAX, i32::MAX as u32, 1_700_000_000_000),
        ] {
            assert_eq!(SequenceNumber::parse(&number.text()), Some(number));
        }
    }

    #[test]
    fn numbers_grow_with_place_and_reshard() {
        // KIN-078, KIN-092, KIN-094
        let key = |number: SequenceNumber| {
            let text = number.text();
            (text.len(), text)
        };
        let start = key(SequenceNumber::start(1_700_000_000, 1));
        let first = key(SequenceNumber::of_record(
            1_700_000_000,
            1,
            0,
            1_700_000_000_000,
        ));
        let second = key(SequenceNumber::of_record(
            1_700_000_000,
            1,
            1,
            1_700_000_000_000,
        ));
        // KIN-181
        let between = SequenceNumber::between(1_700_000_000, 1, 1, 1_800_000_000_000);
        assert_eq!((between.position(), between.position_after()), (1, 1));
        assert!(first < key(between) && key(between) < second);
        let end = key(SequenceNumber::end(1_700_000_000, 1, 1_700_000_900_000));
        let child = key(SequenceNumber::start(1_700_000_001, 2));
        assert!(start < first && first < second && second < end && end < child);
    }

    #[test]
    fn other_texts_are_no_numbers() {
        let good = SequenceNumber::of_record(1_700_000_000, 3, 5, 1_700_000_000_000).text();
        for bad in [
            "",
            "0",
            "1",
            "-1",
            "x",
            "12345678901234567890",
            &good[1..],
            &format!("{good}0"),
            &"9".repeat(57),
        ] {
            assert_eq!(SequenceNumber::parse(bad), None, "{bad}");
        }
    }
}
