//! Which tensors a model is made of.

/// What a tensor holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Holds {
    /// Numbers in F32, F16 or BF16.
    #[default]
    Floats,
    /// Whole numbers or words of 32 bits: I32.
    Words,
}

/// A tensor of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its shape as it is stored: matrices are `[out, in]`.
    pub shape: Vec<usize>,
    /// What it holds.
    pub holds: Holds,
}

/// The tensors of a model: the one list that loading and counting share.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout(Vec<Entry>);

impl Layout {
    /// A layout of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tensor of numbers.
    pub fn add(&mut self, name: impl Into<String>, shape: &[usize]) {
        self.push(name, shape, Holds::Floats);
    }

    /// Adds a tensor of words.
    pub fn words(&mut self, name: impl Into<String>, shape: &[usize]) {
        self.push(name, shape, Holds::Words);
    }

    fn push(&mut self, name: impl Into<String>, shape: &[usize], holds: Holds) {
        self.0.push(Entry {
            name: name.into(),
            shape: shape.to_vec(),
            holds,
        });
    }

    /// Adds `<name>.weight`, `[outer, inner]`.
    pub fn matrix(&mut self, name: &str, inner: usize, outer: usize) {
        self.add(format!("{name}.weight"), &[outer, inner]);
    }

    /// Adds `<name>.weight` and `<name>.bias`.
    pub fn affine(&mut self, name: &str, inner: usize, outer: usize) {
        self.matrix(name, inner, outer);
        self.add(format!("{name}.bias"), &[outer]);
    }

    /// Adds `<name>.weight` and `<name>.bias` of a layer norm.
    pub fn norm(&mut self, name: &str, width: usize) {
        self.add(format!("{name}.weight"), &[width]);
        self.add(format!("{name}.bias"), &[width]);
    }

    /// Every tensor.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.0.iter()
    }

    /// The numbers of all tensors.
    #[must_use]
    pub fn num_params(&self) -> usize {
        let sizes = self.0.iter();
        sizes
            .map(|entry| entry.shape.iter().product::<usize>())
            .sum()
    }
}

impl Extend<Entry> for Layout {
    fn extend<I: IntoIterator<Item = Entry>>(&mut self, entries: I) {
        self.0.extend(entries);
    }
}
