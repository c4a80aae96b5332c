//! Random patterns and events over a vocabulary so small that they often meet.

use serde_json::{Map, Value, json};
use waystation_pattern::Dialect;

pub(crate) struct Sample {
    random: fastrand::Rng,
    dialect: Dialect,
}

const KEYS: &[&str] = &["a", "b", "c", "a.b", "b.c", "d"];
const TEXTS: &[&str] = &[
    "",
    "x",
    "xy",
    "xyz",
    "abc",
    "ABC",
    "ab-xyz",
    "é",
    "10.0.0.7",
    "10.1.0.7",
    "2001:db8::1",
    "5",
];
const PIECES: &[&str] = &["x", "xy", "a", "c", "z", "é", "ab"];
const WILDCARDS: &[&str] = &["*", "x*", "*z", "a*c", "*b-x*", "*xyz*", "x", "10.*.7"];
const BLOCKS: &[&str] = &["10.0.0.0/24", "10.0.0.0/8", "2001:db8::/64", "0.0.0.0/0"];

impl Sample {
    pub(crate) fn new(seed: u64, dialect: Dialect) -> Sample {
        Sample {
            random: fastrand::Rng::with_seed(seed),
            dialect,
        }
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.random.usize(..end)
    }

    fn pick<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[self.random.usize(..texts.len())]
    }

    fn number(&mut self) -> Value {
        match self.below(4) {
            0 => json!(self.random.i32(-3..6)),
            1 => json!(f64::from(self.random.i32(-3..6))),
            2 => json!(f64::from(self.random.i32(-6..12)) / 2.0),
            _ => json!(self.random.i32(0..3) * 100),
        }
    }

    pub(crate) fn pattern(&mut self) -> Value {
        let nested = self.dialect != Dialect::SnsAttributes;
        Value::Object(self.object(if nested { 2 } else { 0 }, true))
    }

    fn object(&mut self, depth: usize, or: bool) -> Map<String, Value> {
        let mut members = Map::new();
        for _ in 0..1 + self.below(3) {
            let key = self.pick(KEYS).to_owned();
            let value = if depth > 0 && self.below(3) == 0 {
                Value::Object(self.object(depth - 1, or))
            } else {
                self.leaf()
            };
            members.insert(key, value);
        }
        if or && self.below(5) == 0 {
            let parts =
                (0..2 + self.below(2)).map(|_| Value::Object(self.object(depth.min(1), false)));
            let parts: Vec<Value> = parts.collect();
            members.insert("$or".to_owned(), Value::Array(parts));
        }
        members
    }

    fn leaf(&mut self) -> Value {
        let count = if self.below(3) == 0 {
            2 + self.below(2)
        } else {
            1
        };
        Value::Array((0..count).map(|_| self.condition()).collect())
    }

    fn condition(&mut self) -> Value {
        let is_rule = self.dialect == Dialect::EventBridge;
        match self.below(16) {
            0..=2 => json!(self.pick(TEXTS)),
            3 | 4 => self.number(),
            5 => [json!(true), json!(false), json!(null)][self.below(3)].clone(),
            6 if is_rule && self.below(2) == 0 => {
                json!({"prefix": {"equals-ignore-case": self.pick(PIECES)}})
            }
            6 => json!({"prefix": self.pick(PIECES)}),
            7 if is_rule && self.below(2) == 0 => {
                json!({"suffix": {"equals-ignore-case": self.pick(PIECES)}})
            }
            7 => json!({"suffix": self.pick(PIECES)}),
            8 => json!({"equals-ignore-case": self.pick(TEXTS)}),
            9 => json!({"wildcard": self.pick(WILDCARDS)}),
            10 => self.numeric(),
            11 => json!({"cidr": self.pick(BLOCKS)}),
            12 => json!({"exists": true}),
            13 => json!({"exists": false}),
            _ => json!({"anything-but": self.excluded(is_rule)}),
        }
    }

    fn numeric(&mut self) -> Value {
        let bound = self.number();
        match self.below(4) {
            0 => json!({"numeric": ["=", bound]}),
            1 => json!({"numeric": [self.pick(&["<", "<="]), bound]}),
            2 => json!({"numeric": [self.pick(&[">", ">="]), bound]}),
            _ => {
                let high = bound.as_f64().expect("a number") + 1.0 + self.below(3) as f64;
                json!({"numeric": [self.pick(&[">", ">="]), bound, self.pick(&["<", "<="]), high]})
            }
        }
    }

    fn excluded(&mut self, is_rule: bool) -> Value {
        match self.below(7) {
            0 | 1 => json!(self.pick(TEXTS)),
            2 => self.number(),
            3 => json!([self.pick(TEXTS), self.pick(TEXTS)]),
            4 => json!({"prefix": self.pick(PIECES)}),
            5 if is_rule => json!({"equals-ignore-case": [self.pick(TEXTS), self.pick(TEXTS)]}),
            5 => json!({"suffix": self.pick(PIECES)}),
            _ => json!({"wildcard": self.pick(WILDCARDS)}),
        }
    }

    pub(crate) fn event(&mut self) -> Value {
        let mut members = Map::new();
        for _ in 0..self.below(6) {
            let key = self.pick(KEYS).to_owned();
            let value = if self.dialect == Dialect::SnsAttributes {
                self.attribute()
            } else {
                self.value(3)
            };
            members.insert(key, value);
        }
        Value::Object(members)
    }

    fn attribute(&mut self) -> Value {
        match self.below(4) {
            0 => self.number(),
            1 => Value::Array((0..self.below(4)).map(|_| self.scalar()).collect()),
            _ => json!(self.pick(TEXTS)),
        }
    }

    fn scalar(&mut self) -> Value {
        match self.below(4) {
            0 => self.number(),
            1 => [json!(true), json!(false), json!(null)][self.below(3)].clone(),
            _ => json!(self.pick(TEXTS)),
        }
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.below(if depth > 0 { 6 } else { 3 }) {
            0..=2 => self.scalar(),
            3 | 4 => Value::Array((0..self.below(4)).map(|_| self.value(depth - 1)).collect()),
            _ => {
                let mut members = Map::new();
                for _ in 0..self.below(4) {
                    members.insert(self.pick(KEYS).to_owned(), self.value(depth - 1));
                }
                Value::Object(members)
            }
        }
    }
}
