//! Counting assignments: one pass, one counter per expert.

pub(super) fn load(experts_a: &[i32], count: usize) -> Vec<f32> {
    let mut load = vec![0u32; count];
    for &expert in experts_a {
        if let Some(counter) = load.get_mut(expert as usize) {
            *counter += 1;
        }
    }
    load.into_iter().map(|n| n as f32).collect()
}

pub(super) fn slots(experts_a: &[i32], count: usize) -> Vec<i32> {
    let mut next = vec![0i32; count];
    experts_a
        .iter()
        .map(|&expert| {
            next.get_mut(expert as usize).map_or(0, |counter| {
                *counter += 1;
                *counter - 1
            })
        })
        .collect()
}
