//! Structures whose table is known only at run time, and their values from and to the vectors' notation.

use serde_json::Value as Json;
use waystation_wire::shape::{ListShape, MapShape, Shape, StructShape};
use waystation_wire::value::{Entries, List};
use waystation_wire::{Blob, Slot, Str, Structure, Timestamp, Value};

#[derive(Debug, Clone)]
pub(crate) enum Dynamic {
    Text(Str),
    Blob(Blob),
    Boolean(bool),
    Integer(i32),
    Long(i64),
    Float(f32),
    Double(f64),
    Timestamp(Timestamp),
    List(DynamicList),
    Map(DynamicMap),
    Struct(DynamicStruct),
}

#[derive(Debug, Clone)]
pub(crate) struct DynamicList {
    shape: &'static ListShape,
    items: Vec<Dynamic>,
}

#[derive(Debug, Clone)]
pub(crate) struct DynamicMap {
    shape: &'static MapShape,
    pairs: Vec<(Str, Dynamic)>,
}

#[derive(Debug, Clone)]
pub(crate) struct DynamicStruct {
    shape: &'static StructShape,
    fields: Vec<Option<Dynamic>>,
}

impl DynamicStruct {
    pub(crate) fn new(shape: &'static StructShape) -> DynamicStruct {
        DynamicStruct {
            shape,
            fields: vec![None; shape.members.len()],
        }
    }

    /// The structure that a vector writes as JSON.
    pub(crate) fn from_vector(shape: &'static StructShape, json: &Json) -> DynamicStruct {
        let mut made = DynamicStruct::new(shape);
        for (member, field) in shape.members.iter().zip(&mut made.fields) {
            let given = &json[member.name];
            if !given.is_null() {
                *field = Some(Dynamic::from_vector(member.shape, given));
            }
        }
        made
    }
}

impl Dynamic {
    fn empty(shape: Shape) -> Dynamic {
        match shape {
            Shape::Text(_) => Dynamic::Text(Str::default()),
            Shape::Blob(_) => Dynamic::Blob(Blob::new()),
            Shape::Boolean => Dynamic::Boolean(false),
            Shape::Integer(_) => Dynamic::Integer(0),
            Shape::Long(_) => Dynamic::Long(0),
            Shape::Float(_) => Dynamic::Float(0.0),
            Shape::Double(_) => Dynamic::Double(0.0),
            Shape::Timestamp(_) => Dynamic::Timestamp(Timestamp(0.0)),
            Shape::List(shape) => Dynamic::List(DynamicList {
                shape,
                items: Vec::new(),
            }),
            Shape::Map(shape) => Dynamic::Map(DynamicMap {
                shape,
                pairs: Vec::new(),
            }),
            Shape::Struct(shape) => Dynamic::Struct(DynamicStruct::new(shape)),
        }
    }

    fn from_vector(shape: Shape, json: &Json) -> Dynamic {
        let text = || json.as_str().unwrap_or_default().to_owned();
        let number = || {
            json.as_f64()
                .or_else(|| text().parse().ok())
                .unwrap_or_default()
        };
        match shape {
            Shape::Text(_) => Dynamic::Text(text().into()),
            Shape::Blob(_) => Dynamic::Blob(text().into()),
            Shape::Boolean => Dynamic::Boolean(json.as_bool().unwrap_or_default()),
            Shape::Integer(_) => Dynamic::Integer(json.as_i64().unwrap_or_default() as i32),
            Shape::Long(_) => Dynamic::Long(json.as_i64().unwrap_or_default()),
            Shape::Float(_) => Dynamic::Float(number() as f32),
            Shape::Double(_) => Dynamic::Double(number()),
            Shape::Timestamp(_) => Dynamic::Timestamp(Timestamp(number())),
            Shape::List(shape) => {
                let items = json.as_array().into_iter().flatten();
                Dynamic::List(DynamicList {
                    shape,
                    items: items
                        .map(|item| Dynamic::from_vector(shape.element, item))
                        .collect(),
                })
            }
            Shape::Map(shape) => {
                let pairs = json.as_object().into_iter().flatten();
                let pairs = pairs.map(|(key, value)| {
                    (key.clone().into(), Dynamic::from_vector(shape.value, value))
                });
                Dynamic::Map(DynamicMap {
                    shape,
                    pairs: pairs.collect(),
                })
            }
            Shape::Struct(shape) => Dynamic::Struct(DynamicStruct::from_vector(shape, json)),
        }
    }

    fn value(&self) -> Value<'_> {
        match self {
            Dynamic::Text(value) => Value::Text(value),
            Dynamic::Blob(value) => Value::Blob(value),
            Dynamic::Boolean(value) => Value::Boolean(*value),
            Dynamic::Integer(value) => Value::Integer(*value),
            Dynamic::Long(value) => Value::Long(*value),
            Dynamic::Float(value) => Value::Float(*value),
            Dynamic::Double(value) => Value::Double(*value),
            Dynamic::Timestamp(value) => Value::Timestamp(*value),
            Dynamic::List(value) => Value::List(value),
            Dynamic::Map(value) => Value::Map(value),
            Dynamic::Struct(value) => Value::Struct(value),
        }
    }

    fn slot(&mut self) -> Slot<'_> {
        match self {
            Dynamic::Text(value) => Slot::Text(value),
            Dynamic::Blob(value) => Slot::Blob(value),
            Dynamic::Boolean(value) => Slot::Boolean(value),
            Dynamic::Integer(value) => Slot::Integer(value),
            Dynamic::Long(value) => Slot::Long(value),
            Dynamic::Float(value) => Slot::Float(value),
            Dynamic::Double(value) => Slot::Double(value),
            Dynamic::Timestamp(value) => Slot::Timestamp(value),
            Dynamic::List(value) => Slot::List(value),
            Dynamic::Map(value) => Slot::Map(value),
            Dynamic::Struct(value) => Slot::Struct(value),
        }
    }
}

impl List for DynamicList {
    fn count(&self) -> usize {
        self.items.len()
    }
    fn element(&self, index: usize) -> Option<Value<'_>> {
        self.items.get(index).map(Dynamic::value)
    }
    fn append(&mut self) -> Slot<'_> {
        self.items
            .push_mut(Dynamic::empty(self.shape.element))
            .slot()
    }
    fn element_bytes(&self) -> usize {
        size_of::<Dynamic>()
    }
}

impl Entries for DynamicMap {
    fn count(&self) -> usize {
        self.pairs.len()
    }
    fn entry(&self, index: usize) -> Option<(&Str, Value<'_>)> {
        self.pairs
            .get(index)
            .map(|(key, value)| (key, value.value()))
    }
    fn append(&mut self, key: Str) -> Slot<'_> {
        self.pairs
            .push_mut((key, Dynamic::empty(self.shape.value)))
            .1
            .slot()
    }
    fn entry_bytes(&self) -> usize {
        size_of::<(Str, Dynamic)>()
    }
}

impl Structure for DynamicStruct {
    fn shape(&self) -> &'static StructShape {
        self.shape
    }
    fn value(&self, index: usize) -> Option<Value<'_>> {
        self.fields.get(index)?.as_ref().map(Dynamic::value)
    }
    fn slot(&mut self, index: usize) -> Option<Slot<'_>> {
        let shape = self.shape.members.get(index)?.shape;
        Some(
            self.fields
                .get_mut(index)?
                .get_or_insert_with(|| Dynamic::empty(shape))
                .slot(),
        )
    }
}

/// A text that is equal for equal structures: maps in the order of their keys, NaN equal to itself.
pub(crate) fn canonical(structure: &dyn Structure) -> String {
    canonical_value(&Value::Struct(structure))
}

fn canonical_value(value: &Value<'_>) -> String {
    match value {
        Value::Text(value) => format!("{value:?}"),
        Value::Blob(value) => format!("{value:?}"),
        Value::Boolean(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Long(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::Double(value) => value.to_string(),
        Value::Timestamp(value) => value.0.to_string(),
        Value::List(list) => {
            let items = (0..list.count()).filter_map(|index| list.element(index));
            format!(
                "[{}]",
                items
                    .map(|item| canonical_value(&item))
                    .collect::<Vec<_>>()
                    .join(",")
            )
        }
        Value::Map(map) => {
            let pairs = (0..map.count()).filter_map(|index| map.entry(index));
            let mut pairs: Vec<_> = pairs
                .map(|(key, value)| format!("{key:?}:{}", canonical_value(&value)))
                .collect();
            pairs.sort();
            format!("{{{}}}", pairs.join(","))
        }
        Value::Struct(inner) => {
            let members = inner.shape().members.iter().enumerate();
            let fields = members.filter_map(|(index, member)| {
                Some(format!(
                    "{}={}",
                    member.name,
                    canonical_value(&inner.value(index)?)
                ))
            });
            format!("({})", fields.collect::<Vec<_>>().join(","))
        }
    }
}
