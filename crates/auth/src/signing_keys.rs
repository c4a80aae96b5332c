//! Derived signing keys, kept so that a request costs one HMAC and not five.
//!
//! A fixed table of slots: no growth, no eviction policy, and two keys that
//! share a slot only cost each other a derivation. Keys enter after their
//! first good signature, so requests with a wrong one cannot displace them.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, PoisonError, RwLock};

use waystation_wire::Str;

use crate::limits;
use crate::principal::Identity;
use crate::signature::{Scope, SigningKey};

/// A signing key with what it belongs to.
#[derive(Debug)]
pub(crate) struct Derived {
    date: Str,
    service: Str,
    /// The sender, the same for every request with this key.
    pub(crate) identity: Identity,
    pub(crate) key: SigningKey,
}

impl Derived {
    pub(crate) fn new(identity: Identity, secret_key: &str, scope: Scope<'_>) -> Self {
        Self {
            date: Str::from(scope.date.to_owned()),
            service: Str::from(scope.service.to_owned()),
            identity,
            key: SigningKey::derive(secret_key, scope),
        }
    }

    fn scope(&self) -> Scope<'_> {
        Scope {
            date: &self.date,
            region: &self.identity.region,
            service: &self.service,
        }
    }

    fn is_for(&self, access_key: &str, scope: Scope<'_>) -> bool {
        self.identity.access_key.as_deref() == Some(access_key) && self.scope() == scope
    }
}

/// The table of derived keys.
#[derive(Debug)]
pub(crate) struct SigningKeys {
    slots: Box<[RwLock<Option<Arc<Derived>>>]>,
    hasher: RandomState,
}

impl SigningKeys {
    pub(crate) fn new() -> Self {
        Self {
            slots: (0..limits::SIGNING_KEYS_MAX)
                .map(|_| RwLock::new(None))
                .collect(),
            hasher: RandomState::new(),
        }
    }

    pub(crate) fn get(&self, access_key: &str, scope: Scope<'_>) -> Option<Arc<Derived>> {
        let slot = self.slot(access_key, scope)?;
        let derived = slot.read().unwrap_or_else(PoisonError::into_inner);
        derived
            .as_ref()
            .filter(|derived| derived.is_for(access_key, scope))
            .cloned()
    }

    pub(crate) fn put(&self, access_key: &str, derived: Arc<Derived>) {
        if let Some(slot) = self.slot(access_key, derived.scope()) {
            let mut kept = slot.write().unwrap_or_else(PoisonError::into_inner);
            *kept = Some(Arc::clone(&derived));
        }
    }

    fn slot(&self, access_key: &str, scope: Scope<'_>) -> Option<&RwLock<Option<Arc<Derived>>>> {
        let hash = self.hasher.hash_one((access_key, scope));
        self.slots.get(hash as usize % limits::SIGNING_KEYS_MAX)
    }
}
