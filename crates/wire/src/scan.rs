//! Scanning text for rare bytes, in blocks without branches, which compilers turn into vector instructions.

const BLOCK: usize = 32;

/// The number of leading bytes for which `rare` is false.
#[inline]
pub(crate) fn prefix_without(bytes: &[u8], rare: impl Fn(u8) -> bool) -> usize {
    let mut clean = 0;
    for block in bytes.chunks_exact(BLOCK) {
        if block.iter().fold(false, |found, byte| found | rare(*byte)) {
            break;
        }
        clean += BLOCK;
    }
    let tail = bytes.get(clean..).unwrap_or_default();
    clean
        + tail
            .iter()
            .position(|byte| rare(*byte))
            .unwrap_or(tail.len())
}
