//! A platform application and an endpoint as the catalog keeps them, and their stored forms.
//!
//! Both version 1, integers little-endian, texts as u32 length and bytes, optional things after a u8 that is 1 or 0:
//! ```text
//! application: version u8 = 1, id u64, created u64 ms, attributes: count u32, pairs of texts
//! endpoint: version u8 = 1, application id u64, created u64 ms, enabled u8, token: text, user data?: text
//! ```

use std::collections::BTreeMap;

use bytes::Bytes;
use waystation_delivery::stored::{Input, Malformed, Output};
use waystation_wire::{Map, Str};

use crate::topic_settings::{pairs, read_pairs};

const VERSION: u8 = 1;

/// Attributes that are kept and never shown (SNS-444).
const SECRETS: [&str; 2] = ["PlatformCredential", "PlatformPrincipal"];

/// A platform application (section 34).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApplicationSettings {
    /// Tells an application from an earlier one of its name.
    pub(crate) id: u64,
    /// Creation, in milliseconds since the epoch.
    pub(crate) created_ms: u64,
    /// What was set, by name; all of it was checked.
    pub(crate) attributes: BTreeMap<String, String>,
}

impl ApplicationSettings {
    /// SNS-445, SNS-460
    pub(crate) fn is_enabled(&self) -> bool {
        self.attributes.get("Enabled").map(String::as_str) != Some("false")
    }

    /// The attributes as they are shown.
    pub(crate) fn shown(&self) -> Map<Str> {
        let mut shown = Map::default();
        shown.insert("Enabled", Str::from(self.is_enabled().to_string()));
        for (name, value) in &self.attributes {
            if !SECRETS.contains(&name.as_str()) {
                shown.insert(Str::from(name.clone()), Str::from(value.clone()));
            }
        }
        shown
    }

    /// The stored form.
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = Output::default();
        out.u8(VERSION);
        out.u64(self.id);
        out.u64(self.created_ms);
        pairs(&mut out, &self.attributes);
        out.finish()
    }

    /// Reads the stored form; an unknown version is refused.
    pub(crate) fn decode(stored: &[u8]) -> Result<ApplicationSettings, Malformed> {
        let mut input = Input::new(stored);
        if input.u8()? != VERSION {
            return Err(Malformed);
        }
        let settings = ApplicationSettings {
            id: input.u64()?,
            created_ms: input.u64()?,
            attributes: read_pairs(&mut input)?,
        };
        input.end()?;
        Ok(settings)
    }
}

/// A platform endpoint: an app on a device (SNS-450).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EndpointSettings {
    /// The application's id; another one of its name has other endpoints.
    pub(crate) application: u64,
    /// Creation, in milliseconds since the epoch.
    pub(crate) created_ms: u64,
    /// SNS-459
    pub(crate) is_enabled: bool,
    /// What the push service calls the device.
    pub(crate) token: String,
    /// SNS-450; never empty.
    pub(crate) user_data: Option<String>,
}

impl EndpointSettings {
    /// The attributes as they are shown (SNS-452).
    pub(crate) fn shown(&self) -> Map<Str> {
        let mut shown = Map::default();
        shown.insert("Enabled", Str::from(self.is_enabled.to_string()));
        shown.insert("Token", Str::from(self.token.clone()));
        if let Some(user_data) = &self.user_data {
            shown.insert("CustomUserData", Str::from(user_data.clone()));
        }
        shown
    }

    /// The stored form.
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = Output::default();
        out.u8(VERSION);
        out.u64(self.application);
        out.u64(self.created_ms);
        out.u8(self.is_enabled.into());
        out.text(&self.token);
        out.option(&self.user_data, |out, user_data| out.text(user_data));
        out.finish()
    }

    /// Reads the stored form; an unknown version is refused.
    pub(crate) fn decode(stored: &[u8]) -> Result<EndpointSettings, Malformed> {
        let mut input = Input::new(stored);
        if input.u8()? != VERSION {
            return Err(Malformed);
        }
        let settings = EndpointSettings {
            application: input.u64()?,
            created_ms: input.u64()?,
            is_enabled: input.flag()?,
            token: input.text()?,
            user_data: input.option(Input::text)?,
        };
        input.end()?;
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_1_stays_readable_and_damage_is_refused() {
        // Catalogs hold these forms.
        let stored = b"\x01\x07\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x01\0\0\0\x01\0\0\0a\x01\0\0\0b";
        let settings = ApplicationSettings::decode(stored).expect("version 1");
        assert_eq!((settings.id, settings.created_ms), (7, 2));
        assert_eq!(settings.attributes.get("a").map(String::as_str), Some("b"));
        assert_eq!(settings.encode(), stored.as_slice());
        for length in 0..stored.len() {
            assert_eq!(
                ApplicationSettings::decode(&stored[..length]),
                Err(Malformed)
            );
        }
        let stored = b"\x01\x07\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x01\x01\0\0\0t\x01\x01\0\0\0u";
        let settings = EndpointSettings::decode(stored).expect("version 1");
        assert_eq!((settings.application, settings.is_enabled), (7, true));
        assert_eq!(
            (&*settings.token, settings.user_data.as_deref()),
            ("t", Some("u"))
        );
        assert_eq!(settings.encode(), stored.as_slice());
        for length in 0..stored.len() {
            assert_eq!(EndpointSettings::decode(&stored[..length]), Err(Malformed));
        }
    }
}
