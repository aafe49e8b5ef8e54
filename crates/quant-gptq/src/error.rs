//! What can be wrong with a map, or with the words that should be one.

/// Why a map cannot be packed or unpacked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GptqError {
    /// Eight numbers share a word.
    #[error(
        "{inputs} inputs and {outputs} outputs are not both multiples of 8, which share a word"
    )]
    Odd {
        /// K.
        inputs: usize,
        /// N.
        outputs: usize,
    },
    /// A part has not the size that the others ask for.
    #[error(
        "{part} has {found} numbers, and {inputs} inputs, {outputs} outputs and {groups} groups want {wanted}"
    )]
    Size {
        /// Which part.
        part: &'static str,
        /// Its numbers.
        found: usize,
        /// What they should be.
        wanted: usize,
        /// K.
        inputs: usize,
        /// N.
        outputs: usize,
        /// G.
        groups: usize,
    },
    /// An input is of a group that is not there.
    #[error("input {input} is of group {group}, and there are {groups}")]
    Group {
        /// The input.
        input: usize,
        /// Its group.
        group: i64,
        /// How many there are.
        groups: usize,
    },
    /// A zero has no place in a version of the format.
    #[error("a zero of {zero} has no place: `gptq` holds 1 to 16, and `gptq_v2` 0 to 15")]
    Zero {
        /// The zero.
        zero: u8,
    },
    /// A number has no place in four bits.
    #[error("{level} has no place in four bits")]
    Level {
        /// The number.
        level: u8,
    },
    /// A map, or what it reads, has numbers that are not finite.
    #[error("{part} has numbers that are not finite")]
    NotFinite {
        /// Which.
        part: &'static str,
    },
    /// What a map reads makes no Hessian that can be inverted.
    #[error("the Hessian of what the map reads is singular, even damped by {damping}")]
    Singular {
        /// As a share of the mean of its diagonal.
        damping: f64,
    },
}
