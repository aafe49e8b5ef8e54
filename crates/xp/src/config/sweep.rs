//! One scale of a sweep file: checked header, axes and settings.

use serde::Serialize;
use toml::de::DeValue;

use super::{
    axes::{self, Axis, Grid},
    compare::{self, Compare},
    header::{self, Header},
    keys::HEADER_KEYS,
    locate::SweepFile,
    members,
    problem::{ConfigErrors, Problem, Problems},
    run::{self, RunConfig},
    sample::{self, SampleConfig},
    set::Setting,
    source::{Sources, Tree},
    speed::SpeedPlan,
    stop::StopConfig,
    suggest::closest,
    tree,
};
use crate::{
    device::DeviceChoice,
    jobs::{JobKind, Save},
    schema::SettingsSchema,
};

/// The scale of a sweep that names none.
const USUAL_SCALE: &str = "cpu";

/// The name of a sweep file as it stands, without any `[scale.NAME]`.
const BARE_SCALE: &str = "base";

/// What the command line says about a sweep.
#[derive(Debug, Clone, Default)]
pub(crate) struct SweepOptions {
    /// `--scale`.
    pub(crate) scale: Option<String>,
    /// `--set`, in order.
    pub(crate) set: Vec<String>,
}

/// A sweep file at one scale, checked except for the settings' own values.
#[derive(Debug, Clone)]
pub(crate) struct Sweep {
    /// The name of its results folder.
    pub(crate) name: String,
    /// What the sweep wants to find out.
    pub(crate) question: String,
    /// What its trials do.
    pub(crate) job: JobKind,
    /// The scale that was laid over the file.
    pub(crate) scale: String,
    /// Each seed runs every point of the axes.
    pub(crate) seeds: Vec<u64>,
    /// Which weights are kept.
    pub(crate) save: Save,
    /// The device the file asks for.
    pub(crate) device: Option<DeviceChoice>,
    /// Words to find it by.
    pub(crate) tags: Vec<String>,
    /// What is to be remembered of it.
    pub(crate) notes: Option<String>,
    /// Which trials are stopped early.
    pub(crate) stop: Option<StopConfig>,
    /// What is done with trials that fail or take too long.
    pub(crate) run: RunConfig,
    /// How its points are drawn from the axes, where they are not all combinations.
    pub(crate) sample: Option<SampleConfig>,
    /// The speeds that are measured beside its trials.
    pub(super) speed: Option<SpeedPlan>,
    /// What varies, in the order of the file.
    pub(crate) grids: Vec<Grid>,
    /// What was set on the command line and changes what is asked: not how trials are run.
    pub(crate) overrides: Vec<String>,
    /// How its cells are held against each other.
    pub(super) compare: Compare,
    /// The settings that do not vary.
    pub(super) settings: Tree,
    pub(super) sources: Sources,
}

/// A sweep as machines read it.
#[derive(Debug, Serialize)]
pub(crate) struct SweepFacts<'a> {
    name: &'a str,
    question: &'a str,
    job: &'a str,
    scale: &'a str,
    seeds: &'a [u64],
    axes: Vec<&'a str>,
    overrides: &'a [String],
}

impl Sweep {
    /// Lays a scale and the command line's settings over a file, and checks what comes out.
    pub(crate) fn resolve(file: SweepFile, options: &SweepOptions) -> Result<Self, ConfigErrors> {
        let SweepFile {
            mut sources,
            mut tree,
            ..
        } = file;
        let mut problems = Problems::default();
        let built = build(&mut tree, options, &mut sources, &mut problems);
        problems.finish(&sources)?;
        let Built {
            header,
            compare,
            grids,
            sample,
            scale,
        } = built.expect("without problems there is a sweep");
        let settings = tree
            .into_iter()
            .filter(|(key, _)| !HEADER_KEYS.contains(&&**key.get_ref()));
        Ok(Self {
            name: header.name,
            question: header.question,
            job: header.job,
            scale,
            seeds: header.seeds,
            save: header.save,
            device: header.device,
            tags: header.tags,
            notes: header.notes,
            stop: header.stop,
            run: header.run,
            sample,
            speed: header.speed,
            grids,
            overrides: options
                .set
                .iter()
                .filter(|set| !run::says_how(set))
                .cloned()
                .collect(),
            compare,
            settings: settings.collect(),
            sources,
        })
    }

    /// The column that its cells are ranked by, where the file names one.
    pub(crate) fn measure(&self) -> Option<&'static str> {
        self.compare.measure
    }

    /// The axes of all grids.
    pub(crate) fn axes(&self) -> Vec<&Axis> {
        axes::union(&self.grids)
    }

    /// The sweep as machines read it.
    pub(crate) fn facts(&self) -> SweepFacts<'_> {
        SweepFacts {
            name: &self.name,
            question: &self.question,
            job: self.job.name(),
            scale: &self.scale,
            seeds: &self.seeds,
            axes: self.axes().iter().map(|axis| axis.name.as_str()).collect(),
            overrides: &self.overrides,
        }
    }
}

/// What comes of a file at one scale.
struct Built {
    header: Header,
    compare: Compare,
    grids: Vec<Grid>,
    /// How the grids were drawn, if they were.
    sample: Option<SampleConfig>,
    scale: String,
}

fn build(
    tree: &mut Tree,
    options: &SweepOptions,
    sources: &mut Sources,
    problems: &mut Problems,
) -> Option<Built> {
    // The job decides what the other keys may be, so it is read before anything is laid over.
    let job = header::read(tree, problems)?.job;
    check_keys(tree, job, "", problems);
    let order: Vec<String> = axes::union(&axes::read(tree, job, &mut Problems::default()))
        .into_iter()
        .map(|axis| axis.path.clone())
        .collect();
    let mut anew = Vec::new();
    let (scale, over) = pick_scale(tree, options.scale.as_deref(), problems)?;
    if let Some(mut over) = over {
        check_keys(&over, job, &format!("scale.{scale}."), problems);
        axes::take(tree, &mut over, job, &mut anew, problems);
        check_no_effect(tree, &over, job, &scale, problems);
        tree::overlay(tree, over, job.families());
    }
    let mut fixed = Vec::new();
    let mut below = Vec::new();
    let mut before = Vec::new();
    for text in &options.set {
        let mut setting = Setting::parse(text, job, sources, problems)?;
        let own = members::own_path(tree, &setting.path, job.families());
        if let Some(own) = own.filter(|_| setting.is_short) {
            setting.path = own;
        }
        let mut over = setting.tree();
        check_keys(&over, job, "", problems);
        axes::take(tree, &mut over, job, &mut anew, problems);
        let grids = axes::read(tree, job, &mut Problems::default());
        let varies = members::axis_above(&axes::union(&grids), &setting.path);
        let varies = varies.filter(|axis| !fixed.contains(&axis.path));
        members::check_again(
            &before,
            &setting,
            job.families(),
            varies.is_some(),
            problems,
        );
        before.push(setting.clone());
        if let Some(axis) = varies {
            let in_file = members::file_has(tree, &setting.path, &axis.path);
            if in_file {
                tree::overlay(tree, over, job.families());
            }
            below.push((setting, in_file));
        } else {
            tree::overlay(tree, over, job.families());
            fixed.push(setting.path);
        }
    }
    let header = header::read(tree, problems)?;
    let compare = compare::read(tree, job, problems);
    let mut grids = axes::read(tree, job, problems);
    axes::replace(&mut grids, anew, problems);
    for grid in &mut grids {
        let varied: Vec<String> = grid.iter().map(|axis| axis.path.clone()).collect();
        for axis in grid
            .iter_mut()
            .filter(|axis| job.long_path(&axis.name).is_some())
        {
            let own = members::own_path(tree, &axis.path, job.families());
            if let Some(own) = own.filter(|_| !members::is_below(&axis.path, &varied)) {
                axis.path = own;
            }
        }
    }
    for (setting, in_file) in &below {
        members::lay_below(&mut grids, setting, job.families(), *in_file, problems);
    }
    for axes in &mut grids {
        // A setting given on the command line is one value, whatever the file varies.
        axes.retain(|axis| !fixed.contains(&axis.path));
        // An axis that a scale or the command line gives anew keeps its place among the others.
        axes.sort_by_key(|axis| {
            order
                .iter()
                .position(|path| *path == axis.path)
                .unwrap_or(order.len())
        });
    }
    members::check_axes(tree, &grids, job.families(), problems);
    let sample = sample::draw(tree, &mut grids, problems);
    problems.is_empty().then_some(Built {
        header,
        compare,
        grids,
        sample,
        scale,
    })
}

/// Refuses keys that are neither the header's nor sections of the job.
fn check_keys(tree: &Tree, job: JobKind, prefix: &str, problems: &mut Problems) {
    let known = || HEADER_KEYS.iter().chain(job.sections()).copied();
    for key in tree.keys() {
        let name = &**key.get_ref();
        if name == "include" {
            let message = format!("`{prefix}include` has no effect here");
            let help = "files are included at the top of a file, before its tables";
            problems.at(key.span(), message, help);
            continue;
        }
        if known().any(|known| known == name) {
            continue;
        }
        let help = match (meant(name, known(), job), job.long_path(name)) {
            (_, Some(path)) => format!("`{name}` is the setting `{path}`: write it in its table"),
            (Some(near), None) => format!("did you mean `{near}`?"),
            (None, None) => {
                format!(
                    "a `{}` sweep has {}",
                    job.name(),
                    known().collect::<Vec<_>>().join(", ")
                )
            }
        };
        problems.at(key.span(), format!("unknown key `{prefix}{name}`"), help);
    }
}

/// What a key that is unknown here was probably meant to be: another key, or the path of a setting, by its
/// short name or by its own.
fn meant(name: &str, keys: impl Iterator<Item = &'static str>, job: JobKind) -> Option<String> {
    let short = job.short_names().iter();
    let own = short.map(|&(short, path)| (short.to_owned(), path.to_owned()));
    let keys = keys.map(|key| (key.to_owned(), key.to_owned()));
    let paths = SettingsSchema::of(job).paths().into_iter();
    let paths = paths.map(|path| (path.rsplit('.').next().unwrap_or_default().to_owned(), path));
    let known: Vec<(String, String)> = keys.chain(own).chain(paths).collect();
    let near = closest(name, known.iter().map(|(name, _)| name.as_str()))?;
    let meant = known.iter().find(|(known, _)| known == near)?;
    Some(meant.1.clone())
}

/// The scale's name and what it lays over the file.
fn pick_scale(
    tree: &Tree,
    wanted: Option<&str>,
    problems: &mut Problems,
) -> Option<(String, Option<Tree>)> {
    let empty = Tree::new();
    let scales = match tree.get("scale").map(|node| (node.span(), node.get_ref())) {
        None => &empty,
        Some((_, DeValue::Table(scales))) => scales,
        Some((span, _)) => {
            let help = "write `[scale.cpu]` and under it what differs from the rest of the file";
            problems.at(span, "`scale` must be a table of tables", help);
            return None;
        }
    };
    let name = wanted.unwrap_or(if scales.contains_key(USUAL_SCALE) {
        USUAL_SCALE
    } else {
        BARE_SCALE
    });
    // Whichever is chosen: another person will choose the others.
    let wrong = |key: &&toml::Spanned<_>| !runstore::is_name(AsRef::<str>::as_ref(key.get_ref()));
    if let Some(key) = scales.keys().find(wrong) {
        let message = format!(
            "a scale names a results folder and cannot be `{}`",
            key.get_ref()
        );
        let help = "use letters, digits, `.`, `-` and `_`, beginning with a letter or digit";
        problems.at(key.span(), message, help);
        return None;
    }
    match scales.get(name).map(|node| (node.span(), node.get_ref())) {
        Some((_, DeValue::Table(over))) => Some((name.to_owned(), Some(over.clone()))),
        Some((span, _)) => {
            let help = format!("write `[scale.{name}]` and under it what differs");
            problems.at(span, format!("`scale.{name}` must be a table"), help);
            None
        }
        None if name == BARE_SCALE => Some((name.to_owned(), None)),
        None => {
            let known: Vec<_> = scales.keys().map(|key| &**key.get_ref()).collect();
            let help = match closest(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if known.is_empty() => {
                    format!("the file has no scales: leave `--scale` out, or add `[scale.{name}]`")
                }
                None => format!(
                    "the file has {}, and `{BARE_SCALE}` for none",
                    known.join(", ")
                ),
            };
            let message = format!("unknown scale `{name}`");
            problems.add(Problem {
                message,
                places: Vec::new(),
                help: Some(help),
            });
            None
        }
    }
}

/// Refuses a scale that sets what every grid varies: the axis would win in silence.
fn check_no_effect(tree: &Tree, over: &Tree, job: JobKind, scale: &str, problems: &mut Problems) {
    let mut overlaid = tree.clone();
    tree::overlay(&mut overlaid, over.clone(), job.families());
    let grids = axes::read(&overlaid, job, &mut Problems::default());
    for axis in axes::union(&grids) {
        let everywhere = grids
            .iter()
            .all(|grid| grid.iter().any(|own| own.path == axis.path));
        if let Some(node) = tree::find(over, &axis.path).filter(|_| everywhere) {
            problems.at(
                node.span(),
                format!("`{}` has no effect here, because it is an axis", axis.path),
                format!(
                    "set the axis: `[scale.{scale}.axes]` with `{} = [...]`",
                    axis.name
                ),
            );
        }
    }
}
