//! How files hold zeros.

/// How files hold zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ZeroFormat {
    /// One below what they are, as AutoGPTQ writes them (`gptq`). A zero of 0 has no place in it.
    V1,
    /// As they are, as GPTQModel writes them (`gptq_v2`).
    V2,
}

impl ZeroFormat {
    /// The other of the two.
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::V1 => Self::V2,
            Self::V2 => Self::V1,
        }
    }

    /// What a stored number is below the zero that it stands for.
    pub(crate) const fn below(self) -> u8 {
        match self {
            Self::V1 => 1,
            Self::V2 => 0,
        }
    }
}
