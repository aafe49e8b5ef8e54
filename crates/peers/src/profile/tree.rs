//! Where time went: spans within spans, equal ones added up.

use std::time::Duration;

/// What an operation must do at least.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Work {
    /// Multiplications and additions of its products.
    pub(super) flops: u64,
    /// Bytes that it must read and write.
    pub(super) bytes: u64,
}

/// All spans of one name below the same others.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: &'static str,
    above: Option<usize>,
    below: Vec<usize>,
    pub(super) calls: u64,
    /// With what is below.
    pub(super) time: Duration,
    /// Its own, without what is below.
    pub(super) work: Work,
}

/// Spans in the order in which they were first met.
#[derive(Debug, Default)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    roots: Vec<usize>,
}

impl Tree {
    /// The node of this name below another, or one at the top.
    pub(super) fn at(&mut self, above: Option<usize>, name: &'static str) -> usize {
        let siblings = above.map_or(&self.roots, |above| &self.nodes[above].below);
        let known = siblings.iter().find(|&&node| self.nodes[node].name == name);
        if let Some(&node) = known {
            return node;
        }
        let node = self.nodes.len();
        self.nodes.push(Node {
            name,
            above,
            below: Vec::new(),
            calls: 0,
            time: Duration::ZERO,
            work: Work::default(),
        });
        match above {
            Some(above) => self.nodes[above].below.push(node),
            None => self.roots.push(node),
        }
        node
    }

    /// Adds one span.
    pub(super) fn add(&mut self, node: usize, time: Duration, work: Work) {
        let node = &mut self.nodes[node];
        node.calls += 1;
        node.time += time;
        node.work.flops += work.flops;
        node.work.bytes += work.bytes;
    }

    /// The nodes, each before what is below it.
    pub(super) fn in_order(&self) -> Vec<usize> {
        let mut order = Vec::with_capacity(self.nodes.len());
        let mut next: Vec<usize> = self.roots.iter().rev().copied().collect();
        while let Some(node) = next.pop() {
            order.push(node);
            next.extend(self.nodes[node].below.iter().rev());
        }
        order
    }

    pub(super) fn node(&self, node: usize) -> &Node {
        &self.nodes[node]
    }

    /// The names from the top down to a node.
    pub(super) fn path(&self, node: usize) -> Vec<&'static str> {
        let upwards = std::iter::successors(Some(node), |&node| self.nodes[node].above);
        let mut path: Vec<_> = upwards.map(|node| self.nodes[node].name).collect();
        path.reverse();
        path
    }

    /// The time of a node outside of what is below it.
    pub(super) fn own_time(&self, node: usize) -> Duration {
        let node = &self.nodes[node];
        let below: Duration = node.below.iter().map(|&node| self.nodes[node].time).sum();
        node.time.saturating_sub(below)
    }

    /// The work of all nodes.
    pub(super) fn work(&self) -> Work {
        let mut sum = Work::default();
        for node in &self.nodes {
            sum.flops += node.work.flops;
            sum.bytes += node.work.bytes;
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_spans_are_added_and_own_time_is_what_is_left() {
        let mut tree = Tree::default();
        let ms = Duration::from_millis;
        let product = Work {
            flops: 100,
            bytes: 40,
        };
        for _ in 0..2 {
            let forward = tree.at(None, "forward");
            let layer = tree.at(Some(forward), "layer");
            let deep = tree.at(Some(layer), "product");
            tree.add(deep, ms(3), product);
            tree.add(layer, ms(5), Work::default());
            let head = tree.at(Some(forward), "product");
            tree.add(head, ms(1), product);
            tree.add(forward, ms(10), Work::default());
        }
        let paths: Vec<String> = tree
            .in_order()
            .into_iter()
            .map(|node| tree.path(node).join("/"))
            .collect();
        let expected = [
            "forward",
            "forward/layer",
            "forward/layer/product",
            "forward/product",
        ];
        assert_eq!(paths, expected);
        let order = tree.in_order();
        assert_eq!(tree.node(order[2]).calls, 2);
        assert_eq!(tree.node(order[2]).work.flops, 200);
        // Of 20 ms, 10 are in layers and 2 in the head's products.
        assert_eq!(tree.own_time(order[0]), ms(8));
        assert_eq!(tree.own_time(order[1]), ms(4));
        assert_eq!(
            tree.work(),
            Work {
                flops: 400,
                bytes: 160
            }
        );
    }
}
