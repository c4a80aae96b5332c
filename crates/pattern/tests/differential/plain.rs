//! What a pattern means, said as plainly as the references say it: every alternative of the pattern, every choice of
//! leaves, one condition after the other.

use serde_json::Value;
use waystation_pattern::Dialect;

/// A leaf of an event: its path, the element taken of every array on the way, and its value.
type Leaf<'e> = (String, Vec<(usize, usize)>, &'e Value);

/// One list of paths with their leaf arrays.
type Alternative = Vec<(String, Vec<Value>)>;

pub(crate) fn matches(pattern: &Value, event: &Value, dialect: Dialect) -> bool {
    let mut leaves = Vec::new();
    collect(event, "", &mut Vec::new(), &mut 0, &mut leaves);
    alternatives(pattern, "").iter().any(|alternative| {
        choose(
            alternative,
            &leaves,
            &mut Vec::new(),
            &mut Vec::new(),
            dialect,
        )
    })
}

fn join(prefix: &str, key: &str) -> String {
    if prefix.is_empty() {
        key.to_owned()
    } else {
        format!("{prefix}.{key}")
    }
}

/// SNS-314, SNS-315, EVB-130, EVB-177, EVB-178
fn collect<'e>(
    value: &'e Value,
    path: &str,
    elements: &mut Vec<(usize, usize)>,
    arrays: &mut usize,
    leaves: &mut Vec<Leaf<'e>>,
) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                collect(member, &join(path, key), elements, arrays, leaves);
            }
        }
        Value::Array(items) => {
            *arrays += 1;
            let array = *arrays;
            for (index, item) in items.iter().enumerate() {
                elements.push((array, index));
                collect(item, path, elements, arrays, leaves);
                elements.pop();
            }
        }
        scalar => leaves.push((path.to_owned(), elements.clone(), scalar)),
    }
}

/// EVB-187 to EVB-194
fn alternatives(pattern: &Value, prefix: &str) -> Vec<Alternative> {
    let members = pattern.as_object().expect("an object");
    let mut all: Vec<Alternative> = vec![Vec::new()];
    for (key, value) in members.iter().filter(|(key, _)| *key != "$or") {
        let path = join(prefix, key);
        let added = match value {
            Value::Array(conditions) => vec![vec![(path, conditions.clone())]],
            nested => alternatives(nested, &path),
        };
        all = product(&all, &added);
    }
    if let Some(Value::Array(parts)) = members.get("$or") {
        let added: Vec<Alternative> = parts
            .iter()
            .flat_map(|part| alternatives(part, prefix))
            .collect();
        all = product(&all, &added);
    }
    all
}

/// Every one with every other; what is added replaces conditions on the same path.
fn product(all: &[Alternative], added: &[Alternative]) -> Vec<Alternative> {
    let mut combined = Vec::new();
    for one in all {
        for other in added {
            let mut both = one.clone();
            for (path, conditions) in other {
                both.retain(|(known, _)| known != path);
                both.push((path.clone(), conditions.clone()));
            }
            combined.push(both);
        }
    }
    combined
}

/// EVB-179 to EVB-183
fn choose<'e>(
    rest: &[(String, Vec<Value>)],
    leaves: &'e [Leaf<'e>],
    chosen: &mut Vec<&'e Leaf<'e>>,
    absent: &mut Vec<String>,
    dialect: Dialect,
) -> bool {
    let Some(((path, conditions), rest)) = rest.split_first() else {
        return absent.iter().all(|path| {
            !leaves.iter().any(|leaf| {
                leaf.0 == *path && chosen.iter().all(|other| is_consistent(leaf, other))
            })
        });
    };
    for leaf in leaves.iter().filter(|leaf| leaf.0 == *path) {
        let fulfilled = conditions
            .iter()
            .any(|condition| fulfils(condition, leaf.2, dialect));
        if fulfilled && chosen.iter().all(|other| is_consistent(leaf, other)) {
            chosen.push(leaf);
            if choose(rest, leaves, chosen, absent, dialect) {
                return true;
            }
            chosen.pop();
        }
    }
    if conditions
        .iter()
        .any(|condition| condition["exists"] == Value::Bool(false))
    {
        absent.push(path.clone());
        let found = choose(rest, leaves, chosen, absent, dialect);
        absent.pop();
        return found;
    }
    false
}

fn is_consistent(one: &Leaf<'_>, other: &Leaf<'_>) -> bool {
    one.1.iter().all(|(array, index)| {
        other
            .1
            .iter()
            .all(|(same, there)| array != same || index == there)
    })
}

fn fulfils(condition: &Value, value: &Value, dialect: Dialect) -> bool {
    let Value::Object(operator) = condition else {
        return equals(condition, value);
    };
    let (name, argument) = operator.iter().next().expect("an operator");
    let text = value.as_str();
    match name.as_str() {
        "exists" if *argument == Value::Bool(false) => false,
        "exists" if dialect == Dialect::EventBridge => true,
        "exists" => !value.is_null() && text != Some(""),
        "numeric" => value
            .as_f64()
            .is_some_and(|value| in_range(argument, value)),
        "anything-but" => match argument {
            Value::Array(list) => !list.iter().any(|item| equals(item, value)),
            Value::Object(inner) => {
                let (name, argument) = inner.iter().next().expect("an operator");
                let arguments = argument
                    .as_array()
                    .cloned()
                    .unwrap_or_else(|| vec![argument.clone()]);
                !arguments
                    .iter()
                    .any(|argument| text.is_some_and(|text| of_text(name, argument, text)))
            }
            one => !equals(one, value),
        },
        name => text.is_some_and(|text| of_text(name, argument, text)),
    }
}

fn of_text(name: &str, argument: &Value, text: &str) -> bool {
    if let Some(folded) = argument.get("equals-ignore-case") {
        let folded = Value::String(folded.as_str().expect("a string").to_lowercase());
        return of_text(name, &folded, &text.to_lowercase());
    }
    let argument = argument.as_str().expect("a string");
    match name {
        "prefix" => text.starts_with(argument),
        "suffix" => text.ends_with(argument),
        "equals-ignore-case" => text.to_lowercase() == argument.to_lowercase(),
        "wildcard" => like(argument.as_bytes(), text.as_bytes()),
        "cidr" => in_block(argument, text),
        other => panic!("{other}"),
    }
}

fn equals(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}

fn in_range(comparisons: &Value, value: f64) -> bool {
    comparisons
        .as_array()
        .expect("a list")
        .chunks(2)
        .all(|pair| {
            let bound = pair[1].as_f64().expect("a number");
            match pair[0].as_str() {
                Some("=") => value == bound,
                Some("<") => value < bound,
                Some("<=") => value <= bound,
                Some(">") => value > bound,
                _ => value >= bound,
            }
        })
}

fn like(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|from| like(rest, &text[from..])),
        Some((byte, rest)) => text.first() == Some(byte) && like(rest, &text[1..]),
    }
}

fn in_block(block: &str, text: &str) -> bool {
    use std::net::IpAddr;
    let (start, bits) = block.split_once('/').expect("a block");
    let bits: u32 = bits.parse().expect("bits");
    match (start.parse(), text.parse()) {
        (Ok(IpAddr::V4(start)), Ok(IpAddr::V4(address))) => {
            (start.to_bits() ^ address.to_bits())
                .checked_shr(32 - bits)
                .unwrap_or(0)
                == 0
        }
        (Ok(IpAddr::V6(start)), Ok(IpAddr::V6(address))) => {
            (start.to_bits() ^ address.to_bits())
                .checked_shr(128 - bits)
                .unwrap_or(0)
                == 0
        }
        _ => false,
    }
}
