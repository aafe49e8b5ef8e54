//! Golden tensors from a safetensors file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::prelude::*;
use burn::tensor::DType;
use safetensors::{Dtype, SafeTensors};

/// The tensors of one file by name.
#[derive(Debug, Clone)]
pub struct Goldens {
    path: PathBuf,
    tensors: BTreeMap<String, TensorData>,
}

/// Reads every tensor of a safetensors file; halves become f32, small integers i64.
///
/// # Panics
///
/// When the file is missing, broken, or holds a type that no golden of ours uses.
#[track_caller]
pub fn read_safetensors(path: impl AsRef<Path>) -> Goldens {
    let path = path.as_ref();
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file = SafeTensors::deserialize(&bytes)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let tensors = file
        .iter()
        .map(|(name, view)| {
            let dtype = match view.dtype() {
                Dtype::F64 => DType::F64,
                Dtype::F32 => DType::F32,
                Dtype::F16 => DType::F16,
                Dtype::BF16 => DType::BF16,
                Dtype::I64 => DType::I64,
                Dtype::I32 => DType::I32,
                Dtype::I16 => DType::I16,
                Dtype::I8 => DType::I8,
                Dtype::U8 | Dtype::BOOL => DType::U8,
                other => panic!(
                    "{}: {name} has type {other:?}, which testkit does not read",
                    path.display()
                ),
            };
            let data =
                TensorData::from_bytes_vec(view.data().to_vec(), view.shape().to_vec(), dtype);
            let data = if dtype.is_float() {
                data.convert::<f32>()
            } else {
                data.convert::<i64>()
            };
            (name.to_owned(), data)
        })
        .collect();
    Goldens {
        path: path.to_owned(),
        tensors,
    }
}

impl Goldens {
    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Whether there is a tensor of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The tensor as f32, whatever the file holds.
    ///
    /// # Panics
    ///
    /// When the name is unknown or the rank is another.
    #[track_caller]
    pub fn float<const D: usize>(&self, name: &str, device: &Device) -> Tensor<D> {
        Tensor::from_data(self.data::<D>(name).convert::<f32>(), device)
    }

    /// The numbers of the tensor in a row as f32, whatever its rank.
    ///
    /// # Panics
    ///
    /// When the name is unknown.
    #[track_caller]
    pub fn flat(&self, name: &str, device: &Device) -> Tensor<1> {
        let data = self.named(name).clone().convert::<f32>();
        let numbers: Vec<f32> = data.iter::<f32>().collect();
        Tensor::from_data(numbers.as_slice(), device)
    }

    /// The tensor as integers, whatever the file holds.
    ///
    /// # Panics
    ///
    /// When the name is unknown or the rank is another.
    #[track_caller]
    pub fn int<const D: usize>(&self, name: &str, device: &Device) -> Tensor<D, Int> {
        Tensor::from_data(self.data::<D>(name).convert::<i32>(), device)
    }

    #[track_caller]
    fn named(&self, name: &str) -> &TensorData {
        self.tensors.get(name).unwrap_or_else(|| {
            panic!(
                "{}: no tensor {name}; there are {:?}",
                self.path.display(),
                self.tensors.keys()
            )
        })
    }

    #[track_caller]
    fn data<const D: usize>(&self, name: &str) -> TensorData {
        let data = self.named(name);
        assert_eq!(
            data.rank(),
            D,
            "{}: {name} has shape {:?}",
            self.path.display(),
            data.shape()
        );
        data.clone()
    }
}

#[cfg(test)]
mod tests {
    use safetensors::tensor::TensorView;

    use super::*;
    use crate::{F32_EXACT_ORDER, assert_close};

    fn written() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("case.safetensors");
        let floats: Vec<u8> = [1.0f32, -2.5]
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        let whole: Vec<u8> = [3i64, -4]
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        // 1.5 and -2 in bf16 are the upper halves of their f32 bits.
        let halves: Vec<u8> = [1.5f32, -2.0]
            .iter()
            .flat_map(|value| ((value.to_bits() >> 16) as u16).to_le_bytes())
            .collect();
        let view = |dtype, data| TensorView::new(dtype, vec![1, 2], data).expect("sizes agree");
        let tensors = [
            ("x", view(Dtype::F32, &floats)),
            ("ids", view(Dtype::I64, &whole)),
            ("half", view(Dtype::BF16, &halves)),
        ];
        std::fs::write(
            &path,
            safetensors::serialize(tensors, None).expect("serialises"),
        )
        .expect("writes");
        (folder, path)
    }

    #[test]
    fn floats_integers_and_halves_come_back() {
        let (_folder, path) = written();
        let goldens = read_safetensors(&path);
        let device = Device::flex();
        assert_eq!(goldens.names().collect::<Vec<_>>(), ["half", "ids", "x"]);
        let x = goldens.float::<2>("x", &device);
        assert_close(
            x,
            Tensor::from_data([[1.0f32, -2.5]], &device),
            F32_EXACT_ORDER,
        );
        let half = goldens.float::<2>("half", &device);
        assert_close(
            half,
            Tensor::from_data([[1.5f32, -2.0]], &device),
            F32_EXACT_ORDER,
        );
        let ids: Vec<i64> = goldens
            .int::<2>("ids", &device)
            .into_data()
            .iter::<i64>()
            .collect();
        assert_eq!(ids, [3, -4]);
    }

    #[test]
    #[should_panic(expected = "no tensor y; there are")]
    fn an_unknown_name_lists_the_known_ones() {
        let (_folder, path) = written();
        read_safetensors(path).float::<2>("y", &Device::flex());
    }
}
