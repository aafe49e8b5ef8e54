//! Auxiliary losses and the columns that hold them.

use runstore::tables::{Row, StepRow, Value};

/// The column of a loss: `aux_` and its name.
fn column(name: &str) -> String {
    format!("aux_{}", name.replace('-', "_"))
}

/// Writes each loss into the column of its name. A new loss needs that column and nothing here.
///
/// # Panics
///
/// In debug builds, for a loss without a column.
pub(super) fn fill(row: &mut StepRow, losses: &[(&'static str, f64)]) {
    for (name, loss) in losses {
        let known = row.set(&column(name), Value::F64(*loss));
        debug_assert!(
            known,
            "the loss `{name}` wants the column `{}`",
            column(name)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use registry::Variant;
    use routers::{BalancerConfig, Scope, SwitchConfig};

    #[test]
    fn every_balancer_with_a_loss_has_its_column() {
        let switch = |scope| {
            BalancerConfig::from(SwitchConfig {
                scope,
                ..SwitchConfig::default()
            })
        };
        let members = BalancerConfig::MEMBERS.iter().map(|member| {
            BalancerConfig::by_default(member.name).expect("a member of the registry")
        });
        let all = members.chain([switch(Scope::Sequence), switch(Scope::Step)]);
        for balancer in all.filter(|balancer| balancer.rules().selection_bias().is_none()) {
            let name = balancer.loss_name();
            let mut row = StepRow::default();
            fill(&mut row, &[(name, 0.5)]);
            let columns = row.value(&column(name));
            assert_eq!(columns, Some(Value::F64(0.5)), "{name}");
        }
    }

    #[test]
    fn losses_of_scorers_and_strategies_have_columns_too() {
        for name in ["info-nce", "relu-l1", "load", "importance"] {
            assert!(
                StepRow::default().set(&column(name), Value::F64(1.0)),
                "{name}"
            );
        }
    }
}
