//! On which line each part of a scenario stands.

use std::collections::HashMap;

use crate::runbook::node::{Node, NodeKind};

/// The line of every node, by its path: `commands[3].set.noout`.
#[derive(Debug, Clone, Default)]
pub struct Lines {
    /// The byte at which each line begins.
    starts: Vec<usize>,
    nodes: HashMap<String, usize>,
}

impl Lines {
    #[must_use]
    pub fn of(text: &str, root: Option<&Node>) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let mut lines = Self { starts, nodes: HashMap::new() };
        if let Some(root) = root {
            lines.note("", root);
        }
        lines
    }

    fn note(&mut self, path: &str, node: &Node) {
        match &node.kind {
            NodeKind::Scalar { .. } => {}
            NodeKind::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    let path = format!("{path}[{index}]");
                    self.nodes.insert(path.clone(), self.at(item.span.offset));
                    self.note(&path, item);
                }
            }
            NodeKind::Map(entries) => {
                for entry in entries {
                    let path = if path.is_empty() { entry.key.clone() } else { format!("{path}.{}", entry.key) };
                    self.nodes.insert(path.clone(), self.at(entry.key_span.offset));
                    self.note(&path, &entry.value);
                }
            }
        }
    }

    /// The line of a byte, from 1.
    #[must_use]
    pub fn at(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset)
    }

    /// The line of a node, from 1; of what is around it, if the node itself is not there.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<usize> {
        let mut path = path;
        loop {
            if let Some(line) = self.nodes.get(path) {
                return Some(*line);
            }
            path = &path[..path.rfind(['.', '['])?];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Lines;
    use crate::runbook::source::read;

    #[test]
    fn every_node_has_its_line() {
        let text = "a: 1\nb:\n  - x: {y: 2}\n  - [p,\n     q]\n  - z:\n      w: 1\n";
        let lines = Lines::of(text, read(text).root.as_ref());
        for (path, line) in [("a", 1), ("b", 2), ("b[0]", 3), ("b[0].x.y", 3), ("b[1][1]", 5), ("b[2].z.w", 7), ("b[2].z.gone[4]", 6)] {
            assert_eq!(lines.get(path), Some(line), "{path}");
        }
        assert_eq!(lines.get("none"), None);
    }
}
