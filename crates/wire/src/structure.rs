//! `structure!`, `event_union!` and `error_kinds!`: generated structures, tables, events and errors from one line each.

/// Expands `Name, TABLE, "WireName" { 0 field: Type = member("Wire", SHAPE), ... }` to the structure, its static table and its
/// [`Structure`](crate::Structure) implementation. The numbers are field indices and count from 0 in order. Only generated
/// code uses it.
#[macro_export]
macro_rules! structure {
    ($name:ident, $table:ident, $wire:literal { $($index:literal $field:ident: $type:ty = $member:expr),* $(,)? }) => {
        #[doc = concat!("`", $wire, "` of the model.")]
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct $name {
            $(
                #[doc = concat!("`", stringify!($field), "`")]
                pub $field: $type,
            )*
        }

        static $table: $crate::shape::StructShape =
            $crate::shape::StructShape { name: $wire, members: &[$($member),*] };

        impl $crate::Structure for $name {
            fn shape(&self) -> &'static $crate::shape::StructShape {
                &$table
            }
            fn value(&self, index: usize) -> Option<$crate::Value<'_>> {
                match index {
                    $($index => $crate::value::Field::value(&self.$field),)*
                    _ => None,
                }
            }
            fn slot(&mut self, index: usize) -> Option<$crate::Slot<'_>> {
                match index {
                    $($index => Some($crate::value::Field::slot(&mut self.$field)),)*
                    _ => None,
                }
            }
        }

        impl $crate::value::Field for $name {
            fn value(&self) -> Option<$crate::Value<'_>> {
                Some($crate::Value::Struct(self))
            }
            fn slot(&mut self) -> $crate::Slot<'_> {
                $crate::Slot::Struct(self)
            }
        }
    };
}

/// Expands `Name { "Member" Structure, ... } ends [&ERROR, ...]` to an enum of events and its [`Event`](crate::Event)
/// implementation. Only generated code uses it.
#[macro_export]
macro_rules! event_union {
    ($name:ident { $($member:literal $variant:ident),+ $(,)? } ends [$($error:expr),* $(,)?]) => {
        #[doc = concat!("The events of a `", stringify!($name), "`.")]
        #[derive(Debug, Clone, PartialEq)]
        pub enum $name {
            $(
                #[doc = concat!("`", $member, "` of the model.")]
                $variant($variant),
            )+
        }

        impl $crate::Event for $name {
            fn name(&self) -> &'static str {
                match self {
                    $($name::$variant(_) => $member,)+
                }
            }
            fn payload(&self) -> &dyn $crate::Structure {
                match self {
                    $($name::$variant(event) => event,)+
                }
            }
            fn exceptions() -> &'static [&'static $crate::ErrorKind] {
                static ENDS: &[&$crate::ErrorKind] = &[$($error),*];
                ENDS
            }
        }

        $(
            impl From<$variant> for $name {
                fn from(event: $variant) -> $name {
                    $name::$variant(event)
                }
            }
        )+
    };
}

/// Expands `QUEUE_DOES_NOT_EXIST = ErrorKind::sender("QueueDoesNotExist", 400);` to a public static. Only generated code uses
/// it.
#[macro_export]
macro_rules! error_kinds {
    ($($name:ident = $kind:expr;)*) => {
        $(
            #[doc = concat!("`", stringify!($name), "` of the model.")]
            pub static $name: $crate::ErrorKind = $kind;
        )*
    };
}
