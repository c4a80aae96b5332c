//! Blocks of IP addresses (SNS-304, SNS-305, EVB-165, EVB-166).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A block: the family, the leading bits that count, and those bits, at the high end of 128.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Block {
    pub(crate) is_v6: bool,
    pub(crate) bits: u32,
    pub(crate) start: u128,
}

/// Why a text is no block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BadBlock {
    OneSlash,
    NotAnInteger,
    Negative,
    TooManyBits(&'static str, u32),
    Address(String),
}

/// An address in the form blocks compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) is_v6: bool,
    value: u128,
}

impl Address {
    pub(crate) fn parse(text: &str) -> Option<Address> {
        // No address is longer; most texts that are none are not even looked at.
        let is_candidate = text.len() <= 45
            && text
                .bytes()
                .next()
                .is_some_and(|b| b.is_ascii_hexdigit() || b == b':');
        is_candidate
            .then(|| text.parse::<IpAddr>().ok())?
            .map(Address::of)
    }

    fn of(address: IpAddr) -> Address {
        let (is_v6, value) = match address {
            IpAddr::V4(v4) => (false, u128::from(Ipv4Addr::to_bits(v4)) << 96),
            IpAddr::V6(v6) => (true, Ipv6Addr::to_bits(v6)),
        };
        Address { is_v6, value }
    }

    /// The leading bits of the address.
    pub(crate) fn leading(&self, bits: u32) -> u128 {
        self.value & mask(bits)
    }
}

fn mask(bits: u32) -> u128 {
    match bits {
        0 => 0,
        bits => u128::MAX
            .checked_shl(128 - bits.min(128))
            .unwrap_or(u128::MAX),
    }
}

impl Block {
    pub(crate) fn parse(text: &str) -> Result<Block, BadBlock> {
        let mut parts = text.split('/');
        let (Some(address), Some(bits), None) = (parts.next(), parts.next(), parts.next()) else {
            return Err(BadBlock::OneSlash);
        };
        let bits: i64 = bits.parse().map_err(|_| BadBlock::NotAnInteger)?;
        let bits = u32::try_from(bits).map_err(|_| {
            if bits < 0 {
                BadBlock::Negative
            } else {
                BadBlock::NotAnInteger
            }
        })?;
        let Some(parsed) = Address::parse(address) else {
            return Err(BadBlock::Address(address.to_owned()));
        };
        let (family, most) = if parsed.is_v6 {
            ("IPv6", 128)
        } else {
            ("IPv4", 32)
        };
        if bits >= most {
            return Err(BadBlock::TooManyBits(family, most));
        }
        Ok(Block {
            is_v6: parsed.is_v6,
            bits,
            start: parsed.leading(bits),
        })
    }

    pub(crate) fn contains(&self, address: &Address) -> bool {
        self.is_v6 == address.is_v6 && address.leading(self.bits) == self.start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_in_their_block_in_any_spelling() {
        // SNS-304, SNS-305, EVB-166
        let contains = |block: &str, address: &str| {
            let block = Block::parse(block).expect("a block");
            Address::parse(address).is_some_and(|address| block.contains(&address))
        };
        assert!(contains("10.0.0.0/24", "10.0.0.255"));
        assert!(!contains("10.0.0.0/24", "10.0.1.0"));
        assert!(!contains("10.0.0.0/24", "10.0.0.256"));
        assert!(contains("10.0.0.77/24", "10.0.0.1"));
        assert!(contains("0.0.0.0/0", "255.1.2.3"));
        assert!(!contains("0.0.0.0/0", "::1"));
        assert!(contains(
            "2001:db8:1234:1a00::/64",
            "2001:0db8:1234:1a00:0000:0000:0000:0000"
        ));
        assert!(!contains("2001:db8:1234:1a00::/64", "2001:db8:1234:1a01::"));
    }

    #[test]
    fn blocks_have_masks() {
        // EVB-165
        assert_eq!(Block::parse("bad-filter"), Err(BadBlock::OneSlash));
        assert_eq!(Block::parse("bad-/64filter"), Err(BadBlock::NotAnInteger));
        assert_eq!(Block::parse("bad/64"), Err(BadBlock::Address("bad".into())));
        assert_eq!(Block::parse("10.0.0.0/-1"), Err(BadBlock::Negative));
        assert_eq!(
            Block::parse("10.0.0.0/32"),
            Err(BadBlock::TooManyBits("IPv4", 32))
        );
        assert_eq!(
            Block::parse("::/128"),
            Err(BadBlock::TooManyBits("IPv6", 128))
        );
    }
}
