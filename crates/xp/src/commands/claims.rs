//! `xp claims`: the ledger of claims over the results that are there.

use claims::{Error, FILE_NAME, Ledger, Place, read_claims};

use crate::{
    asked,
    cli::ClaimsArgs,
    exit::{Exit, Expected},
    index, ui,
};

pub(super) fn run(args: &ClaimsArgs) -> Result<Exit, Expected> {
    let claims = read_claims(&args.experiments.join(FILE_NAME))?;
    let place = Place {
        root: args.results.clone(),
        scale: args.scale.clone(),
        device: args.device.clone(),
    };
    let Some(ledger) = Ledger::ask(&claims, &place)? else {
        return Err(Expected::new(
            Exit::Nothing,
            format!(
                "{} holds no results of scale {} on {}",
                args.results.display(),
                args.scale,
                args.device
            ),
            "run a sweep, such as xp sweep unified, or name another folder with --results",
        ));
    };
    let shown = ledger.only(&args.id);
    if shown.claims.is_empty() {
        let ids: Vec<_> = claims.iter().map(|claim| claim.id.as_str()).collect();
        return Err(Expected::new(
            Exit::Nothing,
            format!("no claim is called {}", args.id.join(" or ")),
            format!("the claims are {}", ids.join(", ")),
        ));
    }
    if args.page {
        write(args, &ledger)?;
    } else if args.json {
        ui::json(&shown);
    } else if args.markdown {
        ui::data(&shown.markdown());
    } else if args.id.is_empty() {
        ui::data(&shown.lines());
    } else {
        ui::data(&shown.full());
    }
    Ok(Exit::Done)
}

/// Puts the page of all claims beside the index of results.
fn write(args: &ClaimsArgs, ledger: &Ledger) -> Result<(), Expected> {
    let entries = asked::entries(ledger, &args.results);
    let page = report::claims(&ledger.summary(), &entries).map_err(Expected::undrawn)?;
    if let Some(path) = index::write_claims(&args.results, &page)? {
        ui::data(&format!("{}\n", path.display()));
    }
    Ok(())
}

impl From<Error> for Expected {
    fn from(error: Error) -> Self {
        match error {
            Error::Mistake(mistake) => {
                let help = mistake.help.clone();
                Self::new(Exit::Usage, mistake.to_string(), help)
            }
            Error::Read { path, source } => {
                let message = format!("read {}: {source}", path.display());
                let help = format!("name the folder that holds {FILE_NAME} with --experiments");
                Self::new(Exit::Usage, message, help)
            }
            Error::Results(error) => Self::Store(error),
        }
    }
}
