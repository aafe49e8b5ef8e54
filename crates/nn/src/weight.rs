//! The numbers of a map: full, or of four bits.

use burn::{
    module::{
        Content, Devices, Module, ModuleDisplay, ModuleDisplayDefault, ModuleMapper, ModuleVisitor,
        Param,
    },
    tensor::{Device, FloatDType, Tensor},
};
use kernels::Int4;

use crate::parameter;

/// The matrix of a map, or those of several: `[inputs, outputs]`, or `[E, inputs, outputs]`.
///
/// Full numbers are a parameter, visited under the name of the field that holds them. Those of four bits are
/// frozen and no parameter: whatever visits a module, such as an optimiser or a record of it, does not see
/// them, and who saves the module must know where they came from.
#[derive(Debug, Clone)]
pub enum Weight<const D: usize> {
    /// In f32, or frozen in half precision.
    Dense(Param<Tensor<D>>),
    /// In four bits.
    Int4(Int4),
}

impl<const D: usize> From<Tensor<D>> for Weight<D> {
    /// A [`parameter`] of these numbers.
    fn from(tensor: Tensor<D>) -> Self {
        Self::Dense(parameter(tensor))
    }
}

impl<const D: usize> From<Param<Tensor<D>>> for Weight<D> {
    fn from(param: Param<Tensor<D>>) -> Self {
        Self::Dense(param)
    }
}

impl<const D: usize> Weight<D> {
    /// Its sizes.
    #[must_use]
    pub fn dims(&self) -> [usize; D] {
        match self {
            Self::Dense(param) => param.dims(),
            Self::Int4(int4) => {
                let dims = int4.dims();
                // One matrix alone has no place among others.
                std::array::from_fn(|place| dims[3 - D + place])
            }
        }
    }

    /// Whether its numbers are of four bits.
    #[must_use]
    pub const fn is_int4(&self) -> bool {
        matches!(self, Self::Int4(_))
    }

    /// Where it is.
    #[must_use]
    pub fn device(&self) -> Device {
        match self {
            Self::Dense(param) => param.lazy_device(),
            Self::Int4(int4) => int4.device(),
        }
    }

    /// Its numbers.
    ///
    /// # Panics
    ///
    /// When they are of four bits, which are multiplied and not looked at.
    #[must_use]
    pub fn val(&self) -> Tensor<D> {
        match self {
            Self::Dense(param) => param.val(),
            Self::Int4(_) => {
                panic!("a map in four bits has no numbers to look at or to change; load it in full")
            }
        }
    }

    /// Other numbers in place of its own.
    ///
    /// # Panics
    ///
    /// As [`val`](Self::val).
    #[must_use]
    pub fn map(self, numbers: impl FnOnce(Tensor<D>) -> Tensor<D>) -> Self {
        match self {
            Self::Dense(param) => Self::Dense(param.map(numbers)),
            Self::Int4(_) => {
                panic!("a map in four bits has no numbers to look at or to change; load it in full")
            }
        }
    }
}

/// `weight + change` in the type that it is held in; the sum is in f32.
pub(crate) fn moved<const D: usize>(weight: &Weight<D>, change: Tensor<D>) -> Weight<D> {
    weight.clone().map(|numbers| {
        let numbers = numbers.detach();
        let held: FloatDType = numbers.dtype().into();
        (numbers.cast(FloatDType::F32) + change).cast(held)
    })
}

impl<const D: usize> Module for Weight<D> {
    fn collect_devices(&self, mut devices: Devices) -> Devices {
        match self {
            Self::Dense(param) => param.collect_devices(devices),
            Self::Int4(int4) => {
                let device = int4.device();
                if !devices.contains(&device) {
                    devices.push(device);
                }
                devices
            }
        }
    }

    fn fork(self, device: &Device) -> Self {
        match self {
            Self::Dense(param) => Self::Dense(param.fork(device)),
            frozen @ Self::Int4(_) => frozen.to_device(device),
        }
    }

    fn to_device(self, device: &Device) -> Self {
        match self {
            Self::Dense(param) => Self::Dense(param.to_device(device)),
            Self::Int4(int4) => Self::Int4(int4.map(
                |floats| floats.to_device(device),
                |words| words.to_device(device),
                |groups| groups.to_device(device),
            )),
        }
    }

    fn train(self) -> Self {
        match self {
            Self::Dense(param) => Self::Dense(param.train()),
            Self::Int4(int4) => {
                Self::Int4(int4.map(Tensor::from_inner, Tensor::from_inner, Tensor::from_inner))
            }
        }
    }

    fn valid(&self) -> Self {
        match self {
            Self::Dense(param) => Self::Dense(param.valid()),
            Self::Int4(int4) => Self::Int4(int4.clone().map(
                Tensor::without_autodiff,
                Tensor::without_autodiff,
                Tensor::without_autodiff,
            )),
        }
    }

    fn materialize(self) -> Self {
        match self {
            Self::Dense(param) => Self::Dense(param.materialize()),
            frozen @ Self::Int4(_) => frozen,
        }
    }

    fn visit<V: ModuleVisitor>(&self, visitor: &mut V) {
        if let Self::Dense(param) = self {
            param.visit(visitor);
        }
    }

    fn map<M: ModuleMapper>(self, mapper: &mut M) -> Self {
        match self {
            Self::Dense(param) => Self::Dense(Module::map(param, mapper)),
            frozen @ Self::Int4(_) => frozen,
        }
    }
}

impl<const D: usize> ModuleDisplayDefault for Weight<D> {
    fn content(&self, content: Content) -> Option<Content> {
        match self {
            Self::Dense(param) => param.content(content),
            Self::Int4(int4) => {
                let text = format!("int4 {:?}", int4.dims());
                content.add_formatted(&text).optional()
            }
        }
    }
}

impl<const D: usize> ModuleDisplay for Weight<D> {}
