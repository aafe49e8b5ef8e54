//! `xp forge`: a model of random weights.

use std::fs;

use models_qwen::{Forge, Preset};

use crate::{
    cli::ForgeArgs,
    exit::{Exit, Expected},
    ui,
};

pub(super) fn run(args: &ForgeArgs) -> Result<Exit, Expected> {
    let forge = Forge {
        preset: match args.preset.as_str() {
            "a2.7b" => Preset::A27b,
            _ => Preset::Tiny,
        },
        layers: args.layers,
        int4: args.quant == "int4",
        seed: args.seed,
    };
    // What is in the folder is never mixed with what is written.
    if fs::read_dir(&args.out).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Expected::new(
            Exit::Usage,
            format!("{} is not empty", args.out.display()),
            "name a folder that is empty or not there",
        ));
    }
    let bar = ui::bytes_bar(Some(forge.size().bytes));
    let shown = bar.clone();
    let written = forge.write(&args.out, move |bytes| shown.inc(bytes));
    bar.finish_and_clear();
    let written = written.map_err(|error| {
        let help = "free some space or name another place, and remove what was begun";
        Expected::new(Exit::Store, error.to_string(), help)
    })?;
    ui::data(&format!(
        "{}: {} tensors, {} bytes",
        args.out.display(),
        written.tensors,
        written.bytes
    ));
    Ok(Exit::Done)
}
