//! On which line each part of a scenario stands.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser};

/// The line of every node, by its path: `commands[3].set.noout`.
#[derive(Debug, Clone, Default)]
pub struct Lines(HashMap<String, usize>);

enum Level {
    /// A mapping, and the key whose value comes next.
    Map(Option<String>),
    /// A list, and the index that comes next.
    List(usize),
}

impl Lines {
    /// Text that does not parse has the lines up to its fault.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut lines = HashMap::new();
        // Each level with the path of the node that it is.
        let mut levels: Vec<(String, Level)> = Vec::new();
        for event in Parser::new_from_str(text) {
            let Ok((event, span)) = event else { break };
            match event {
                Event::Scalar(value, ..) => {
                    if let Some((path, Level::Map(key @ None))) = levels.last_mut() {
                        let path = if path.is_empty() { value.to_string() } else { format!("{path}.{value}") };
                        lines.insert(path, span.start.line());
                        *key = Some(value.into_owned());
                    } else {
                        let path = next(&mut levels);
                        lines.entry(path).or_insert(span.start.line());
                    }
                }
                Event::SequenceStart(..) | Event::MappingStart(..) => {
                    let path = next(&mut levels);
                    lines.entry(path.clone()).or_insert(span.start.line());
                    let level = if matches!(event, Event::SequenceStart(..)) { Level::List(0) } else { Level::Map(None) };
                    levels.push((path, level));
                }
                Event::Alias(_) => {
                    next(&mut levels);
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    levels.pop();
                }
                _ => {}
            }
        }
        Self(lines)
    }

    /// The line of a node, from 1; of what is around it, if the node itself is not there.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<usize> {
        let mut path = path;
        loop {
            if let Some(line) = self.0.get(path) {
                return Some(*line);
            }
            path = &path[..path.rfind(['.', '['])?];
        }
    }
}

/// The path of the node that comes next.
fn next(levels: &mut [(String, Level)]) -> String {
    match levels.last_mut() {
        None => String::new(),
        Some((path, Level::List(index))) => {
            *index += 1;
            format!("{path}[{}]", *index - 1)
        }
        Some((path, Level::Map(key))) => {
            let key = key.take().unwrap_or_default();
            if path.is_empty() { key } else { format!("{path}.{key}") }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Lines;

    #[test]
    fn every_node_has_its_line() {
        let lines = Lines::of("a: 1\nb:\n  - x: {y: 2}\n  - [p,\n     q]\n  - z:\n      w: 1\n");
        for (path, line) in [("a", 1), ("b", 2), ("b[0]", 3), ("b[0].x.y", 3), ("b[1][1]", 5), ("b[2].z.w", 7), ("b[2].z.gone[4]", 6)] {
            assert_eq!(lines.get(path), Some(line), "{path}");
        }
        assert_eq!(lines.get("none"), None);
    }
}
