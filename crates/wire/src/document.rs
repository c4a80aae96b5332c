//! Decoding of documents, the same for JSON and CBOR: a document into a structure, by its table.
//!
//! Unknown members are skipped, `null` counts as absent (SQS-014, KIN-007), wrong kinds are refused in AWS's words, which are
//! part of the service's dialect (SQS-030, KIN-024). Text shares the body's buffer; what else is allocated is charged to a
//! budget. What the bytes mean is the business of [`Tokens`].

mod refused;
mod tokens;

pub(crate) use refused::Refused;
pub(crate) use tokens::{Kind, Number, Tokens};

use crate::budget::Budget;
use crate::error::ApiError;
use crate::model::Serialization;
use crate::path::Path;
use crate::presence::Present;
use crate::shape::{Shape, TextShape};
use crate::validation::Violations;
use crate::value::{Entries, List};
use crate::{Blob, Slot, Str, Structure, Timestamp, timestamp};
use refused::Target;
use std::marker::PhantomData;
use std::ops::RangeInclusive;

/// Decodes a document into `root`; where the dialect is kind, nothing at all counts as an empty structure. Absent required
/// members are reported among the violations.
pub(crate) fn decode<'a, T: Tokens<'a>>(
    tokens: T,
    body_bytes: usize,
    serialization: Serialization,
    root: &mut dyn Structure,
) -> Result<Violations, Refused> {
    let mut decoder = Decoder {
        tokens,
        budget: Budget::new(body_bytes),
        violations: Violations::default(),
        serialization,
        buffer: PhantomData,
    };
    decoder.root(root)?;
    Ok(decoder.violations)
}

/// Whether a document can be read at all and is a structure.
pub(crate) fn is_readable<'a>(mut tokens: impl Tokens<'a>) -> Result<(), Refused> {
    if tokens.at_end() || tokens.kind()? != Kind::Object {
        return Err(refused::NO_STRUCTURE);
    }
    tokens.skip()?;
    at_end(&mut tokens)
}

/// Answers what made a document unreadable; where the dialect tells wrong kinds and bad documents apart, a bad document goes
/// before everything that was found in it.
pub(crate) fn refusal<'a>(
    refused: Refused,
    serialization: Serialization,
    again: impl Tokens<'a>,
) -> ApiError {
    match (serialization, is_readable(again)) {
        (Serialization::ClassNames, Err(unreadable)) => unreadable.into_error(serialization),
        _ => refused.into_error(serialization),
    }
}

fn at_end<'a>(tokens: &mut impl Tokens<'a>) -> Result<(), Refused> {
    if tokens.at_end() {
        Ok(())
    } else {
        Err(Refused::syntax("Unexpected text after the document."))
    }
}

struct Decoder<'a, T: Tokens<'a>> {
    tokens: T,
    budget: Budget,
    violations: Violations,
    serialization: Serialization,
    buffer: PhantomData<&'a ()>,
}

impl<'a, T: Tokens<'a>> Decoder<'a, T> {
    fn root(&mut self, root: &mut dyn Structure) -> Result<(), Refused> {
        let lenient = self.serialization == Serialization::TokenNames;
        if lenient && (self.tokens.at_end() || self.tokens.null()?) {
            self.violations
                .absent(root.shape(), &Present::default(), &Path::Root);
        } else {
            self.structure(root, &Path::Root)?;
        }
        at_end(&mut self.tokens)
    }

    fn structure(&mut self, target: &mut dyn Structure, path: &Path<'_>) -> Result<(), Refused> {
        let shape = target.shape();
        self.expect(Kind::Object, Target::Structure)?;
        self.tokens.open(Kind::Object)?;
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
                return Err(Refused::syntax(format!(
                    "Duplicate member {}.",
                    member.name
                )));
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
            (Slot::Integer(place), _) => {
                let range = i64::from(i32::MIN)..=i64::from(i32::MAX);
                *place = self.integer(Target::Integer, range)? as i32;
            }
            (Slot::Long(place), _) => *place = self.integer(Target::Long, i64::MIN..=i64::MAX)?,
            (Slot::Float(place), _) => *place = self.double(Target::Float)? as f32,
            (Slot::Double(place), _) => *place = self.double(Target::Double)?,
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
        self.expect(Kind::Array, Target::List)?;
        self.tokens.open(Kind::Array)?;
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
        self.expect(Kind::Object, Target::Map)?;
        self.tokens.open(Kind::Object)?;
        let mut first = true;
        while let Some(key) = self.tokens.next_key(first)? {
            first = false;
            if self.tokens.null()? {
                continue;
            }
            self.charge(map.entry_bytes())?;
            let slot = map.append(self.tokens.own(key.clone()));
            self.value(value, slot, &Path::Key(path, &key))?;
        }
        match crate::value::repeated_key(map) {
            Some(key) => Err(Refused::syntax(format!("Duplicate key {key}."))),
            None => Ok(()),
        }
    }

    fn charge(&mut self, bytes: usize) -> Result<(), Refused> {
        if self.budget.charge(bytes) {
            Ok(())
        } else {
            Err(Refused::syntax("The document has too many elements."))
        }
    }

    fn text(&mut self, table: &TextShape) -> Result<Str, Refused> {
        match self.tokens.kind()? {
            Kind::Text => {
                let text = self.tokens.text()?;
                Ok(self.tokens.own(text))
            }
            // Queue attributes are texts that clients like to write as numbers and booleans (SQS-031).
            Kind::Number if table.lenient => {
                let number = self.tokens.number()?.written();
                Ok(self.tokens.own(number))
            }
            Kind::True | Kind::False if table.lenient => {
                Ok(Str::from_static(if self.tokens.boolean()? {
                    "true"
                } else {
                    "false"
                }))
            }
            kind => Err(self.inconvertible(kind, Target::Text)),
        }
    }

    fn blob(&mut self) -> Result<Blob, Refused> {
        self.expect(T::BLOBS, Target::Blob)?;
        if T::BLOBS == Kind::Bytes {
            return self.tokens.bytes();
        }
        let text = self.tokens.text()?;
        refused::base64(self.serialization, &text)
    }

    fn boolean(&mut self) -> Result<bool, Refused> {
        match self.tokens.kind()? {
            Kind::True | Kind::False => self.tokens.boolean(),
            Kind::Text if self.serialization == Serialization::ClassNames => {
                Err(refused::no_boolean(&self.tokens.text()?))
            }
            kind => Err(self.inconvertible(kind, Target::Boolean)),
        }
    }

    fn integer(&mut self, target: Target, range: RangeInclusive<i64>) -> Result<i64, Refused> {
        let kind = self.tokens.kind()?;
        if kind != Kind::Number {
            return Err(self.inconvertible(kind, target));
        }
        let number = self.tokens.number()?;
        let whole = match self.serialization {
            Serialization::TokenNames => number.whole().filter(|whole| range.contains(whole)),
            // Fractions are cut off and what is too large becomes the largest there is (KIN-025).
            Serialization::ClassNames => number
                .floor()
                .map(|whole| whole.clamp(*range.start(), *range.end())),
        };
        whole.ok_or_else(|| self.inconvertible(kind, target))
    }

    fn double(&mut self, target: Target) -> Result<f64, Refused> {
        let kind = self.tokens.kind()?;
        let double = match kind {
            Kind::Number => self.tokens.number()?.double(),
            Kind::Text => match &*self.tokens.text()? {
                "NaN" => Some(f64::NAN),
                "Infinity" => Some(f64::INFINITY),
                "-Infinity" => Some(f64::NEG_INFINITY),
                _ => None,
            },
            _ => None,
        };
        double.ok_or_else(|| self.inconvertible(kind, target))
    }

    fn time(&mut self) -> Result<Timestamp, Refused> {
        let time = match self.tokens.kind()? {
            Kind::Time => Some(self.tokens.time()?),
            Kind::Number => self.tokens.number()?.double().map(Timestamp),
            Kind::Text if self.serialization == Serialization::TokenNames => {
                timestamp::parse(&self.tokens.text()?)
            }
            kind => return Err(self.inconvertible(kind, Target::Timestamp)),
        };
        time.filter(|time| time.0.is_finite())
            .ok_or_else(|| Refused::kind("A timestamp is malformed."))
    }

    fn expect(&mut self, wanted: Kind, target: Target) -> Result<(), Refused> {
        match self.tokens.kind()? {
            kind if kind == wanted => Ok(()),
            kind => Err(self.inconvertible(kind, target)),
        }
    }

    fn inconvertible(&self, found: Kind, target: Target) -> Refused {
        refused::inconvertible(self.serialization, found, target)
    }
}
