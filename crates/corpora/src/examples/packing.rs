//! Several short texts in one row.

use std::cmp::Reverse;

/// Texts of these lengths in rows of `length`, none of which is cut: the longest first, each into the fullest row that
/// it still fits into (best fit decreasing). Depends on the lengths alone.
///
/// # Panics
///
/// When a text is longer than a row.
pub(super) fn pack(lengths: &[usize], length: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|text| (Reverse(lengths[*text]), *text));
    let mut rows: Vec<Vec<usize>> = Vec::new();
    // By the room that is left: the rows that have it.
    let mut open: Vec<Vec<usize>> = vec![Vec::new(); length + 1];
    for text in order {
        let needed = lengths[text];
        let row = (needed..=length).find_map(|room| Some((open[room].pop()?, room)));
        let (row, room) = row.unwrap_or_else(|| {
            rows.push(Vec::new());
            (rows.len() - 1, length)
        });
        rows[row].push(text);
        open[room - needed].push(row);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_fill_rows_by_hand() {
        // Rows of 8, texts of 3, 8, 5, 2 and 4: 8 alone, 5 and 3, 4 and 2.
        assert_eq!(pack(&[3, 8, 5, 2, 4], 8), [vec![1], vec![2, 0], vec![4, 3]]);
        // 2 goes to the row with 6, which leaves no room, and not to that with 5.
        assert_eq!(pack(&[5, 6, 2], 8), [vec![1, 2], vec![0]]);
        assert!(pack(&[], 8).is_empty());
    }

    #[test]
    fn every_text_is_in_one_row_and_none_is_overfull() {
        let lengths: Vec<usize> = (0..500).map(|text| 1 + text * 37 % 60).collect();
        let rows = pack(&lengths, 64);
        let mut seen: Vec<usize> = rows.concat();
        seen.sort_unstable();
        assert!(seen.into_iter().eq(0..500));
        let of_row = |row: &Vec<usize>| row.iter().map(|text| lengths[*text]).sum::<usize>();
        assert!(rows.iter().all(|row| of_row(row) <= 64));
        // Less than one row in fifty is lost against rows without room.
        let all: usize = lengths.iter().sum();
        assert!(
            rows.len() * 64 * 49 < all * 50,
            "{} rows for {all}",
            rows.len()
        );
    }
}
