//! `structure!`: one generated structure and its table from one line per member.

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
