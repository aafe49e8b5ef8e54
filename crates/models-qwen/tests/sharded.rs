//! A checkpoint of 2 GB in shards is read in little more memory than it has. A test program of its own,
//! since the peak is that of the whole process.

mod common;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Write,
    path::Path,
};

use burn::tensor::Device;
use common::{config, parsed};
use models_qwen::Qwen2Moe;
use serde_json::json;
use weights::Kept;

/// What loading may need beyond the weights.
const BEYOND: u64 = 300_000_000;

/// A number of `/proc/<...>` in bytes, where there is one.
fn kilobytes(file: &str, line: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let rest = text.lines().find_map(|found| found.strip_prefix(line))?;
    let number = rest.trim().strip_suffix("kB")?.trim();
    Some(number.parse::<u64>().ok()? * 1024)
}

/// Says why a test does not run here.
#[expect(clippy::print_stdout, reason = "the line is for whoever reads the log")]
fn left_out(why: &str) {
    println!("left out: a checkpoint of 2 GB: {why}");
}

/// A shard of zeros: a header, and a hole that takes no room on a disk.
fn write_shard(path: &Path, tensors: &[(String, Vec<usize>)]) -> std::io::Result<u64> {
    let mut header = serde_json::Map::new();
    let mut end = 0;
    for (name, shape) in tensors {
        let bytes = 2 * shape.iter().product::<usize>();
        let place = [end, end + bytes];
        let tensor = json!({"dtype": "BF16", "shape": shape, "data_offsets": place});
        header.insert(name.clone(), tensor);
        end += bytes;
    }
    let header = json!(header).to_string();
    let mut file = File::create(path)?;
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    let length = 8 + (header.len() + end) as u64;
    file.set_len(length)?;
    Ok(length)
}

#[test]
fn two_gigabytes_are_read_in_little_more() {
    let mut sizes = config(32_000, 2048, 60, 1408);
    sizes["num_hidden_layers"] = json!(2);
    sizes["num_attention_heads"] = json!(16);
    sizes["num_key_value_heads"] = json!(16);
    sizes["shared_expert_intermediate_size"] = json!(5632);
    let layout = parsed(&sizes).layout();
    let size = 2 * layout.num_params() as u64;
    assert!(size > 2_000_000_000, "{size}");

    let Some(free) = kilobytes("/proc/meminfo", "MemAvailable:") else {
        left_out("this system does not say how much memory a process had");
        return;
    };
    if free < size + 2 * BEYOND {
        left_out(&format!(
            "{free} bytes of memory are free, of {size} and some"
        ));
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("config.json"), sizes.to_string()).expect("written");
    let mut shards: Vec<Vec<(String, Vec<usize>)>> = vec![Vec::new(); 3];
    let mut map = BTreeMap::new();
    for (number, entry) in layout.iter().enumerate() {
        // Parts of a layer stand in different files, as they do where one is full.
        let shard = number * 3 / layout.iter().count();
        shards[shard].push((entry.name.clone(), entry.shape.clone()));
        map.insert(&entry.name, format!("model-{shard}.safetensors"));
    }
    let index = json!({"metadata": {"total_size": size}, "weight_map": map});
    let path = folder.path().join("model.safetensors.index.json");
    fs::write(path, index.to_string()).expect("written");
    for (shard, tensors) in shards.iter().enumerate() {
        let path = folder.path().join(format!("model-{shard}.safetensors"));
        if let Err(error) = write_shard(&path, tensors) {
            left_out(&format!("a file with a hole cannot be written: {error}"));
            return;
        }
    }

    let before = kilobytes("/proc/self/status", "VmRSS:").expect("a number");
    let model = Qwen2Moe::load(folder.path(), Kept::Stored, &Device::flex()).expect("a model");
    let peak = kilobytes("/proc/self/status", "VmHWM:").expect("a number");
    assert_eq!(model.config().expect("it was read").num_experts, 60);
    let needed = peak - before;
    assert!(
        needed >= size,
        "{needed} of {size}: the weights are not there"
    );
    assert!(needed < size + BEYOND, "{needed} for {size}");
}
