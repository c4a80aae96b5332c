//! `Map`: the wire's maps, ordered pairs with text keys.
//!
//! AWS maps are small (attributes, tags) and their order can be seen by clients, so pairs in a vector beat a hash table.

use crate::Str;

/// Pairs in the order in which they were inserted; a key occurs once when filled through [`Map::insert`].
#[derive(Debug, Clone, PartialEq)]
pub struct Map<V>(Vec<(Str, V)>);

impl<V> Default for Map<V> {
    fn default() -> Map<V> {
        Map(Vec::new())
    }
}

impl<V> Map<V> {
    /// An empty map.
    pub const fn new() -> Map<V> {
        Map(Vec::new())
    }

    /// The value of `key`; the last one when a request repeated the key.
    pub fn get(&self, key: &str) -> Option<&V> {
        self.0
            .iter()
            .rev()
            .find(|(name, _)| *name == *key)
            .map(|(_, value)| value)
    }

    /// Whether `key` occurs.
    pub fn contains_key(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Sets `key` and returns its former value. Linear in the size of the map.
    pub fn insert(&mut self, key: impl Into<Str>, value: V) -> Option<V> {
        let key = key.into();
        match self.0.iter_mut().find(|(name, _)| *name == key) {
            Some((_, old)) => Some(std::mem::replace(old, value)),
            None => {
                self.0.push((key, value));
                None
            }
        }
    }

    /// Takes `key` out; the order of the others stays.
    pub fn remove(&mut self, key: &str) -> Option<V> {
        let position = self.0.iter().position(|(name, _)| *name == *key)?;
        Some(self.0.remove(position).1)
    }

    /// The pairs in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Str, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// The keys in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &Str> {
        self.0.iter().map(|(key, _)| key)
    }

    /// The number of pairs.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no pair.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The pair at a position.
    pub fn at(&self, index: usize) -> Option<(&Str, &V)> {
        self.0.get(index).map(|(key, value)| (key, value))
    }

    /// Appends a pair without looking for the key, for codecs, and returns the place of its value.
    pub(crate) fn append(&mut self, key: Str, value: V) -> &mut V {
        &mut self.0.push_mut((key, value)).1
    }
}

impl<V> FromIterator<(Str, V)> for Map<V> {
    fn from_iter<I: IntoIterator<Item = (Str, V)>>(pairs: I) -> Map<V> {
        let mut map = Map::new();
        for (key, value) in pairs {
            map.insert(key, value);
        }
        map
    }
}

impl<V> IntoIterator for Map<V> {
    type Item = (Str, V);
    type IntoIter = std::vec::IntoIter<(Str, V)>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, V> IntoIterator for &'a Map<V> {
    type Item = (&'a Str, &'a V);
    type IntoIter =
        std::iter::Map<std::slice::Iter<'a, (Str, V)>, fn(&'a (Str, V)) -> (&'a Str, &'a V)>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().map(|(key, value)| (key, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn insert_replaces_and_keeps_the_order() {
        let mut map = Map::new();
        map.insert("b", 1);
        map.insert("a", 2);
        assert_eq!(map.insert("b", 3), Some(1));
        assert_eq!(
            map.iter()
                .map(|(k, v)| (k.to_string(), *v))
                .collect::<Vec<_>>(),
            [("b".into(), 3), ("a".into(), 2)]
        );
        assert_eq!(map.remove("b"), Some(3));
        assert_eq!(map.get("b"), None);
    }

    #[test]
    fn the_last_of_repeated_keys_wins() {
        let mut map = Map::new();
        map.append(Str::from("k"), 1);
        map.append(Str::from("k"), 2);
        assert_eq!(map.get("k"), Some(&2));
    }
}
