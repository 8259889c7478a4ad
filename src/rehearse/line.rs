//! On which line each part of a scenario stands, and in which file.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use crate::runbook::node::{Node, NodeKind};

/// A line of a scenario's file, or of the one that it extends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    pub file: Arc<str>,
    /// From 1.
    pub line: usize,
}

/// The line of every node, by its path: `commands[3].set.noout`. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LineMap {
    own: Arc<Own>,
    below: Option<Arc<Below>>,
}

/// The lines of one file.
#[derive(Debug)]
struct Own {
    file: Arc<str>,
    /// The byte at which each line begins.
    starts: Vec<usize>,
    nodes: HashMap<String, Spot>,
}

/// The lines of what a scenario extends.
#[derive(Debug)]
struct Below {
    lines: LineMap,
    /// Lists in which so many members stand before those from here.
    lists: Vec<(&'static str, usize)>,
}

impl Below {
    /// What a path is called here, unless it is none of what stands here.
    fn path<'a>(&self, path: &'a str) -> Option<Cow<'a, str>> {
        let member = self.lists.iter().find_map(|(list, before)| {
            let (index, rest) = path.strip_prefix(list)?.strip_prefix('[')?.split_once(']')?;
            Some((list, index.parse::<usize>().ok()?.checked_sub(*before), rest))
        });
        match member {
            None => Some(Cow::Borrowed(path)),
            Some((list, index, rest)) => Some(Cow::Owned(format!("{list}[{}]{rest}", index?))),
        }
    }
}

impl Own {
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

    fn at(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset)
    }
}

impl LineMap {
    #[must_use]
    pub fn of(file: &str, text: &str, root: Option<&Node>) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let mut own = Own { file: file.into(), starts, nodes: HashMap::new() };
        if let Some(root) = root {
            own.note("", root);
        }
        Self { own: Arc::new(own), below: None }
    }

    /// Puts the places of what this scenario extends under its own: members of the `lists` come after its own, of which there
    /// are so many.
    pub fn extend(&mut self, base: Self, lists: Vec<(&'static str, usize)>) {
        self.below = Some(Arc::new(Below { lines: base, lists }));
    }

    /// The lines of the file in which a member of a list stands, and which of its own that is.
    pub fn origin(&self, list: &str, index: usize) -> (&Self, usize) {
        let below = self.below.as_deref().and_then(|below| {
            let before = below.lists.iter().find(|(name, _)| *name == list)?.1;
            Some(below.lines.origin(list, index.checked_sub(before)?))
        });
        below.unwrap_or((self, index))
    }

    /// Tells a file from every other whose lines are still at hand.
    pub fn identity(&self) -> usize {
        Arc::as_ptr(&self.own).addr()
    }

    fn find(&self, path: &str) -> Option<&Spot> {
        self.own.nodes.get(path).or_else(|| {
            let below = self.below.as_ref()?;
            below.lines.find(&below.path(path)?)
        })
    }

    /// The line of a byte, from 1.
    #[must_use]
    pub fn at(&self, offset: usize) -> usize {
        self.own.at(offset)
    }

    /// The line of a node, from 1; of what is around it, if the node itself is not there.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<Spot> {
        let mut path = path;
        loop {
            if let Some(spot) = self.find(path) {
                return Some(spot.clone());
            }
            path = &path[..path.rfind(['.', '['])?];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::LineMap;
    use crate::runbook::source::read;

    #[test]
    fn every_node_has_its_line() {
        let text = "a: 1\nb:\n  - x: {y: 2}\n  - [p,\n     q]\n  - z:\n      w: 1\n";
        let lines = LineMap::of("s", text, read(text).root.as_ref());
        for (path, line) in [("a", 1), ("b", 2), ("b[0]", 3), ("b[0].x.y", 3), ("b[1][1]", 5), ("b[2].z.w", 7), ("b[2].z.gone[4]", 6)] {
            assert_eq!(lines.get(path).map(|spot| spot.line), Some(line), "{path}");
        }
        assert_eq!(lines.get("none"), None);
    }

    #[test]
    fn what_is_extended_keeps_its_file() {
        let lines = |file: &str, text: &str| LineMap::of(file, text, read(text).root.as_ref());
        let mut own = lines("own", "c: [x]\nw: {a: 1}\n");
        own.extend(lines("base", "w: {b: 1}\nc:\n  - {m: 1}\n"), vec![("c", 1)]);
        let at = |path: &str| own.get(path).map(|spot| format!("{}:{}", spot.file, spot.line)).unwrap();
        assert_eq!([at("c[0]"), at("c[1].m"), at("w.a"), at("w.b"), at("c")], ["own:1", "base:3", "own:2", "base:1", "own:1"]);
    }
}
