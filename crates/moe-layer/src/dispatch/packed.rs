//! The shared half of the packing backends: which token stands in which packed row.

use burn::tensor::{IndexingUpdateOp, Int, Tensor};

/// Packed rows: the token, expert and gate of each.
pub(super) struct Packed {
    /// Token `[M]`, T for an empty row.
    pub(super) rows_m: Tensor<1, Int>,
    /// Expert `[M]`, E for an empty row.
    pub(super) expert_m: Tensor<1, Int>,
    /// Gate `[M]`, zero for an empty row.
    pub(super) gates_m: Tensor<1>,
}

/// Puts assignments, listed by token, into `packed` rows; `dest_tk` is the row of each, or `packed`
/// for one that goes nowhere.
pub(super) fn place(
    experts_tk: &Tensor<2, Int>,
    gates_tk: &Tensor<2>,
    dest_tk: Tensor<2, Int>,
    experts: usize,
    packed: usize,
) -> Packed {
    let [tokens, k] = experts_tk.dims();
    let assignments = tokens * k;
    let device = gates_tk.device();
    let numbers_a = Tensor::<1, Int>::arange(0..assignments as i64, &device);
    let owner_m = Tensor::<1, Int>::full([packed + 1], assignments as i64, &device)
        .scatter(0, dest_tk.reshape([assignments]), numbers_a, IndexingUpdateOp::Assign)
        .narrow(0, 0, packed);
    let experts_a = Tensor::cat(
        vec![
            experts_tk.clone().reshape([assignments]),
            Tensor::<1, Int>::full([1], experts as i64, &device),
        ],
        0,
    );
    let gates_a =
        Tensor::cat(vec![gates_tk.clone().reshape([assignments]), Tensor::zeros([1], &device)], 0);
    Packed {
        expert_m: experts_a.gather(0, owner_m.clone()),
        gates_m: gates_a.gather(0, owner_m.clone()),
        // An empty row's owner is T * k, which divides to T: no token.
        rows_m: owner_m / k as i64,
    }
}
