//! Settings below a member of a family, where the family itself varies or is another member.
//!
//! `router.scorer.mlp.hidden` says something of scorers that are an `mlp` and nothing of others. So it
//! is laid over those values of an axis that are the member it names, and over the rest of the file where
//! that names the member; where it would say something of nothing, it is refused.

use toml::{Spanned, de::DeValue};

use super::{
    axes::{Axis, Grid},
    problem::{Problem, Problems},
    set::Setting,
    source::{Node, Tree},
    tree,
};

/// The member that a path names right below a family, and the family: `mlp` of `router.scorer`.
fn named<'a>(path: &'a str, family: &str) -> Option<&'a str> {
    let below = path.strip_prefix(family)?.strip_prefix('.')?;
    below.split('.').next()
}

/// The member that a value is: its name, or the one key of its table.
fn member(node: &Node) -> Option<&str> {
    match node.get_ref() {
        DeValue::String(name) => Some(name),
        DeValue::Table(table) if table.len() == 1 => {
            table.keys().next().map(|key| &**key.get_ref())
        }
        _ => None,
    }
}

/// The axis below whose values a setting lies, if there is one.
pub(super) fn axis_above<'a>(axes: &[&'a Axis], path: &str) -> Option<&'a Axis> {
    let above = |axis: &&&Axis| named(path, &axis.path).is_some();
    axes.iter().find(above).copied()
}

/// Whether a path lies below a family that varies.
pub(super) fn is_below(path: &str, varied: &[String]) -> bool {
    varied.iter().any(|family| named(path, family).is_some())
}

/// Whether the rest of the file has the member that a path names below this family.
pub(super) fn file_has(tree: &Tree, path: &str, family: &str) -> bool {
    tree::find(tree, family).and_then(member) == named(path, family)
}

/// The path that a short name's path has in a file: `dim` is that of the usual model, or of the one that
/// the file names. Nothing where it is as it was.
pub(super) fn own_path(tree: &Tree, path: &str, families: &[&str]) -> Option<String> {
    families.iter().find_map(|family| {
        let usual = named(path, family)?;
        let own = tree::find(tree, family).and_then(member)?;
        let below = &path[family.len() + 1 + usual.len()..];
        (own != usual).then(|| format!("{family}.{own}{below}"))
    })
}

/// The member that a setting wants of a family, by naming it or a setting of its own.
fn wanted<'a>(setting: &'a Setting, family: &str) -> Option<&'a str> {
    if setting.path == family {
        member(setting.value())
    } else {
        named(&setting.path, family)
    }
}

/// Refuses a setting of the command line that takes back what one before it chose of a family. Where the
/// family `varies`, settings of several members go side by side.
pub(super) fn check_again(
    before: &[Setting],
    setting: &Setting,
    families: &[&str],
    varies: bool,
    problems: &mut Problems,
) {
    for other in before {
        for family in families {
            let (Some(one), Some(two)) = (wanted(other, family), wanted(setting, family)) else {
                continue;
            };
            let whole = [other, setting]
                .iter()
                .filter(|one| one.path == *family)
                .count();
            // Named as a whole twice, the later one is meant, as with any other setting.
            if one == two || whole == 2 || whole == 0 && varies {
                continue;
            }
            problems.add(Problem {
                message: format!(
                    "`{}` is of `{two}`, and `{}` before it is of `{one}`: `{family}` is one of the two",
                    setting.path, other.path
                ),
                places: vec![
                    (setting.key.clone(), format!("`{two}`")),
                    (other.key.clone(), format!("`{one}`")),
                ],
                help: Some(format!(
                    "leave one of them out, or set the whole: `--set '{family}={{ {two} = {{ ... }} }}'`"
                )),
            });
        }
    }
}

/// Lays a setting over the values of axes that are the member it names.
pub(super) fn lay_below(
    grids: &mut [Grid],
    setting: &Setting,
    families: &[&str],
    in_file: bool,
    problems: &mut Problems,
) {
    let mut found = in_file;
    let mut above = None;
    for axis in grids.iter_mut().flatten() {
        let Some(wanted) = named(&setting.path, &axis.path).map(str::to_owned) else {
            continue;
        };
        for value in &mut axis.values {
            if member(value) == Some(&wanted) {
                lay_over(value, &wanted, setting, &axis.path, families);
                found = true;
            }
        }
        above = Some((
            axis.name.clone(),
            axis.path.clone(),
            axis.key.clone(),
            wanted,
        ));
    }
    if let Some((name, path, key, wanted)) = above.filter(|_| !found) {
        problems.add(Problem {
            message: format!(
                "`{}` has no effect: `{path}` is an axis, and none of its values is `{wanted}`",
                setting.path
            ),
            places: vec![
                (setting.key.clone(), "here".into()),
                (key, "the axis".into()),
            ],
            help: Some(format!(
                "give the axis anew: `--set 'axes.{name}=[{{ {wanted} = {{ ... }} }}]'`"
            )),
        });
    }
}

/// Makes `mlp` and `{ mlp = { ... } }` a table with the setting in it.
fn lay_over(value: &mut Node, member: &str, setting: &Setting, axis: &str, families: &[&str]) {
    let span = value.span();
    let mut table = if let DeValue::Table(table) = value.get_ref() {
        table.clone()
    } else {
        let empty = Spanned::new(span.clone(), DeValue::Table(Tree::new()));
        tree::single(member, &span, empty)
    };
    let below = &setting.path[axis.len() + 1..];
    tree::overlay(&mut table, setting.tree_at(below), families);
    *value = Spanned::new(span, DeValue::Table(table));
}

/// Refuses an axis below a member that the rest of the file does not have: it would replace the member
/// that is there.
pub(super) fn check_axes(tree: &Tree, grids: &[Grid], families: &[&str], problems: &mut Problems) {
    for grid in grids {
        for axis in grid {
            for family in families {
                let Some(wanted) = named(&axis.path, family) else {
                    continue;
                };
                let varies = grid.iter().any(|other| other.path == *family);
                let there = tree::find(tree, family);
                let other = there.and_then(member).filter(|there| *there != wanted);
                if let (false, Some(node), Some(other)) = (varies, there, other) {
                    problems.add(Problem {
                        message: format!("axis `{}` is of `{wanted}`, and `{family}` is `{other}`", axis.name),
                        places: vec![
                            (axis.key.clone(), "this axis".into()),
                            (node.span(), format!("`{other}`")),
                        ],
                        help: Some(format!(
                            "set `{family}` to `{wanted}`, or make it an axis that has `{wanted}` among its values"
                        )),
                    });
                }
            }
        }
    }
}

/// Whether an axis says something of a point: below a family that varies too, only where the point has the
/// member that it names.
pub(super) fn applies(settings: &Tree, axis: &Axis, chosen: &[(&Axis, &Node)]) -> bool {
    let outer = chosen.iter().find_map(|(other, _)| {
        let wanted = named(&axis.path, &other.path)?;
        Some((other, wanted))
    });
    outer.is_none_or(|(outer, wanted)| {
        tree::find(settings, &outer.path).and_then(member) == Some(wanted)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::config::{Sweep, SweepFile, SweepOptions};

    const HEADER: &str = "name = 'm'\nquestion = 'q'\njob = 'train'\nseeds = [1]\n";

    /// The settings of every point, or what is wrong.
    fn settings(text: &str, set: &[&str]) -> Result<Vec<Value>, String> {
        let file = SweepFile::parse("m.toml".as_ref(), format!("{HEADER}{text}").as_bytes());
        let options = SweepOptions {
            scale: None,
            set: set.iter().map(|&set| set.to_owned()).collect(),
        };
        let file = file.map_err(|error| error.to_string())?;
        let sweep = Sweep::resolve(file, &options).map_err(|error| error.to_string())?;
        let points = sweep.points().map_err(|error| error.to_string())?;
        Ok(points
            .iter()
            .map(|point| point.settings.to_json())
            .collect())
    }

    /// The scorer of every point with its mlp's width, or what is wrong.
    fn points(text: &str, set: &[&str]) -> Result<Vec<String>, String> {
        let settings = settings(text, set)?;
        let shown = settings.iter().map(|json| {
            let scorer = &json["router"]["scorer"];
            let name = scorer
                .as_object()
                .and_then(|map| map.keys().next().cloned());
            let hidden = scorer["mlp"]["hidden"].as_u64();
            format!(
                "{}{}",
                name.unwrap_or_default(),
                hidden.map_or_else(String::new, |h| format!(" {h}"))
            )
        });
        Ok(shown.collect())
    }

    const SCORERS: &str = "[axes]\nscorer = ['linear', { mlp = { hidden = 16 } }, 'cosine']\n";

    #[test]
    fn a_setting_reaches_the_members_that_it_names() {
        let set = ["router.scorer.mlp.hidden=64"];
        assert_eq!(
            points(SCORERS, &set).unwrap(),
            ["linear", "mlp 64", "cosine"]
        );
        // A member that stands there by its name alone, too.
        let named = SCORERS.replace("{ mlp = { hidden = 16 } }", "'mlp'");
        assert_eq!(
            points(&named, &set).unwrap(),
            ["linear", "mlp 64", "cosine"]
        );
    }

    #[test]
    fn a_short_name_is_of_the_member_that_the_file_names() {
        let text = "[model.qwen2-moe]\ndim = 32\nheads = 2\n[axes]\nlayers = [1, 2]\n";
        let number = |set: &[&str], name: &str| -> Vec<u64> {
            let settings = settings(text, set).unwrap();
            let own = settings
                .iter()
                .map(|json| &json["model"]["qwen2-moe"][name]);
            own.map(|value| value.as_u64().expect("its own")).collect()
        };
        assert_eq!(number(&[], "layers"), [1, 2]);
        assert_eq!(number(&["dim=64"], "dim"), [64, 64]);
        // One that it does not have is refused, and does not bring another model.
        let error = settings(text, &["dropout=0.1"]).unwrap_err();
        assert!(error.contains("dropout"), "{error}");
        let usual = settings("", &["dim=64"]).unwrap();
        assert_eq!(usual[0]["model"]["tiny-moe"]["dim"], 64);
    }

    #[test]
    fn a_setting_of_a_member_that_is_not_there_is_refused() {
        let wrong = points(SCORERS, &["router.scorer.attention.qk-dim=8"]).unwrap_err();
        assert!(
            wrong.contains("none of its values is `attention`"),
            "{wrong}"
        );
    }

    #[test]
    fn a_grid_without_the_axis_keeps_what_the_file_says() {
        let text = "[router.scorer.mlp]\nhidden = 8\n[[axes]]\nscorer = ['linear', 'mlp']\n[[axes]]\nk = [1]\n";
        let set = ["router.scorer.mlp.hidden=64"];
        assert_eq!(points(text, &set).unwrap(), ["linear", "mlp 64", "mlp 64"]);
        let text = "[router]\nscorer = 'cosine'\n[[axes]]\nscorer = ['linear', 'mlp']\n[[axes]]\nk = [1]\n";
        assert_eq!(points(text, &set).unwrap(), ["linear", "mlp 64", "cosine"]);
    }

    #[test]
    fn an_axis_inside_another_varies_its_own_member_alone() {
        let inner = "\"router.scorer.mlp.hidden\" = [16, 64]\n";
        for text in [
            format!("[axes]\nscorer = ['linear', 'mlp']\n{inner}"),
            format!("[axes]\n{inner}scorer = ['linear', 'mlp']\n"),
        ] {
            let mut found = points(&text, &[]).unwrap();
            found.sort();
            // The two that differ in nothing are one trial.
            assert_eq!(found, ["linear", "linear", "mlp 16", "mlp 64"], "{text}");
        }
    }

    #[test]
    fn an_axis_of_a_member_that_the_file_does_not_have_is_refused() {
        let text = "[axes]\n\"router.strategy.top-p.p\" = [0.3, 0.6]\n";
        assert_eq!(points(text, &[]).unwrap().len(), 2);
        let wrong = points(text, &["strategy=top1"]).unwrap_err();
        assert!(
            wrong.contains("is of `top-p`, and `router.strategy` is `top1`"),
            "{wrong}"
        );
        let wrong = points(&format!("[router]\nstrategy = 'hash'\n{text}"), &[]).unwrap_err();
        assert!(wrong.contains("`router.strategy` is `hash`"), "{wrong}");
    }

    #[test]
    fn two_settings_of_the_command_line_do_not_take_each_other_back() {
        let seed = "router.strategy.hash.table-seed=3";
        for text in ["", "[axes]\nstrategy = ['hash', 'top1']\n"] {
            for set in [["strategy=top1", seed], [seed, "strategy=top1"]] {
                let wrong = points(text, &set).unwrap_err();
                assert!(
                    wrong.contains("`router.strategy` is one of the two"),
                    "{wrong}"
                );
            }
            assert!(points(text, &["strategy=hash", seed]).is_ok());
            assert!(points(text, &["strategy=top1", "strategy=hash", seed]).is_err());
        }
        // Side by side where both are among the values of an axis, and not elsewhere.
        let both = ["router.scorer.mlp.hidden=64", "router.scorer.cosine.dim=8"];
        assert!(points(SCORERS, &both).is_ok());
        assert!(points("", &both).is_err());
    }
}
