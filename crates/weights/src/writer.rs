//! The way back: parameters to a file.

use std::{borrow::Cow, collections::HashMap, path::Path};

use burn::tensor::{DType, Tensor};
use safetensors::{Dtype, View, serialize_to_file};

use crate::WeightsError;

/// A file of weights that is being put together, with names and layouts as `transformers` has them.
///
/// Tensors are brought to the host when they are written, one after another.
#[derive(Default)]
pub struct Writer {
    tensors: Vec<(String, Pending)>,
}

impl Writer {
    /// A file of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tensor as it is.
    ///
    /// # Panics
    ///
    /// When its type is none that is read.
    pub fn tensor<const D: usize>(&mut self, name: impl Into<String>, tensor: Tensor<D>) {
        let shape = tensor.dims().to_vec();
        let pending = Pending::new(shape, tensor.dtype(), move || {
            tensor.to_data().as_bytes().to_vec()
        });
        self.tensors.push((name.into(), pending));
    }

    /// Writes the file, over whatever was there. Its metadata say that the layout is PyTorch's, without
    /// which `transformers` does not read it.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn write(self, path: &Path) -> Result<(), WeightsError> {
        let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        serialize_to_file(self.tensors, Some(metadata), path).map_err(|error| WeightsError::Write {
            path: path.to_owned(),
            problem: error.to_string(),
        })
    }
}

/// A tensor that is yet to be brought to the host.
struct Pending {
    shape: Vec<usize>,
    dtype: Dtype,
    bytes: Box<dyn Fn() -> Vec<u8>>,
}

impl Pending {
    fn new(shape: Vec<usize>, dtype: DType, bytes: impl Fn() -> Vec<u8> + 'static) -> Self {
        let dtype = match dtype {
            DType::F32 => Dtype::F32,
            DType::F16 => Dtype::F16,
            DType::BF16 => Dtype::BF16,
            other => panic!("weights are F32, F16 or BF16, got {other:?}"),
        };
        let bytes = Box::new(bytes);
        Self {
            shape,
            dtype,
            bytes,
        }
    }
}

impl View for Pending {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned((self.bytes)())
    }

    fn data_len(&self) -> usize {
        self.shape.iter().product::<usize>() * self.dtype.bitsize() / 8
    }
}
