//! `xp data`: what text there is, and whether it is what it should be.

use corpora::{DataDir, Fetched, Fetcher, FileReport, FileState, Listing};
use serde_json::{Value, json};

use crate::{
    cli::{DataCommand, DataList},
    exit::{Exit, Expected},
    ui::{self, Align},
};

pub(super) fn run(command: &DataCommand) -> Result<Exit, Expected> {
    match command {
        DataCommand::List(args) => list(args),
        DataCommand::Fetch {
            names,
            plain_http,
            data,
        } => fetch(names, *plain_http, &data.dir()),
        DataCommand::Check { names, data } => check(names, &data.dir()),
    }
}

fn list(args: &DataList) -> Result<Exit, Expected> {
    let data = args.data.dir();
    let listings = corpora::list(&data)?;
    if args.json {
        let entries: Vec<Value> = listings.iter().map(as_json).collect();
        ui::json(&json!({ "folder": data.path, "entries": entries }));
        return Ok(Exit::Done);
    }
    let header = ["name", "state", "licence", "source", "title"].map(|name| (name, Align::Left));
    let rows = listings.iter().map(|listing| {
        vec![
            listing.name.clone(),
            summary(&listing.files),
            listing.licence.clone(),
            listing.source.clone().unwrap_or_else(|| "-".to_owned()),
            listing.title.clone(),
        ]
    });
    ui::data(&ui::plain_table(&header, rows.collect()));
    ui::say(&format!("data folder: {}", data.path.display()));
    Ok(Exit::Done)
}

fn as_json(listing: &Listing) -> Value {
    let files: Vec<Value> = listing
        .files
        .iter()
        .map(|file| {
            json!({
                "file": file.file,
                "state": word(&file.state),
                "bytes": file.digest.as_ref().map(|digest| digest.bytes),
                "blake3": file.digest.as_ref().map(|digest| &digest.blake3),
            })
        })
        .collect();
    json!({
        "name": listing.name,
        "title": listing.title,
        "licence": listing.licence,
        "source": listing.source,
        "files": files,
    })
}

fn fetch(names: &[String], plain_http: bool, data: &DataDir) -> Result<Exit, Expected> {
    let fetcher = Fetcher::from_env().plain_http(plain_http);
    for name in names {
        let bar = ui::bytes_bar(None);
        let fetched = fetcher.fetch(name, data, &bar);
        bar.finish_and_clear();
        let fetched = fetched?;
        if fetched.is_empty() {
            ui::data(&format!("{name}: built in, nothing to fetch"));
        }
        for file in fetched {
            let verb = if file.was_present {
                "was there"
            } else {
                "fetched"
            };
            let path = data.file(&file.digest.file);
            ui::data(&format!(
                "{name}: {verb}: {} ({} bytes, {})",
                path.display(),
                file.digest.bytes,
                edition(&file)
            ));
        }
    }
    Ok(Exit::Done)
}

/// What is known of the content of a file that was fetched or was there.
fn edition(file: &Fetched) -> String {
    match &file.edition {
        Some(edition) => format!("known edition `{edition}`"),
        None if file.was_present => "not a known edition".to_owned(),
        None => "not a known edition; digest.toml holds its digest from now on".to_owned(),
    }
}

fn check(names: &[String], data: &DataDir) -> Result<Exit, Expected> {
    let listings = corpora::list(data)?;
    // Asked by name, what is missing is an error; asked for everything, it is only shown, unless there is
    // nothing at all that could be checked.
    let mut exit = Exit::Done;
    let reports: Vec<(String, Vec<FileReport>)> = if names.is_empty() {
        listings
            .into_iter()
            .map(|listing| (listing.name, listing.files))
            .collect()
    } else {
        let check = |name: &String| Ok((name.clone(), corpora::check(name, data)?));
        names.iter().map(check).collect::<Result<_, Expected>>()?
    };
    for (name, files) in &reports {
        if files.is_empty() {
            ui::data(&format!("{name}: built in"));
        }
        for file in files {
            ui::data(&format!("{name}: {}: {}", file.file, describe(&file.state)));
            match file.state {
                FileState::Missing if !names.is_empty() => exit = Exit::Missing,
                FileState::Changed(_) => exit = Exit::Missing,
                _ => {}
            }
        }
    }
    let files = || reports.iter().flat_map(|(_, files)| files);
    if files().next().is_some() && files().all(|file| file.state == FileState::Missing) {
        exit = Exit::Missing;
    }
    if exit != Exit::Done {
        ui::say("fetch missing data with `xp data fetch NAME`, or name its folder with --data-dir");
    }
    Ok(exit)
}

fn word(state: &FileState) -> &'static str {
    match state {
        FileState::Missing => "missing",
        FileState::Known(_) => "known",
        FileState::AsFetched => "as fetched",
        FileState::Changed(_) => "changed",
        FileState::Unrecognised => "unrecognised",
    }
}

fn describe(state: &FileState) -> String {
    match state {
        FileState::Known(edition) => format!("known edition `{edition}`"),
        FileState::Changed(was) => format!("changed since it was fetched (blake3 was {was})"),
        FileState::Unrecognised => "there; its content is not a known edition".to_owned(),
        other => word(other).to_owned(),
    }
}

fn summary(files: &[FileReport]) -> String {
    if files.is_empty() {
        return "built in".to_owned();
    }
    let there = files
        .iter()
        .filter(|file| file.state != FileState::Missing)
        .count();
    match there {
        0 => "missing".to_owned(),
        _ if there == files.len() => "there".to_owned(),
        _ => format!("{there} of {} files", files.len()),
    }
}
