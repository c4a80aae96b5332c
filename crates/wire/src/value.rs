//! The visitor seam between generated structures and codecs: `Value` to read a field, `Slot` to fill one.
//!
//! A codec walks a shape table and asks the structure for field N; no code is generated per shape and format, which keeps
//! a thousand operations cheap to compile. Absent optional members are `None`; taking their slot creates the default.

use crate::shape::StructShape;
use crate::{Blob, Map, Str, Timestamp};
use std::any::Any;
use std::fmt::Debug;

/// A field's value, to be encoded or validated.
pub enum Value<'a> {
    /// Text.
    Text(&'a Str),
    /// Bytes.
    Blob(&'a Blob),
    /// Boolean.
    Boolean(bool),
    /// 32-bit integer.
    Integer(i32),
    /// 64-bit integer.
    Long(i64),
    /// Single-precision number.
    Float(f32),
    /// Double-precision number.
    Double(f64),
    /// Time.
    Timestamp(Timestamp),
    /// List.
    List(&'a dyn List),
    /// Map.
    Map(&'a dyn Entries),
    /// Structure.
    Struct(&'a dyn Structure),
}

/// A field's place, to be filled by a decoder.
pub enum Slot<'a> {
    /// Text.
    Text(&'a mut Str),
    /// Bytes.
    Blob(&'a mut Blob),
    /// Boolean.
    Boolean(&'a mut bool),
    /// 32-bit integer.
    Integer(&'a mut i32),
    /// 64-bit integer.
    Long(&'a mut i64),
    /// Single-precision number.
    Float(&'a mut f32),
    /// Double-precision number.
    Double(&'a mut f64),
    /// Time.
    Timestamp(&'a mut Timestamp),
    /// List.
    List(&'a mut dyn List),
    /// Map.
    Map(&'a mut dyn Entries),
    /// Structure.
    Struct(&'a mut dyn Structure),
}

/// A list of any element.
pub trait List {
    /// Number of elements.
    fn count(&self) -> usize;
    /// An element.
    fn element(&self, index: usize) -> Option<Value<'_>>;
    /// Appends a default element and returns its place.
    fn append(&mut self) -> Slot<'_>;
    /// Memory one element takes, for the decoder's budget.
    fn element_bytes(&self) -> usize;
}

/// A map of any value.
pub trait Entries {
    /// Number of pairs.
    fn count(&self) -> usize;
    /// A pair.
    fn entry(&self, index: usize) -> Option<(&Str, Value<'_>)>;
    /// Appends a pair with a default value and returns the value's place.
    fn append(&mut self, key: Str) -> Slot<'_>;
    /// Memory one pair takes, for the decoder's budget.
    fn entry_bytes(&self) -> usize;
}

/// A generated structure.
pub trait Structure: Any + Send + Sync + Debug {
    /// Its table.
    fn shape(&self) -> &'static StructShape;
    /// Field by index; `None` when absent.
    fn value(&self, index: usize) -> Option<Value<'_>>;
    /// Place of a field by index; creates the default of an absent one. `None` only for an index outside the table.
    fn slot(&mut self, index: usize) -> Option<Slot<'_>>;
}

/// A type a field can have.
pub trait Field: Default {
    /// Reads; `None` when absent.
    fn value(&self) -> Option<Value<'_>>;
    /// The place to fill; creates an absent value.
    fn slot(&mut self) -> Slot<'_>;
}

macro_rules! scalar_fields {
    ($($type:ty, $variant:ident, $read:expr;)+) => {$(
        impl Field for $type {
            fn value(&self) -> Option<Value<'_>> {
                Some(Value::$variant($read(self)))
            }
            fn slot(&mut self) -> Slot<'_> {
                Slot::$variant(self)
            }
        }
    )+};
}

scalar_fields! {
    Str, Text, std::convert::identity;
    Blob, Blob, std::convert::identity;
    bool, Boolean, |value: &bool| *value;
    i32, Integer, |value: &i32| *value;
    i64, Long, |value: &i64| *value;
    f32, Float, |value: &f32| *value;
    f64, Double, |value: &f64| *value;
    Timestamp, Timestamp, |value: &Timestamp| *value;
}

impl<T: Field> Field for Option<T> {
    fn value(&self) -> Option<Value<'_>> {
        self.as_ref()?.value()
    }
    fn slot(&mut self) -> Slot<'_> {
        self.get_or_insert_default().slot()
    }
}

impl<T: Field> Field for Box<T> {
    fn value(&self) -> Option<Value<'_>> {
        T::value(self)
    }
    fn slot(&mut self) -> Slot<'_> {
        T::slot(self)
    }
}

impl<T: Field> Field for Vec<T> {
    fn value(&self) -> Option<Value<'_>> {
        Some(Value::List(self))
    }
    fn slot(&mut self) -> Slot<'_> {
        Slot::List(self)
    }
}

impl<T: Field> List for Vec<T> {
    fn count(&self) -> usize {
        self.len()
    }
    fn element(&self, index: usize) -> Option<Value<'_>> {
        self.get(index)?.value()
    }
    fn append(&mut self) -> Slot<'_> {
        self.push_mut(T::default()).slot()
    }
    fn element_bytes(&self) -> usize {
        size_of::<T>()
    }
}

impl<T: Field> Field for Map<T> {
    fn value(&self) -> Option<Value<'_>> {
        Some(Value::Map(self))
    }
    fn slot(&mut self) -> Slot<'_> {
        Slot::Map(self)
    }
}

impl<T: Field> Entries for Map<T> {
    fn count(&self) -> usize {
        self.len()
    }
    fn entry(&self, index: usize) -> Option<(&Str, Value<'_>)> {
        let (key, value) = self.at(index)?;
        Some((key, value.value()?))
    }
    fn append(&mut self, key: Str) -> Slot<'_> {
        Map::append(self, key, T::default()).slot()
    }
    fn entry_bytes(&self) -> usize {
        size_of::<(Str, T)>()
    }
}

/// The table of `()`.
pub static NOTHING: StructShape = StructShape {
    name: "",
    members: &[],
};

/// The input or output of an operation that takes or answers nothing.
impl Structure for () {
    fn shape(&self) -> &'static StructShape {
        &NOTHING
    }
    fn value(&self, _: usize) -> Option<Value<'_>> {
        None
    }
    fn slot(&mut self, _: usize) -> Option<Slot<'_>> {
        None
    }
}

/// A map this small is searched pair by pair.
const SMALL_MAP: usize = 16;

/// A key that occurs more than once. Decoders refuse such maps, because two readers would see two different values.
pub(crate) fn repeated_key(map: &dyn Entries) -> Option<&str> {
    let key = |index: usize| map.entry(index).map(|(key, _)| key.as_str());
    let count = map.count();
    if count <= SMALL_MAP {
        return (1..count)
            .filter_map(key)
            .enumerate()
            .find_map(|(before, name)| {
                (0..=before)
                    .any(|index| key(index) == Some(name))
                    .then_some(name)
            });
    }
    let mut seen = std::collections::HashSet::with_capacity(count);
    (0..count).filter_map(key).find(|name| !seen.insert(*name))
}
