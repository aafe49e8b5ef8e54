//! Which tensors a model is made of.

/// The tensors of a model: names, and shapes as they are stored (matrices `[out, in]`). The one list that
/// loading and counting share.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout(Vec<(String, Vec<usize>)>);

impl Layout {
    /// A layout of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tensor.
    pub fn add(&mut self, name: impl Into<String>, shape: &[usize]) {
        self.0.push((name.into(), shape.to_vec()));
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

    /// Name and shape of every tensor.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.0
            .iter()
            .map(|(name, shape)| (name.as_str(), shape.as_slice()))
    }

    /// The numbers of all tensors.
    #[must_use]
    pub fn num_params(&self) -> usize {
        let sizes = self.0.iter();
        sizes
            .map(|(_, shape)| shape.iter().product::<usize>())
            .sum()
    }
}
