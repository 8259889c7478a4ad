//! On which line each part of a scenario stands, and in which file.

use std::{collections::HashMap, sync::Arc};

use crate::runbook::node::{Node, NodeKind};

/// A line of a scenario's file, or of the one that it extends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    pub file: Arc<str>,
    /// From 1.
    pub line: usize,
}

/// The line of every node, by its path: `commands[3].set.noout`.
#[derive(Debug, Clone)]
pub struct Lines {
    file: Arc<str>,
    /// The byte at which each line begins.
    starts: Vec<usize>,
    nodes: HashMap<String, Spot>,
}

impl Lines {
    #[must_use]
    pub fn of(file: &str, text: &str, root: Option<&Node>) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let mut lines = Self { file: file.into(), starts, nodes: HashMap::new() };
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
                    self.nodes.insert(path.clone(), self.spot(item.span.offset));
                    self.note(&path, item);
                }
            }
            NodeKind::Map(entries) => {
                for entry in entries {
                    let path = if path.is_empty() { entry.key.clone() } else { format!("{path}.{}", entry.key) };
                    self.nodes.insert(path.clone(), self.spot(entry.key_span.offset));
                    self.note(&path, &entry.value);
                }
            }
        }
    }

    fn spot(&self, offset: usize) -> Spot {
        Spot { file: Arc::clone(&self.file), line: self.at(offset) }
    }

    /// Takes in the places of what this scenario extends: members of the `lists` come after its own, of which there are so many.
    pub fn extend(&mut self, base: &Self, lists: &[(&str, usize)]) {
        for (path, spot) in &base.nodes {
            let moved = lists.iter().find_map(|(list, own)| {
                let (index, rest) = path.strip_prefix(list)?.strip_prefix('[')?.split_once(']')?;
                Some(format!("{list}[{}]{rest}", index.parse::<usize>().ok()? + own))
            });
            self.nodes.entry(moved.unwrap_or_else(|| path.clone())).or_insert_with(|| spot.clone());
        }
    }

    /// The line of a byte, from 1.
    #[must_use]
    pub fn at(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset)
    }

    /// The line of a node, from 1; of what is around it, if the node itself is not there.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<Spot> {
        let mut path = path;
        loop {
            if let Some(spot) = self.nodes.get(path) {
                return Some(spot.clone());
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
        let lines = Lines::of("s", text, read(text).root.as_ref());
        for (path, line) in [("a", 1), ("b", 2), ("b[0]", 3), ("b[0].x.y", 3), ("b[1][1]", 5), ("b[2].z.w", 7), ("b[2].z.gone[4]", 6)] {
            assert_eq!(lines.get(path).map(|spot| spot.line), Some(line), "{path}");
        }
        assert_eq!(lines.get("none"), None);
    }

    #[test]
    fn what_is_extended_keeps_its_file() {
        let lines = |file: &str, text: &str| Lines::of(file, text, read(text).root.as_ref());
        let mut own = lines("own", "c: [x]\nw: {a: 1}\n");
        own.extend(&lines("base", "w: {b: 1}\nc:\n  - {m: 1}\n"), &[("c", 1)]);
        let at = |path: &str| own.get(path).map(|spot| format!("{}:{}", spot.file, spot.line)).unwrap();
        assert_eq!([at("c[0]"), at("c[1].m"), at("w.a"), at("w.b"), at("c")], ["own:1", "base:3", "own:2", "base:1", "own:1"]);
    }
}
