//! `xp submit`: trials become jobs of a scheduler.

use std::{env, ffi::OsString, num::NonZeroU16, path::PathBuf};

use runstore::TrialId;
use serde::Serialize;

use crate::{
    cli::SubmitArgs,
    config::MemorySize,
    exit::{Exit, Expected},
    pick, preflight, runner,
    session::Session,
    submit::{self, Engine, Request, Submission, Tasks},
    ui,
};

/// How long before the end of its time a task is told to save itself.
const GRACE_S: u64 = 120;

/// What was done, for machines.
#[derive(Serialize)]
struct Submitted<'a> {
    engine: &'a str,
    jobs: &'a [String],
    trials: usize,
    tasks: usize,
    /// Trials that a scheduler had before.
    waiting: usize,
    logs: PathBuf,
}

pub(super) fn run(args: &SubmitArgs) -> Result<Exit, Expected> {
    // Data are not fetched here: that is for the machines that run.
    let mut session = Session::open(&args.select, &args.place)?;
    if args.cancel {
        return cancel(&session);
    }
    let to = args.to.as_deref().expect("clap asks for it");
    let engine = Engine::open(to)?;
    // Held until what is submitted is noted down.
    let _turn = if args.dry_run {
        None
    } else {
        Some(Submission::turn(&session.store)?)
    };
    let states = session.states()?;
    let mut todo = pick::chosen(&session, &args.pick)?;
    todo.retain(|&index| !states[index].is_recorded());
    let due = due_ids(&session, &todo);
    let known = submit::waiting(&session.store, |id| due.contains(id));
    if let Some(said) = known.silent.first() {
        return Err(Expected::new(
            Exit::Missing,
            format!("what was submitted before is not known: {said}"),
            format!(
                "try again when it answers; where it never will, delete {}",
                session.store.root().join("submitted").display()
            ),
        ));
    }
    let has = |index: &usize| {
        let id = session.trials[*index].known_id();
        id.is_some_and(|id| known.trials.contains_key(&id))
    };
    let before = todo.iter().filter(|index| has(index)).count();
    todo.retain(|index| !has(index));
    if todo.is_empty() {
        ui::say(&match before {
            0 => "nothing to submit: every trial is done".to_owned(),
            before => format!("nothing to submit: a scheduler has the {before} that are not done"),
        });
        return Ok(Exit::Done);
    }
    preflight::check(&session, todo.iter().map(|&index| &session.trials[index]))?;
    session.prepare(&args.place, &todo)?;
    // One seed of every point before the second of any, as `sweep` has them.
    let seeds = session.sweep.seeds.clone();
    todo.sort_by_key(|&index| {
        let seed = session.trials[index].seed;
        seeds.iter().position(|&other| other == seed)
    });
    let each = session.sweep.run.trials_per_task.map_or(1, NonZeroU16::get);
    let alone = |index: usize| session.trials[index].runs_alone();
    let tasks = submit::deal(&todo, alone, each.into(), args.tasks as usize);
    let folder = Submission::next_folder(&session.store);
    let request = request(args, &session, &tasks, &folder)?;
    let script = engine.script(request)?;
    if args.dry_run {
        ui::data(&script);
        return Ok(Exit::Done);
    }
    let ids = tasks.list.iter();
    let ids = ids.map(|task| task.iter().map(|&index| session.trials[index].id).collect());
    let made = Submission::make(&folder, engine.name(), &script, ids.collect())?;
    tell(args, &made, (todo.len(), tasks.list.len(), before));
    Ok(Exit::Done)
}

fn due_ids(session: &Session, todo: &[usize]) -> Vec<TrialId> {
    let ids = todo.iter().map(|&index| session.trials[index].known_id());
    ids.flatten().collect()
}

fn request(
    args: &SubmitArgs,
    session: &Session,
    tasks: &Tasks,
    folder: &std::path::Path,
) -> Result<Request, Expected> {
    let unknown = |error| Expected::io("find out where this program is", error);
    let start = env::current_dir().map_err(unknown)?;
    let program = env::current_exe().map_err(unknown)?;
    let config = &session.sweep.run;
    let time_s = config.time.map(|time| time.duration().as_secs());
    let flags = runner::flags(session, &args.select, &args.place.places);
    let sweep: OsString = session.snapshot()?.into();
    let command = |name: &str, own: &[OsString], last: &[&str]| {
        let mut words = vec![program.clone().into_os_string(), name.into()];
        words.extend(flags.iter().cloned());
        words.extend(own.iter().cloned());
        words.push(sweep.clone());
        words.extend(last.iter().map(OsString::from));
        shell_line(&words)
    };
    let mut own: Vec<OsString> = vec!["--no-report".into()];
    if let Some(cpus) = config.cpus {
        own.push(format!("--threads={cpus}").into());
    }
    let ids = tasks.list.iter();
    let ids = ids.map(|task| {
        let id = |&index: &usize| session.trials[index].id.full();
        task.iter().map(id).collect()
    });
    Ok(Request {
        name: format!("xp-{}-{}", session.sweep.name, session.sweep.scale),
        folder: start.join(folder),
        tasks: ids.collect(),
        together: tasks.together,
        alone: tasks.list.len() - tasks.together,
        cpus: config.cpus.map(NonZeroU16::get),
        gpus: config.gpus.map(NonZeroU16::get),
        memory_mib: config.memory.map(MemorySize::mib),
        time_s,
        partition: config.partition.clone(),
        account: config.account.clone(),
        // Of a short time half is left.
        grace_s: time_s.map_or(GRACE_S, |time| GRACE_S.min(time / 2)),
        run: command("sweep", &own, &["--only"])?,
        report: command("report", &[], &[])?,
        start,
    })
}

/// Words as a shell reads them.
fn shell_line(words: &[OsString]) -> Result<String, Expected> {
    let quoted = words.iter().map(|word| {
        let text = word.to_str();
        let quoted = text.and_then(|text| submit::quoted(text).ok());
        quoted.ok_or_else(|| {
            let message = format!("{} cannot stand in a script", word.display());
            Expected::new(Exit::Usage, message, "use a path of plain characters")
        })
    });
    Ok(quoted.collect::<Result<Vec<_>, _>>()?.join(" "))
}

fn tell(args: &SubmitArgs, made: &Submission, (trials, tasks, waiting): (usize, usize, usize)) {
    let logs = made.logs();
    if args.json {
        ui::json(&Submitted {
            engine: made.engine(),
            jobs: made.jobs(),
            trials,
            tasks,
            waiting,
            logs,
        });
        return;
    }
    for job in made.jobs() {
        ui::data(job);
    }
    ui::say(&format!(
        "{}: {trials} trials in {tasks} tasks, and the report after them; logs: {}",
        made.engine(),
        logs.display()
    ));
    if waiting > 0 {
        ui::say(&format!(
            "{waiting} were submitted before and have not ended"
        ));
    }
}

/// Cancels what has not ended of all that was submitted, whatever the sweep file asks for now.
fn cancel(session: &Session) -> Result<Exit, Expected> {
    let mut cancelled = 0;
    for submission in submit::submissions(&session.store) {
        let refused = |said: String| {
            let message = format!("{}: {said}", submission.engine());
            Expected::new(Exit::Missing, message, "ask the scheduler itself")
        };
        if submission.states().map_err(refused)?.is_empty() {
            continue;
        }
        submission.cancel().map_err(refused)?;
        let jobs = submission.jobs().join(" ");
        ui::say(&format!("{}: cancelled {jobs}", submission.engine()));
        cancelled += 1;
    }
    if cancelled == 0 {
        ui::say("no scheduler has anything of this sweep");
    }
    Ok(Exit::Done)
}
