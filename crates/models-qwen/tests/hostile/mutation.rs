//! One file of a folder, changed.

use std::{collections::BTreeMap, fmt};

use testkit::Generator;

use crate::json;

/// Which file is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Config,
    Index,
    Header,
    /// What stands behind the header.
    Numbers,
}

impl Target {
    pub(crate) const ALL: [Self; 4] = [Self::Config, Self::Index, Self::Header, Self::Numbers];
}

/// A changed file.
pub(crate) struct Mutated {
    pub(crate) file: String,
    pub(crate) bytes: Vec<u8>,
}

impl fmt::Display for Mutated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.bytes[..self.bytes.len().min(4000)];
        write!(f, "{}: {}", self.file, String::from_utf8_lossy(shown))
    }
}

/// A number below `bound`.
pub(crate) fn below(generator: &mut Generator, bound: usize) -> usize {
    (generator.next_u64() % bound.max(1) as u64) as usize
}

impl Mutated {
    pub(crate) fn of(
        files: &BTreeMap<String, Vec<u8>>,
        target: Target,
        generator: &mut Generator,
    ) -> Self {
        let fits = |name: &&String| match target {
            Target::Config => *name == "config.json",
            Target::Index => name.ends_with("index.json"),
            Target::Header | Target::Numbers => name.ends_with(".safetensors"),
        };
        let names: Vec<&String> = files.keys().filter(fits).collect();
        let file = names[below(generator, names.len())].clone();
        let original = &files[&file];
        let bytes = match target {
            Target::Config | Target::Index => json::changed(original, generator),
            Target::Header => header(original, generator),
            Target::Numbers => numbers(original, generator),
        };
        Self { file, bytes }
    }
}

/// A safetensors file with some words of its numbers changed.
fn numbers(file: &[u8], generator: &mut Generator) -> Vec<u8> {
    let (length, _) = file.split_first_chunk::<8>().expect("a length");
    let start = 8 + u64::from_le_bytes(*length) as usize;
    let mut file = file.to_vec();
    for _ in 0..=below(generator, 4) {
        let at = start + 4 * below(generator, (file.len() - start) / 4);
        // A bit, a small number, or anything.
        let word: &mut [u8; 4] = file[at..].first_chunk_mut().expect("a word");
        let before = u32::from_le_bytes(*word);
        let after = match below(generator, 3) {
            0 => before ^ 1 << below(generator, 32),
            1 => below(generator, 9) as u32,
            _ => generator.next_u64() as u32,
        };
        *word = after.to_le_bytes();
    }
    file
}

/// A safetensors file with another header.
fn header(file: &[u8], generator: &mut Generator) -> Vec<u8> {
    let (length, rest) = file.split_first_chunk::<8>().expect("a length");
    let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
    match below(generator, 8) {
        // The length alone.
        0 => {
            let lengths = [
                0,
                1,
                7,
                header.len() as u64 - 1,
                file.len() as u64,
                1 << 27,
                1 << 40,
            ];
            let lengths = [
                &lengths[..],
                &[u64::MAX, u64::MAX - 7, generator.next_u64()],
            ]
            .concat();
            let length = lengths[below(generator, lengths.len())];
            [&length.to_le_bytes()[..], rest].concat()
        }
        // The end of the file, or more of it.
        1 => file[..below(generator, file.len())].to_vec(),
        2 => [file, &vec![0; 1 + below(generator, 40)]].concat(),
        // A bit anywhere: in the data it may be a number that is none.
        3 => {
            let mut file = file.to_vec();
            let place = below(generator, file.len());
            file[place] ^= 1 << below(generator, 8);
            file
        }
        _ => {
            let header = json::changed(header, generator);
            let length = (header.len() as u64).to_le_bytes();
            [&length[..], &header, data].concat()
        }
    }
}
