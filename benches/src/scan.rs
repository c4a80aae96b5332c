//! What is read out of JSON answers. They are scanned for the one member that is needed, not parsed: what the generators send
//! never contains a quote, so the names of members cannot occur inside of it.

use memchr::memmem;

/// The string values of `"name":"..."` in an answer, escapes left as they are.
pub(crate) fn strings<'a>(answer: &'a [u8], name: &'a str) -> impl Iterator<Item = &'a str> {
    let mut rest = answer;
    std::iter::from_fn(move || {
        loop {
            let at = memmem::find(rest, name.as_bytes())?;
            let quoted = at > 0
                && rest.get(at - 1) == Some(&b'"')
                && rest.get(at + name.len()) == Some(&b'"');
            rest = rest.get(at + name.len()..)?;
            if !quoted {
                continue;
            }
            let Some(value) = rest.get(1..)?.trim_ascii_start().strip_prefix(b":") else {
                continue;
            };
            let Some(value) = value.trim_ascii_start().strip_prefix(b"\"") else {
                continue;
            };
            let end = string_end(value)?;
            rest = value.get(end..)?;
            return value
                .get(..end)
                .and_then(|text| std::str::from_utf8(text).ok());
        }
    })
}

fn string_end(value: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + memchr::memchr2(b'"', b'\\', value.get(from..)?)?;
        if value.get(at) == Some(&b'"') {
            return Some(at);
        }
        from = at + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_found_whatever_the_spacing() {
        let answer = br#"{"Messages": [{"ReceiptHandle" : "a\/b\"c", "Body":"1"},{"ReceiptHandle":"d","Body":"22"}],"XBody":"no"}"#;
        assert_eq!(
            strings(answer, "ReceiptHandle").collect::<Vec<_>>(),
            [r#"a\/b\"c"#, "d"]
        );
        assert_eq!(strings(answer, "Body").collect::<Vec<_>>(), ["1", "22"]);
        assert_eq!(strings(b"{}", "Body").count(), 0);
        assert_eq!(strings(br#"{"Body":"cut"#, "Body").count(), 0);
    }
}
