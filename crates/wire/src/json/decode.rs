//! JSON decoding: a document into a structure, by its table.
//!
//! Unknown members are skipped, `null` counts as absent (SQS-014), wrong kinds are refused in AWS's words (SQS-030). Text
//! shares the body's buffer; what else is allocated is charged to a budget.

use super::tokens::{Kind, Refused, Tokens};
use crate::budget::Budget;
use crate::error::ApiError;
use crate::path::Path;
use crate::presence::Present;
use crate::shape::{Shape, TextShape};
use crate::validation::Violations;
use crate::value::{Entries, List};
use crate::{Slot, Str, Structure, Timestamp, errors, timestamp};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use std::borrow::Cow;

/// Padding may be left out, as by some clients.
pub(crate) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

const STRUCTURE_UNEXPECTED: Refused =
    Refused::new("Start of structure or map found where not expected.");
const LIST_UNEXPECTED: Refused = Refused::new("Start of list found where not expected.");
const STRUCTURE_EXPECTED: Refused = Refused::new("Expected structure or map or null");
const LIST_EXPECTED: Refused = Refused::new("Expected list or null");

/// Decodes a body into `root`; an empty body counts as `{}`. Absent required members are reported among the violations.
pub fn document(body: &Bytes, root: &mut dyn Structure) -> Result<Violations, ApiError> {
    let whole = Str::from_utf8(body.clone())
        .map_err(|_| errors::SERIALIZATION.with("The document is not valid UTF-8."))?;
    let mut decoder = Decoder {
        tokens: Tokens::new(&whole),
        whole: &whole,
        budget: Budget::new(body.len()),
        violations: Violations::default(),
    };
    decoder
        .root(root)
        .map_err(|Refused(reason)| errors::SERIALIZATION.with(reason))?;
    Ok(decoder.violations)
}

struct Decoder<'a> {
    tokens: Tokens<'a>,
    whole: &'a Str,
    budget: Budget,
    violations: Violations,
}

impl Decoder<'_> {
    fn root(&mut self, root: &mut dyn Structure) -> Result<(), Refused> {
        if self.tokens.at_end() || self.tokens.null()? {
            self.violations
                .absent(root.shape(), &Present::default(), &Path::Root);
        } else {
            self.structure(root, &Path::Root)?;
        }
        if self.tokens.at_end() {
            Ok(())
        } else {
            Err(Refused::new("Unexpected text after the document."))
        }
    }

    fn structure(&mut self, target: &mut dyn Structure, path: &Path<'_>) -> Result<(), Refused> {
        let shape = target.shape();
        self.expect_kind(Kind::Object, STRUCTURE_EXPECTED)?;
        self.tokens.open(b'{')?;
        let mut present = Present::default();
        let mut expected = 0;
        let mut first = true;
        while let Some(key) = self.tokens.next_key(first)? {
            first = false;
            let Some(index) = shape.index_of(&key, expected) else {
                self.tokens.skip()?;
                continue;
            };
            expected = index + 1;
            if self.tokens.null()? {
                continue;
            }
            let (Some(member), Some(slot)) = (shape.members.get(index), target.slot(index)) else {
                continue;
            };
            if !present.insert(index) {
                return Err(Refused(Cow::Owned(format!(
                    "Duplicate member {}.",
                    member.name
                ))));
            }
            self.value(member.shape, slot, &Path::Member(path, member))?;
        }
        self.violations.absent(shape, &present, path);
        Ok(())
    }

    fn value(&mut self, shape: Shape, slot: Slot<'_>, path: &Path<'_>) -> Result<(), Refused> {
        match (slot, shape) {
            (Slot::Text(place), Shape::Text(table)) => *place = self.text(table)?,
            (Slot::Blob(place), _) => *place = self.blob()?,
            (Slot::Boolean(place), _) => *place = self.boolean()?,
            (Slot::Integer(place), _) => *place = self.integer("an Integer")?,
            (Slot::Long(place), _) => *place = self.integer("a Long")?,
            (Slot::Float(place), _) => *place = self.double("a Float")? as f32,
            (Slot::Double(place), _) => *place = self.double("a Double")?,
            (Slot::Timestamp(place), _) => *place = self.time()?,
            (Slot::List(list), Shape::List(table)) => self.list(list, table.element, path)?,
            (Slot::Map(map), Shape::Map(table)) => self.map(map, table.value, path)?,
            (Slot::Struct(inner), _) => self.structure(inner, path)?,
            // Tables and fields are generated together; a mismatch would be a bug of the generator.
            _ => self.tokens.skip()?,
        }
        Ok(())
    }

    fn list(
        &mut self,
        list: &mut dyn List,
        element: Shape,
        path: &Path<'_>,
    ) -> Result<(), Refused> {
        self.expect_kind(Kind::Array, LIST_EXPECTED)?;
        self.tokens.open(b'[')?;
        let mut first = true;
        while self.tokens.next_element(first)? {
            first = false;
            if self.tokens.null()? {
                continue;
            }
            self.charge(list.element_bytes())?;
            let position = list.count() + 1;
            self.value(element, list.append(), &Path::Element(path, position))?;
        }
        Ok(())
    }

    fn map(&mut self, map: &mut dyn Entries, value: Shape, path: &Path<'_>) -> Result<(), Refused> {
        self.expect_kind(Kind::Object, STRUCTURE_EXPECTED)?;
        self.tokens.open(b'{')?;
        let mut first = true;
        while let Some(key) = self.tokens.next_key(first)? {
            first = false;
            if self.tokens.null()? {
                continue;
            }
            self.charge(map.entry_bytes())?;
            let slot = map.append(self.own(key.clone()));
            self.value(value, slot, &Path::Key(path, &key))?;
        }
        match crate::value::repeated_key(map) {
            Some(key) => Err(Refused(Cow::Owned(format!("Duplicate key {key}.")))),
            None => Ok(()),
        }
    }

    fn charge(&mut self, bytes: usize) -> Result<(), Refused> {
        if self.budget.charge(bytes) {
            Ok(())
        } else {
            Err(Refused::new("The document has too many elements."))
        }
    }

    fn own(&self, text: Cow<'_, str>) -> Str {
        match text {
            Cow::Borrowed(part) => self.whole.share(part),
            Cow::Owned(text) => Str::from(text),
        }
    }

    fn text(&mut self, table: &TextShape) -> Result<Str, Refused> {
        match self.tokens.kind()? {
            Kind::Text => {
                let text = self.tokens.text()?;
                Ok(self.own(text))
            }
            // Queue attributes are texts that clients like to write as numbers and booleans (SQS-031).
            Kind::Number if table.lenient => {
                self.tokens.number().map(|number| self.whole.share(number))
            }
            Kind::True | Kind::False if table.lenient => {
                Ok(Str::from_static(if self.tokens.boolean()? {
                    "true"
                } else {
                    "false"
                }))
            }
            kind => Err(inconvertible(kind, "a String")),
        }
    }

    fn blob(&mut self) -> Result<Bytes, Refused> {
        self.expect_kind(Kind::Text, Refused::new("Expected Base64 text or null"))?;
        let text = self.tokens.text()?;
        let bytes = BASE64.decode(text.as_bytes());
        bytes
            .map(Bytes::from)
            .map_err(|_| Refused::new("A blob is not valid Base64."))
    }

    fn boolean(&mut self) -> Result<bool, Refused> {
        match self.tokens.kind()? {
            Kind::True | Kind::False => self.tokens.boolean(),
            kind => Err(inconvertible(kind, "a Boolean")),
        }
    }

    fn integer<T: TryFrom<i64>>(&mut self, target: &'static str) -> Result<T, Refused> {
        let kind = self.tokens.kind()?;
        if kind != Kind::Number {
            return Err(inconvertible(kind, target));
        }
        let number = whole_number(self.tokens.number()?);
        number
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| inconvertible(kind, target))
    }

    fn double(&mut self, target: &'static str) -> Result<f64, Refused> {
        match self.tokens.kind()? {
            Kind::Number => self
                .tokens
                .number()?
                .parse()
                .map_err(|_| inconvertible(Kind::Number, target)),
            Kind::Text => match &*self.tokens.text()? {
                "NaN" => Ok(f64::NAN),
                "Infinity" => Ok(f64::INFINITY),
                "-Infinity" => Ok(f64::NEG_INFINITY),
                _ => Err(inconvertible(Kind::Text, target)),
            },
            kind => Err(inconvertible(kind, target)),
        }
    }

    fn time(&mut self) -> Result<Timestamp, Refused> {
        match self.tokens.kind()? {
            Kind::Number => timestamp::parse(self.tokens.number()?),
            Kind::Text => timestamp::parse(&self.tokens.text()?),
            kind => return Err(inconvertible(kind, "a Timestamp")),
        }
        .ok_or_else(|| Refused::new("A timestamp is malformed."))
    }

    fn expect_kind(&mut self, wanted: Kind, otherwise: Refused) -> Result<(), Refused> {
        match self.tokens.kind()? {
            kind if kind == wanted => Ok(()),
            Kind::Object => Err(STRUCTURE_UNEXPECTED),
            Kind::Array => Err(LIST_UNEXPECTED),
            _ => Err(otherwise),
        }
    }
}

/// An integer, also when written with a fraction of zeros or an exponent.
fn whole_number(text: &str) -> Option<i64> {
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    let number: f64 = text.parse().ok()?;
    // Beyond 2^53 a double no longer tells neighbours apart.
    (number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0).then_some(number as i64)
}

fn inconvertible(kind: Kind, target: &str) -> Refused {
    let found = match kind {
        Kind::Object => return STRUCTURE_UNEXPECTED,
        Kind::Array => return LIST_UNEXPECTED,
        Kind::Text => "STRING_VALUE",
        Kind::Number => "NUMBER_VALUE",
        Kind::True => "TRUE_VALUE",
        Kind::False => "FALSE_VALUE",
        Kind::Null => "NULL_VALUE",
    };
    Refused(Cow::Owned(format!(
        "{found} can not be converted to {target}"
    )))
}
