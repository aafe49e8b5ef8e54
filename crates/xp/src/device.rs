//! `--device`: where a trial runs.
//!
//! Backends are compiled in by Cargo feature and chosen at run time. Asking for one that is not
//! compiled in, or for a device that is not there, is an error that says which build has it or
//! what was found; nothing is ever replaced silently.

use std::{fmt, panic, str::FromStr};

use burn::tensor::{Device, Tensor};

/// A device as a person names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeviceChoice {
    /// The processor, through Burn's `flex`.
    Cpu,
    /// An NVIDIA card by its index.
    Cuda(usize),
    /// A Vulkan, Metal or DX12 adapter.
    Wgpu(WgpuAdapter),
}

/// Which adapter of wgpu. Where a machine has software adapters alone, `wgpu` and `wgpu:0` mean the
/// first of them, and the results say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WgpuAdapter {
    /// What wgpu prefers.
    Default,
    /// A discrete card by its index.
    Discrete(usize),
    /// An integrated one by its index.
    Integrated(usize),
    /// A software adapter, such as lavapipe.
    Software,
}

/// Why a device cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeviceError {
    #[error(
        "unknown device `{0}`, expected `cpu`, `cuda`, `cuda:N`, `wgpu`, `wgpu:N`, `wgpu:integrated` or `wgpu:cpu`"
    )]
    Unknown(String),
    #[error(
        "device `{choice}` needs the `{feature}` backend, which is not compiled in; build with \
         `cargo build --release -p xp --features {feature}`"
    )]
    NotCompiled {
        choice: DeviceChoice,
        feature: &'static str,
    },
    #[error("device `{choice}` is not there: found {found}; {why}")]
    Absent {
        choice: DeviceChoice,
        found: String,
        why: String,
    },
}

impl FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let unknown = || DeviceError::Unknown(text.to_owned());
        let (kind, index) = match text.split_once(':') {
            Some((kind, index)) => (kind, Some(index)),
            None => (text, None),
        };
        let number = |index: &str| index.parse::<usize>().map_err(|_| unknown());
        match (kind, index) {
            ("cpu", None) => Ok(Self::Cpu),
            ("cuda", None) => Ok(Self::Cuda(0)),
            ("cuda", Some(index)) => Ok(Self::Cuda(number(index)?)),
            ("wgpu", None) => Ok(Self::Wgpu(WgpuAdapter::Default)),
            ("wgpu", Some("cpu")) => Ok(Self::Wgpu(WgpuAdapter::Software)),
            ("wgpu", Some("integrated")) => Ok(Self::Wgpu(WgpuAdapter::Integrated(0))),
            ("wgpu", Some(index)) => Ok(Self::Wgpu(WgpuAdapter::Discrete(number(index)?))),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
            Self::Wgpu(WgpuAdapter::Default) => f.write_str("wgpu"),
            Self::Wgpu(WgpuAdapter::Discrete(index)) => write!(f, "wgpu:{index}"),
            Self::Wgpu(WgpuAdapter::Integrated(_)) => f.write_str("wgpu:integrated"),
            Self::Wgpu(WgpuAdapter::Software) => f.write_str("wgpu:cpu"),
        }
    }
}

impl DeviceChoice {
    /// The backends of this build, by the name used in `--device`.
    pub(crate) fn compiled() -> Vec<&'static str> {
        let mut backends = vec!["cpu"];
        if cfg!(feature = "cuda") {
            backends.push("cuda");
        }
        if cfg!(feature = "wgpu") {
            backends.push("wgpu");
        }
        backends
    }

    /// Refuses a device whose backend is not compiled in, without touching it.
    pub(crate) fn check_compiled(self) -> Result<(), DeviceError> {
        let feature = match self {
            Self::Cpu => return Ok(()),
            Self::Cuda(_) => "cuda",
            Self::Wgpu(_) => "wgpu",
        };
        if Self::compiled().contains(&feature) {
            Ok(())
        } else {
            Err(DeviceError::NotCompiled {
                choice: self,
                feature,
            })
        }
    }

    /// The part of a results folder's name that says where it was measured: `cpu`, the card's
    /// short name (`h100`), or the backend where the card does not tell.
    pub(crate) fn label(self) -> String {
        match self {
            Self::Cpu => "cpu".to_owned(),
            Self::Cuda(index) => nvidia_name(index)
                .map(|name| short_card_name(&name))
                .filter(|label| !label.is_empty())
                .unwrap_or_else(|| "cuda".to_owned()),
            Self::Wgpu(adapter) if adapter.is_software() => "wgpu-cpu".to_owned(),
            Self::Wgpu(_) => "wgpu".to_owned(),
        }
    }

    /// Burn's backend behind it.
    pub(crate) const fn backend(self) -> &'static str {
        match self {
            Self::Cpu => "flex",
            Self::Cuda(_) => "cuda",
            Self::Wgpu(_) => "wgpu",
        }
    }

    /// The device's own name, for the results: the card's model, or that it is none.
    pub(crate) fn describe(self) -> String {
        match self {
            Self::Cpu => "cpu".to_owned(),
            Self::Cuda(index) => nvidia_name(index).unwrap_or_else(|| self.to_string()),
            Self::Wgpu(adapter) if adapter.is_software() => {
                format!("{} (a software adapter)", Self::Wgpu(WgpuAdapter::Software))
            }
            Self::Wgpu(_) => self.to_string(),
        }
    }

    /// Opens the device and runs one tiny operation on it.
    pub(crate) fn open(self) -> Result<Device, DeviceError> {
        self.check_compiled()?;
        let probe = quietly(|| {
            let device = self.device();
            let sum: f32 = Tensor::<1>::ones([4], &device).sum().into_scalar();
            ((sum - 4.0).abs() < 1e-6).then_some(device)
        });
        let why = match probe {
            Ok(Some(device)) => return Ok(device),
            Ok(None) => "it computed 1 + 1 + 1 + 1 wrongly".to_owned(),
            Err(reason) => reason,
        };
        Err(DeviceError::Absent {
            choice: self,
            found: self.found(),
            why,
        })
    }

    fn device(self) -> Device {
        match self {
            #[cfg(feature = "cuda")]
            Self::Cuda(index) => Device::cuda(index),
            #[cfg(feature = "wgpu")]
            Self::Wgpu(adapter) => Device::wgpu(adapter.kind()),
            _ => Device::flex(),
        }
    }

    /// What devices the backend of this choice has, in words.
    fn found(self) -> String {
        let devices = match self {
            Self::Cpu => vec!["cpu".to_owned()],
            Self::Cuda(_) => enumerate("cuda"),
            Self::Wgpu(_) => enumerate("wgpu"),
        };
        if devices.is_empty() {
            "none".to_owned()
        } else {
            devices.join(", ")
        }
    }
}

/// The devices that a compiled backend finds on this machine.
pub(crate) fn enumerate(backend: &str) -> Vec<String> {
    match backend {
        #[cfg(feature = "cuda")]
        "cuda" => list(burn::tensor::DeviceType::Cuda),
        #[cfg(feature = "wgpu")]
        "wgpu" => list(burn::tensor::DeviceType::Wgpu),
        "cpu" => vec!["cpu".to_owned()],
        _ => Vec::new(),
    }
}

#[cfg(any(feature = "cuda", feature = "wgpu"))]
fn list(kind: burn::tensor::DeviceType) -> Vec<String> {
    quietly(|| {
        Device::enumerate(kind)
            .into_iter()
            .map(|device| format!("{device:?}"))
            .collect()
    })
    .unwrap_or_default()
}

impl WgpuAdapter {
    /// Whether it is the processor after all.
    fn is_software(self) -> bool {
        match self {
            Self::Software => true,
            Self::Default | Self::Discrete(0) => {
                let adapters = enumerate("wgpu");
                !adapters.is_empty() && adapters.iter().all(|name| is_software(name))
            }
            Self::Discrete(_) | Self::Integrated(_) => false,
        }
    }

    #[cfg(feature = "wgpu")]
    fn kind(self) -> burn::tensor::DeviceKind {
        use burn::tensor::DeviceKind;
        if self.is_software() {
            return DeviceKind::Cpu;
        }
        match self {
            Self::Discrete(index) => DeviceKind::DiscreteGpu(index),
            Self::Integrated(index) => DeviceKind::IntegratedGpu(index),
            Self::Default | Self::Software => DeviceKind::DefaultDevice,
        }
    }
}

/// Burn names the kind of an adapter, `Wgpu(Cpu)` one in software.
fn is_software(name: &str) -> bool {
    name.split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| word == "Cpu")
}

/// Runs something that may panic, without the panic's report.
///
/// Backends report a missing driver or card by panicking.
fn quietly<T>(probe: impl FnOnce() -> T) -> Result<T, String> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let result = panic::catch_unwind(panic::AssertUnwindSafe(probe));
    panic::set_hook(hook);
    result.map_err(|payload| panic_text(payload.as_ref()))
}

/// The message of a panic, its first line.
pub(crate) fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message");
    text.lines().next().unwrap_or_default().to_owned()
}

fn nvidia_name(index: usize) -> Option<String> {
    let output = std::process::Command::new("nvidia-smi")
        .args([
            "--query-gpu=name",
            "--format=csv,noheader",
            &format!("--id={index}"),
        ])
        .output()
        .ok()?;
    let name = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !name.is_empty()).then_some(name)
}

/// "NVIDIA H100 80GB HBM3" gives "h100", "NVIDIA GeForce RTX 4090" gives "rtx-4090".
fn short_card_name(name: &str) -> String {
    let telling = |word: &&str| {
        let word = word.to_ascii_lowercase();
        let memory = word.ends_with("gb") || word.starts_with("hbm");
        let form = word.starts_with("pcie") || word.starts_with("sxm") || word == "nvl";
        !(matches!(word.as_str(), "nvidia" | "geforce" | "tesla" | "graphics") || memory || form)
    };
    let words: Vec<_> = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .filter(telling)
        .map(str::to_ascii_lowercase)
        .collect();
    words.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written_back() {
        for name in [
            "cpu",
            "cuda:1",
            "wgpu",
            "wgpu:0",
            "wgpu:integrated",
            "wgpu:cpu",
        ] {
            assert_eq!(name.parse::<DeviceChoice>().unwrap().to_string(), name);
        }
        assert_eq!(
            "cuda".parse::<DeviceChoice>().unwrap(),
            DeviceChoice::Cuda(0)
        );
        for name in ["", "gpu", "cpu:0", "cuda:x", "cuda:-1"] {
            let error = name.parse::<DeviceChoice>().unwrap_err().to_string();
            assert!(error.contains("expected `cpu`"), "{error}");
        }
    }

    #[test]
    fn cards_have_short_names() {
        assert_eq!(short_card_name("NVIDIA H100 80GB HBM3"), "h100");
        assert_eq!(short_card_name("NVIDIA A100-SXM4-40GB"), "a100");
        assert_eq!(short_card_name("NVIDIA GeForce RTX 4090"), "rtx-4090");
    }

    #[test]
    fn a_software_adapter_is_told_by_its_kind() {
        assert!(is_software(
            "Device<Cube(Wgpu(WgpuDevice { kind: Cpu, backend: Auto }))>"
        ));
        assert!(!is_software(
            "Device<Cube(Wgpu(WgpuDevice { kind: DiscreteGpu(0), backend: Auto }))>"
        ));
    }

    #[test]
    fn the_processor_is_always_there() {
        assert!(DeviceChoice::Cpu.open().is_ok());
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_backend_left_out_says_how_to_get_it() {
        let error = DeviceChoice::Cuda(0).open().unwrap_err().to_string();
        assert!(error.contains("--features cuda"), "{error}");
    }
}
