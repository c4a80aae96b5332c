//! Texts that are no patterns and no events: they are refused, never a panic, and the test ends.

use waystation_pattern::{Attribute, AttributeValue, Dialect, Matcher, Pattern};

const DIALECTS: [Dialect; 3] = [
    Dialect::SnsAttributes,
    Dialect::SnsBody,
    Dialect::EventBridge,
];

const SEEDS: &[&str] = &[
    r#"{"a":{"b":[{"anything-but":{"prefix":"x"}},{"numeric":[">",1,"<=",2.5e3]}]},"$or":[{"c":["x\u00e9"]},{"d":[{"cidr":"10.0.0.0/8"}]}]}"#,
    r#"{"k":[{"wildcard":"a*b\\*c"},{"suffix":"é"},{"exists":false},null,true,-0.5]}"#,
    r#"{"a":[{"b":[[{"c":1}]]},{"b":"x"}],"a.b":"10.1.2.3","c":1e999}"#,
];

fn mutate(random: &mut fastrand::Rng, text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..random.usize(1..6) {
        let at = random.usize(..bytes.len());
        match random.u8(..4) {
            0 => bytes[at] = random.u8(..),
            1 => {
                bytes.remove(at);
            }
            2 => bytes.insert(at, *random.choice(b"{}[]\":,\\u0x*/-+.e \n").expect("one")),
            _ => {
                let from = random.usize(..bytes.len());
                let piece = bytes[from.min(at)..from.max(at)].to_vec();
                bytes.splice(at..at, piece);
            }
        }
        if bytes.is_empty() {
            bytes.push(b'{');
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn no_text_makes_it_panic() {
    let seed = std::env::var("PATTERN_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| fastrand::u64(..));
    let mut random = fastrand::Rng::with_seed(seed);
    let mut accepted = 0;
    for round in 0..20_000 {
        let original = SEEDS[round % SEEDS.len()];
        let text = mutate(&mut random, original);
        let of = random.usize(..SEEDS.len());
        let event = mutate(&mut random, SEEDS[of]);
        let context = format!("PATTERN_SEED={seed}: {text:?} on {event:?}");
        let outcome = std::panic::catch_unwind(|| {
            let mut valid = 0;
            for dialect in DIALECTS {
                let mut matcher = Matcher::new();
                if let Ok(pattern) = Pattern::parse(&text, dialect) {
                    valid += 1;
                    matcher.insert(1, &pattern);
                }
                let mut owners = Vec::new();
                let _refused = matcher.match_json(&event, &mut owners);
                let value = AttributeValue::Array(&event);
                matcher.match_attributes(&[Attribute { name: "k", value }], &mut owners);
            }
            valid
        });
        accepted += outcome.unwrap_or_else(|_| panic!("{context}"));
    }
    assert!(
        accepted > 0,
        "PATTERN_SEED={seed}: no mutation was a pattern"
    );
}

#[test]
fn deep_and_large_texts_end() {
    // Without the bounds of the search and of the recursion none of these would come back.
    let deep = format!("{}{}", r#"{"a":"#.repeat(50_000), "1");
    for dialect in DIALECTS {
        assert!(Pattern::parse(&deep, dialect).is_err());
    }
    // Two leaves of one element in an array of many, where no element has both.
    let elements: Vec<String> = (0..30_000)
        .map(|index| {
            if index % 2 == 0 {
                r#"{"x":1}"#
            } else {
                r#"{"y":2}"#
            }
            .to_owned()
        })
        .collect();
    let event = format!(r#"{{"a":[{}]}}"#, elements.join(","));
    let mut matcher = Matcher::new();
    let text = r#"{"a":{"x":[1],"y":[2]}}"#;
    matcher.insert(
        1,
        &Pattern::parse(text, Dialect::EventBridge).expect("valid"),
    );
    let mut owners = Vec::new();
    assert_eq!(matcher.match_json(&event, &mut owners), Ok(()));
    assert!(owners.is_empty());
    // Arrays below each other whose leaves never go together: the search gives up.
    let inner: Vec<&str> = (0..3000).map(|_| r#"{"p":1}"#).collect();
    let event = format!(
        r#"{{"b":[{0}],"c":[{0}],"d":[{0}],"e":[{{"p":1}},{{"q":1}}]}}"#,
        inner.join(",")
    );
    let text = r#"{"b":{"p":[1]},"c":{"p":[1]},"d":{"p":[1]},"e":{"p":[1],"q":[1]}}"#;
    matcher.insert(
        1,
        &Pattern::parse(text, Dialect::EventBridge).expect("valid"),
    );
    assert_eq!(matcher.match_json(&event, &mut owners), Ok(()));
    assert!(owners.is_empty());
}
