//! The last screen of a run: what happened, why, what comes next, what is owed.

use super::layout::{self, Page};
use crate::words::{self, quote::CommandLine, sanitise};

/// How a run, or an attempt at one, ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LastScreen {
    /// It came to its end as planned.
    pub completed: bool,
    /// What happened, in a sentence without `error:`. May be empty where there is nothing to say beyond `closing`.
    pub what: String,
    /// What was seen, such as a command and its answer.
    pub seen: Vec<String>,
    pub why: Vec<String>,
    /// What to do, the best first.
    pub next: Vec<Advice>,
    pub put_back: Vec<PutBack>,
    /// What nobody knows the end of.
    pub in_doubt: Vec<String>,
    /// Changes that a rollback has left as they are.
    pub standing: Vec<String>,
    /// What is still owed, and how it is settled.
    pub owed: Vec<String>,
    /// The last line: `run 7f3a stopped at restart[osd=2].gate; nothing left to clean up`.
    pub closing: String,
    /// The run's id.
    pub run: Option<String>,
    /// `118:9c1e…`
    pub head: Option<String>,
    /// `None` where no command ends with it.
    pub exit: Option<u8>,
}

/// What could be done next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Advice {
    pub text: String,
    /// Command lines for it: each on a line of its own that is never broken, so that it can be copied.
    pub commands: Vec<CommandLine>,
}

impl Advice {
    #[must_use]
    pub(crate) fn with(text: &str, command: CommandLine) -> Self {
        Self { text: text.to_owned(), commands: vec![command] }
    }
}

impl From<String> for Advice {
    fn from(text: String) -> Self {
        Self { text, commands: Vec::new() }
    }
}

/// Something the run had set, and whether it is as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PutBack {
    pub what: String,
    pub done: bool,
}

const LABEL: usize = 10;
/// So many of what was put back are named; of more the first, and their number.
const NAMED: usize = 3;

impl LastScreen {
    #[must_use]
    pub(crate) fn render(&self, page: &Page) -> String {
        let style = page.style;
        let mut lines = Vec::new();
        if !self.what.is_empty() {
            let first = if self.completed { String::new() } else { format!("{} ", style.bad("error:")) };
            lines.extend(layout::wrap(&sanitise::text(&self.what), page.width, &first, "  "));
        }
        for seen in &self.seen {
            lines.extend(layout::wrap(&sanitise::text(seen), page.width, "  ", "    "));
        }
        let put = |fields: Vec<(&'static str, String)>| -> Vec<String> {
            fields.into_iter().flat_map(|(label, text)| page.field(2, LABEL, label, &sanitise::text(&text))).collect()
        };
        lines.extend(put(self.why.iter().map(|why| ("why", why.clone())).collect()));
        for (index, next) in self.next.iter().enumerate() {
            lines.extend(put(vec![(if index == 0 { "next" } else { "or" }, next.text.clone())]));
            lines.extend(
                next.commands.iter().map(|command| format!("{:margin$}{}", "", sanitise::line(&command.to_string()), margin = 2 + LABEL)),
            );
        }
        lines.extend(put(self.remains()));
        let items: Vec<_> = [
            Some(sanitise::line(&self.closing).into_owned()),
            self.head.as_ref().map(|head| format!("journal head {}", sanitise::line(head))),
            self.exit.map(|exit| format!("exit {exit}")),
        ]
        .into_iter()
        .flatten()
        .filter(|item| !item.is_empty())
        .collect();
        lines
            .extend(layout::flow(&items, page.width, 0, 3).iter().map(|line| if self.completed { line.clone() } else { style.bold(line) }));
        lines.iter().fold(String::new(), |text, line| text + line + "\n")
    }

    /// What was put back, what is in doubt, and what is still owed.
    fn remains(&self) -> Vec<(&'static str, String)> {
        let done: Vec<String> = self.put_back.iter().filter(|back| back.done).map(|back| back.what.clone()).collect();
        let done = if done.len() > NAMED { vec![words::list(&done, 1)] } else { done };
        let failed = self.put_back.iter().filter(|back| !back.done).map(|back| ("FAILED", format!("not restored: {}", back.what)));
        let put_back = done.into_iter().map(|what| ("restored", what)).chain(failed);
        let in_doubt = self.in_doubt.iter().map(|doubt| ("in doubt", doubt.clone()));
        let standing = self.standing.iter().map(|place| ("remains", place.clone()));
        put_back.chain(in_doubt).chain(standing).chain(self.owed.iter().map(|owed| ("owed", owed.clone()))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{script::golden, style::Style},
        *,
    };

    #[test]
    fn says_what_why_and_what_next() {
        let ending = LastScreen {
            run: None,
            completed: false,
            what: "osd.2 may not be stopped now".into(),
            seen: vec!["ceph osd ok-to-stop 2 answered: 3 PGs would become inactive (1.0, 1.4, 2.1)".into()],
            why: vec!["its replicas are on osd.0, which is down since 02:14:09".into()],
            next: vec![
                Advice::with(
                    "bring osd.0 back first:",
                    CommandLine::new("halligan run staggered-osd-restart --set osds=0".split(' ').map(Into::into).collect()),
                ),
                "override once, with a reason:  --override gate=\"…\"      (journaled)".to_owned().into(),
            ],
            put_back: vec![PutBack { what: "noout is still set by this run".into(), done: true }],
            in_doubt: vec![],
            standing: vec![],
            owed: vec![],
            closing: "run 7f3a stopped at restart[osd=2].gate; nothing left to clean up".into(),
            head: Some("118:9c1e…".into()),
            exit: Some(6),
        };
        for width in [120, 60, 40] {
            let text = ending.render(&Page::new(width, Style::default()));
            golden(&format!("ending-{width}.txt"), &text);
            let command = |line: &str| line.trim_start().starts_with("halligan run ");
            assert!(text.lines().all(|line| layout::width(line) <= width || command(line)), "{text}");
        }
        let fine = LastScreen {
            completed: true,
            closing: "run 7f3a completed".into(),
            head: Some("130:77aa".into()),
            exit: Some(0),
            ..LastScreen::default()
        };
        assert_eq!(fine.render(&Page::new(80, Style::default())), "run 7f3a completed   journal head 130:77aa   exit 0\n");
    }
}
