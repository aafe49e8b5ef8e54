//! `xp schema`: what a sweep file may hold.

use super::defaults;
use crate::{
    cli::SchemaArgs,
    exit::{Exit, Expected},
    jobs::JobKind,
    sweep_schema, ui,
};

pub(super) fn run(args: &SchemaArgs) -> Result<Exit, Expected> {
    let job = JobKind::from_name(&args.job).unwrap_or(JobKind::USUAL);
    if args.defaults {
        ui::data(&defaults::toml(job));
    } else {
        ui::json(&sweep_schema::sweep_file(job));
    }
    Ok(Exit::Done)
}
