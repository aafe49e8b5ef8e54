//! llama.cpp's own benchmark, of a file that the user names.

use std::{path::PathBuf, process::Command};

use serde::{Deserialize, Serialize};

use crate::PeersError;

/// llama.cpp's `llama-bench` and what it reads.
#[derive(Debug, Clone)]
pub struct Llama {
    /// The program.
    pub program: PathBuf,
    /// A GGUF file, of the same model if its speeds are to be compared.
    pub file: PathBuf,
    /// Threads, the same as ours.
    pub threads: usize,
}

/// What it says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LlamaSpeed {
    /// Tokens of a prompt that are read in a second.
    pub prefill_tokens_per_s: f64,
    /// Tokens of one text that are written in a second.
    pub decode_tokens_per_s: f64,
}

/// A line of its table.
#[derive(Deserialize)]
struct Line {
    n_prompt: u64,
    n_gen: u64,
    avg_ts: f64,
}

impl Llama {
    /// Has it read a prompt and write one text.
    pub(super) fn run(&self, prefill: usize, tokens: usize) -> Result<LlamaSpeed, PeersError> {
        let failed = |problem: String| PeersError::Llama {
            program: self.program.clone(),
            problem,
        };
        let ran = Command::new(&self.program)
            .arg("-m")
            .arg(&self.file)
            .args(["-p", &prefill.to_string(), "-n", &tokens.to_string()])
            .args(["-t", &self.threads.to_string(), "-o", "json"])
            .output()
            .map_err(|source| PeersError::NoLlama {
                program: self.program.clone(),
                source,
            })?;
        if !ran.status.success() {
            let said = String::from_utf8_lossy(&ran.stderr);
            let last = said.lines().last().unwrap_or("it says nothing").to_owned();
            return Err(failed(format!("ended with {}: {last}", ran.status)));
        }
        speed(&ran.stdout).map_err(failed)
    }
}

fn speed(said: &[u8]) -> Result<LlamaSpeed, String> {
    let lines: Vec<Line> = serde_json::from_slice(said)
        .map_err(|error| format!("did not say its table in JSON: {error}"))?;
    let of = |fits: fn(&Line) -> bool, what: &str| {
        let line = lines.iter().find(|line| fits(line));
        line.map(|line| line.avg_ts)
            .ok_or_else(|| format!("says nothing of {what}"))
    };
    Ok(LlamaSpeed {
        prefill_tokens_per_s: of(|line| line.n_gen == 0, "prompts")?,
        decode_tokens_per_s: of(|line| line.n_prompt == 0, "writing")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_table_is_read() {
        let said = br#"[{"n_prompt": 512, "n_gen": 0, "avg_ts": 81.5, "model_type": "x"},
            {"n_prompt": 0, "n_gen": 16, "avg_ts": 7.25}]"#;
        let expected = LlamaSpeed {
            prefill_tokens_per_s: 81.5,
            decode_tokens_per_s: 7.25,
        };
        assert_eq!(speed(said), Ok(expected));
        assert!(speed(b"[]").unwrap_err().contains("prompts"));
        assert!(speed(b"| model |").unwrap_err().contains("JSON"));
    }
}
