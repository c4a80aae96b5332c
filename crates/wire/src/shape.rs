//! Shape tables: what the codecs and the validation know about a structure, as static data.
//!
//! `api.rs` of every service is generated as rows of these; a row reads `member("QueueUrl", TEXT).required()`. The builders
//! are `const`, so a table costs nothing at start.

use crate::pattern::Pattern;

/// What a member, a list element or a map value is.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// `Str`
    Text(&'static TextShape),
    /// `Blob`
    Blob(&'static LengthShape),
    /// `bool`
    Boolean,
    /// `i32`
    Integer(&'static RangeShape),
    /// `i64`
    Long(&'static RangeShape),
    /// `f32`
    Float(&'static RangeShape),
    /// `f64`
    Double(&'static RangeShape),
    /// `Timestamp`
    Timestamp(TimestampFormat),
    /// `Vec<T>`
    List(&'static ListShape),
    /// `Map<V>`
    Map(&'static MapShape),
    /// A generated structure.
    Struct(&'static StructShape),
}

/// How a timestamp is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampFormat {
    /// As the protocol does it: epoch seconds in JSON, ISO 8601 in query and XML.
    Protocol,
    /// Seconds since the epoch.
    EpochSeconds,
    /// `2026-01-31T12:00:00Z`
    Iso8601,
    /// `Sat, 31 Jan 2026 12:00:00 GMT`
    HttpDate,
}

/// Constraints of a text.
#[derive(Debug)]
pub struct TextShape {
    /// Allowed numbers of characters.
    pub length: Bounds,
    /// A regular expression for the whole text.
    pub pattern: Option<&'static Pattern>,
    /// The allowed values, if they are enumerated.
    pub values: &'static [&'static str],
    /// A JSON number or boolean is taken as its text (SQS-031).
    pub lenient: bool,
}

/// Constraints of a blob.
#[derive(Debug)]
pub struct LengthShape {
    /// Allowed numbers of bytes.
    pub length: Bounds,
}

/// Constraints of a number.
#[derive(Debug)]
pub struct RangeShape {
    /// Allowed values.
    pub range: Bounds,
}

/// Inclusive limits, either of which may be absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The least allowed value.
    pub min: Option<i64>,
    /// The greatest allowed value.
    pub max: Option<i64>,
}

/// A list.
#[derive(Debug)]
pub struct ListShape {
    /// What each element is.
    pub element: Shape,
    /// Element name in forms and XML when the list is not flattened.
    pub element_name: &'static str,
    /// Allowed numbers of elements.
    pub length: Bounds,
}

/// A map with text keys.
#[derive(Debug)]
pub struct MapShape {
    /// Constraints of the keys.
    pub key: &'static TextShape,
    /// What each value is.
    pub value: Shape,
    /// Name of the key in forms and XML.
    pub key_name: &'static str,
    /// Name of the value in forms and XML.
    pub value_name: &'static str,
    /// Allowed numbers of pairs.
    pub length: Bounds,
}

/// A structure: one row per member, in the order of the generated fields.
#[derive(Debug)]
pub struct StructShape {
    /// Name in the model.
    pub name: &'static str,
    /// The members; a member's position is its field index.
    pub members: &'static [MemberShape],
}

/// What the front of the house checks about a member's presence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// May be absent.
    Optional,
    /// Absence is refused before the handler runs.
    Required,
    /// The model requires it, but the service answers absence in its own words; the field then holds its default.
    LeftToService,
}

/// Where a member stands in an HTTP message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Location {
    /// In the document.
    Body,
    /// In the path of the URL.
    Uri,
    /// In the query string.
    Query,
    /// In a header.
    Header,
    /// Headers with a common prefix.
    HeaderPrefix,
    /// It is the body.
    Payload,
    /// It is the status.
    StatusCode,
}

/// One member of a structure.
#[derive(Debug, Clone, Copy)]
pub struct MemberShape {
    /// Name in the model and in JSON.
    pub name: &'static str,
    /// What it is.
    pub shape: Shape,
    /// Name in form requests.
    pub query_name: &'static str,
    /// Name in XML answers.
    pub xml_name: &'static str,
    /// Name in the JSON rendering of a query answer (SQS-048).
    pub view_name: &'static str,
    /// Lists and maps without a wrapper in forms and XML (SQS-039).
    pub flattened: bool,
    /// What is checked about its presence.
    pub presence: Presence,
    /// Where it stands; `wire_name` of that place is `query_name`.
    pub location: Location,
    /// Must not be logged.
    pub sensitive: bool,
    /// An empty list or map is not written although the model requires the member (SQS-019).
    pub absent_when_empty: bool,
}

/// No limits.
pub const UNBOUNDED: Bounds = Bounds {
    min: None,
    max: None,
};
/// Any text.
pub const TEXT: Shape = Shape::Text(&PLAIN_TEXT);
/// Any bytes.
pub const BLOB: Shape = Shape::Blob(&LengthShape { length: UNBOUNDED });
/// `true` or `false`.
pub const BOOLEAN: Shape = Shape::Boolean;
/// Any 32-bit integer.
pub const INTEGER: Shape = Shape::Integer(&RangeShape { range: UNBOUNDED });
/// Any 64-bit integer.
pub const LONG: Shape = Shape::Long(&RangeShape { range: UNBOUNDED });
/// Any single-precision number.
pub const FLOAT: Shape = Shape::Float(&RangeShape { range: UNBOUNDED });
/// Any double-precision number.
pub const DOUBLE: Shape = Shape::Double(&RangeShape { range: UNBOUNDED });
/// A time in the protocol's own format.
pub const TIMESTAMP: Shape = Shape::Timestamp(TimestampFormat::Protocol);
/// A text without constraints, for keys of maps.
pub static PLAIN_TEXT: TextShape = text();

/// A row for a member that may be absent.
pub const fn member(name: &'static str, shape: Shape) -> MemberShape {
    MemberShape {
        name,
        shape,
        query_name: name,
        xml_name: name,
        view_name: name,
        flattened: false,
        presence: Presence::Optional,
        location: Location::Body,
        sensitive: false,
        absent_when_empty: false,
    }
}

impl MemberShape {
    /// Absence is refused.
    pub const fn required(self) -> MemberShape {
        MemberShape {
            presence: Presence::Required,
            ..self
        }
    }

    /// The service itself answers absence.
    pub const fn left_to_service(self) -> MemberShape {
        MemberShape {
            presence: Presence::LeftToService,
            ..self
        }
    }

    /// Another name in forms and XML.
    pub const fn named(self, name: &'static str) -> MemberShape {
        MemberShape {
            query_name: name,
            xml_name: name,
            ..self
        }
    }

    /// Another name in forms only.
    pub const fn query(self, query_name: &'static str) -> MemberShape {
        MemberShape { query_name, ..self }
    }

    /// Another name in the JSON rendering of a query answer.
    pub const fn view(self, view_name: &'static str) -> MemberShape {
        MemberShape { view_name, ..self }
    }

    /// Without a wrapper in forms and XML.
    pub const fn flattened(self) -> MemberShape {
        MemberShape {
            flattened: true,
            ..self
        }
    }

    /// At another place of the HTTP message, under the given name there.
    pub const fn at(self, location: Location, name: &'static str) -> MemberShape {
        MemberShape {
            location,
            query_name: name,
            ..self
        }
    }

    /// Must not be logged.
    pub const fn sensitive(self) -> MemberShape {
        MemberShape {
            sensitive: true,
            ..self
        }
    }

    /// Not written when empty.
    pub const fn absent_when_empty(self) -> MemberShape {
        MemberShape {
            absent_when_empty: true,
            ..self
        }
    }
}

/// A text row.
pub const fn text() -> TextShape {
    TextShape {
        length: UNBOUNDED,
        pattern: None,
        values: &[],
        lenient: false,
    }
}

/// Inclusive limits.
pub const fn bounds(min: Option<i64>, max: Option<i64>) -> Bounds {
    Bounds { min, max }
}

impl TextShape {
    /// With limits of its length in characters.
    pub const fn length(mut self, length: Bounds) -> TextShape {
        self.length = length;
        self
    }

    /// With a pattern for the whole text.
    pub const fn pattern(mut self, pattern: &'static Pattern) -> TextShape {
        self.pattern = Some(pattern);
        self
    }

    /// Taking JSON numbers and booleans as their text.
    pub const fn lenient(mut self) -> TextShape {
        self.lenient = true;
        self
    }

    /// With enumerated values.
    pub const fn values(mut self, values: &'static [&'static str]) -> TextShape {
        self.values = values;
        self
    }
}

/// A list row.
pub const fn list(element: Shape) -> ListShape {
    ListShape {
        element,
        element_name: "member",
        length: UNBOUNDED,
    }
}

impl ListShape {
    /// With another element name.
    pub const fn element_name(self, element_name: &'static str) -> ListShape {
        ListShape {
            element_name,
            ..self
        }
    }

    /// With limits of the number of elements.
    pub const fn length(self, length: Bounds) -> ListShape {
        ListShape { length, ..self }
    }
}

/// A map row.
pub const fn map(key: &'static TextShape, value: Shape) -> MapShape {
    MapShape {
        key,
        value,
        key_name: "key",
        value_name: "value",
        length: UNBOUNDED,
    }
}

impl MapShape {
    /// With other names of key and value.
    pub const fn entry_names(self, key_name: &'static str, value_name: &'static str) -> MapShape {
        MapShape {
            key_name,
            value_name,
            ..self
        }
    }

    /// With limits of the number of pairs.
    pub const fn length(self, length: Bounds) -> MapShape {
        MapShape { length, ..self }
    }
}

impl StructShape {
    /// The index of the member with this model name. `expected` is tried first, since clients tend to write members in the
    /// model's order.
    pub fn index_of(&self, name: &str, expected: usize) -> Option<usize> {
        if self
            .members
            .get(expected)
            .is_some_and(|member| member.name == name)
        {
            return Some(expected);
        }
        self.members.iter().position(|member| member.name == name)
    }

    /// Whether it has a member of this model name.
    pub fn has(&self, name: &str) -> bool {
        self.members.iter().any(|member| member.name == name)
    }
}
