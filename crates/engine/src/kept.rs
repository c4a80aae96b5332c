//! A page of any kind between memory and the view: where it is now, which rows hold it, and what it counts for in
//! the node's memory.

use std::sync::Arc;

use crate::index::{Usage, UsageGuard};

/// What takes memory that the budget for pages bounds.
pub(crate) trait Weighed {
    /// Memory it takes, about.
    fn memory_bytes(&self) -> u64;
}

/// Which rows of the view hold a thing, by the generations of the checkpoints that wrote them.
#[derive(Debug)]
pub(crate) struct Rows {
    /// Generation of the row that a sealed checkpoint names; 0 for none.
    stored: u64,
    /// Generation of a checkpoint under way that holds the thing; 0 for none.
    captured: u64,
    /// Changed since it was last captured.
    dirty: bool,
}

impl Rows {
    /// Of a thing that no row holds yet.
    pub(crate) fn none() -> Rows {
        Rows {
            stored: 0,
            captured: 0,
            dirty: true,
        }
    }

    /// Of a thing that is as its row says.
    pub(crate) fn stored(generation: u64) -> Rows {
        Rows {
            stored: generation,
            captured: 0,
            dirty: false,
        }
    }

    /// It changed.
    pub(crate) fn touch(&mut self) {
        self.dirty = true;
    }

    /// It changed since it was last captured.
    pub(crate) fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// The checkpoint under `generation` holds it.
    pub(crate) fn is_held_by(&self, generation: u64) -> bool {
        self.captured == generation
    }

    /// The view has it as it is.
    pub(crate) fn is_clean(&self) -> bool {
        !self.dirty && self.captured == 0 && self.stored != 0
    }

    /// Generation of the row that a sealed checkpoint names; 0 for none.
    pub(crate) fn generation(&self) -> u64 {
        self.stored
    }

    /// Generation of the row that holds it once the checkpoint under `generation` has captured what is dirty.
    pub(crate) fn row(&self, generation: u64) -> u64 {
        match (self.dirty, self.captured) {
            (true, _) => generation,
            (false, 0) => self.stored,
            (false, captured) => captured,
        }
    }

    /// Generations of all rows it has.
    pub(crate) fn all(&self) -> impl Iterator<Item = u64> + use<> {
        let (stored, captured) = (self.stored, self.captured);
        [stored, captured].into_iter().filter(|g| *g != 0)
    }

    /// A checkpoint holds it as it is now; returns the generations of the rows that are replaced by that.
    pub(crate) fn capture(&mut self, generation: u64) -> impl Iterator<Item = u64> + use<> {
        let replaced = self.all();
        self.dirty = false;
        self.captured = generation;
        replaced
    }

    /// The checkpoint under `generation` is sealed.
    pub(crate) fn sealed(&mut self, generation: u64) {
        if self.captured == generation {
            self.captured = 0;
            self.stored = generation;
        }
    }

    /// The checkpoint under `generation` failed: what it held is changed again. True when it held this.
    pub(crate) fn abandoned(&mut self, generation: u64) -> bool {
        let held = self.captured == generation;
        if held {
            self.captured = 0;
            self.dirty = true;
        }
        held
    }
}

/// A page's place: the page while it is in memory, and its rows.
#[derive(Debug)]
pub(crate) struct Kept<P> {
    pub(crate) rows: Rows,
    page: Option<Arc<P>>,
    memory: UsageGuard,
}

impl<P: Weighed + Clone> Kept<P> {
    /// A new page, which no row holds.
    pub(crate) fn new(usage: &Arc<Usage>, page: P) -> Kept<P> {
        let mut kept = Kept {
            rows: Rows::none(),
            page: Some(Arc::new(page)),
            memory: UsageGuard::new(usage),
        };
        kept.weigh();
        kept
    }

    /// A page that is in the view only.
    pub(crate) fn stored(usage: &Arc<Usage>, generation: u64) -> Kept<P> {
        Kept {
            rows: Rows::stored(generation),
            page: None,
            memory: UsageGuard::new(usage),
        }
    }

    /// The page, while it is in memory.
    pub(crate) fn page(&self) -> Option<&Arc<P>> {
        self.page.as_ref()
    }

    /// The page for changing: copied first when a checkpoint or a reader still holds it.
    pub(crate) fn page_mut(&mut self) -> Option<&mut P> {
        self.rows.touch();
        self.page_as_stored()
    }

    /// The same for a change that follows from its row as it is.
    pub(crate) fn page_as_stored(&mut self) -> Option<&mut P> {
        Some(Arc::make_mut(self.page.as_mut()?))
    }

    /// Renews what the page counts for in the node's memory.
    pub(crate) fn weigh(&mut self) {
        let bytes = self.page.as_ref().map_or(0, |page| page.memory_bytes());
        self.memory.set(bytes);
    }

    /// It is in the view only.
    pub(crate) fn is_spilled(&self) -> bool {
        self.page.is_none()
    }

    /// It is in the view only, in this generation.
    pub(crate) fn is_stored(&self, generation: u64) -> bool {
        self.page.is_none() && self.rows.generation() == generation
    }

    /// Takes a page read from the view under `generation`; false when it is there or changed since.
    pub(crate) fn install(&mut self, generation: u64, page: Arc<P>) -> bool {
        let wanted = self.is_stored(generation);
        if wanted {
            self.page = Some(page);
            self.weigh();
        }
        wanted
    }

    /// Drops the page from memory if the view has it as it is; true when it did.
    pub(crate) fn evict(&mut self) -> bool {
        let clean = self.rows.is_clean();
        #[cfg(feature = "planted-bugs")]
        let clean = clean
            || self.rows.generation() != 0 && crate::plant::is(crate::plant::Plant::DirtyPage);
        let leaves = clean && self.page.is_some();
        if leaves {
            self.page = None;
            self.weigh();
        }
        leaves
    }

    /// The page if it changed since it was last captured, held by the checkpoint under `generation` from now on, and
    /// the generations of the rows it replaces.
    pub(crate) fn capture(&mut self, generation: u64) -> Option<(Arc<P>, Vec<u64>)> {
        let page = self.page.clone().filter(|_| self.rows.is_dirty())?;
        Some((page, self.rows.capture(generation).collect()))
    }
}
