//! Something that goes wrong with a command, whatever the rules say.

use std::{fmt, time::Duration};

use crate::{
    event::{Part, Place},
    expression::name::nearest,
};

use super::{
    document::{Mishap, PartName},
    fault::Mistake,
    line::Spot,
};

/// What a rehearsed failure prints when nobody says otherwise.
pub(super) const FAILED: &str = "it failed, as the scenario says\n";

/// Which calls of a command something strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Calls {
    /// Only this one, from 1.
    Nth(u32),
    Every,
}

impl Calls {
    #[must_use]
    pub fn strike(self, call: u32) -> bool {
        match self {
            Self::Nth(nth) => nth == call,
            Self::Every => true,
        }
    }
}

/// Something that goes wrong with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Injection {
    /// A step id or a place.
    pub step: String,
    pub part: Part,
    pub calls: Calls,
    pub mishap: Mishap,
    pub code: i32,
    pub stderr: String,
    /// How much longer a `slow` takes; `None`: as long as its timeout lets it.
    pub takes: Option<Duration>,
    /// What `hands` change in the world, by path.
    pub set: Vec<(String, serde_json::Value)>,
    /// `None` if it came with the command line.
    pub line: Option<Spot>,
}

impl Injection {
    /// Strikes the first call.
    #[must_use]
    pub fn new(step: &str, part: Part, mishap: Mishap) -> Self {
        let stderr = FAILED.to_owned();
        Self { step: step.to_owned(), part, calls: Calls::Nth(1), mishap, code: 1, stderr, takes: None, set: Vec::new(), line: None }
    }

    /// Whether this command is the one.
    #[must_use]
    pub fn meets(&self, place: &Place, part: Part) -> bool {
        self.part == part && place.is_named(&self.step)
    }
}

impl fmt::Display for Injection {
    /// As it is written on the command line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.step)?;
        if self.part != Part::Main {
            write!(f, ":{}", self.part.name())?;
        }
        write!(f, "={}", self.mishap.word())?;
        match self.calls {
            Calls::Nth(1) => {}
            Calls::Nth(nth) => write!(f, "@{nth}")?,
            Calls::Every => f.write_str("@every")?,
        }
        self.set.iter().try_for_each(|(path, value)| write!(f, ":{path}={value}"))
    }
}

/// How one is written.
const WRITE: &str = "write STEP[:part]=KIND[@n], such as `set_noout=fail`";
/// How somebody else's are written.
const WRITE_HANDS: &str = "write STEP[:part]=hands[@n]:PATH=VALUE, such as `look=hands:noout=true`";

/// Cuts off what somebody else's hands change; one value at most.
fn hands(text: &str) -> Option<(&str, &str)> {
    let end = ["=hands:", "=hands@"].iter().filter_map(|word| text.find(word)).min()? + "=hands".len();
    let colon = end + text.get(end..)?.find(':')?;
    Some((text.get(..colon)?, text.get(colon + 1..)?))
}

impl std::str::FromStr for Injection {
    type Err = Mistake;

    /// `STEP[:part]=KIND[@n]`, where STEP is a step's id or its whole place.
    fn from_str(text: &str) -> Result<Self, Mistake> {
        let (text, set) = match hands(text) {
            Some((text, set)) => (text, Some(set)),
            None => (text, None),
        };
        let set = match set.map(|set| set.split_once('=')) {
            None => Vec::new(),
            Some(Some((path, value))) if !path.is_empty() => {
                vec![(path.to_owned(), serde_json::from_str(value).unwrap_or_else(|_| value.into()))]
            }
            Some(_) => return Err(WRITE_HANDS.to_owned().into()),
        };
        let (step, kind) = text.rsplit_once('=').ok_or_else(|| Mistake::from(WRITE.to_owned()))?;
        let (kind, calls) = match kind.split_once('@') {
            None => (kind, Calls::Nth(1)),
            Some((kind, "every")) => (kind, Calls::Every),
            Some((kind, number)) => match number.parse() {
                Ok(nth) if nth > 0 => (kind, Calls::Nth(nth)),
                _ => return Err(format!("`@{number}` must be the number of the call, from 1, or `@every`").into()),
            },
        };
        let kind = kind.replace('-', "_");
        let mishap = Mishap::ALL.into_iter().find(|mishap| mishap.word() == kind).ok_or_else(|| {
            let words = Mishap::ALL.map(Mishap::word);
            let near = nearest(&kind, words.into_iter()).map(ToOwned::to_owned);
            Mistake { what: format!("there is no fault `{kind}`: there are {}", words.join(", ")), near }
        })?;
        if (mishap == Mishap::Hands) == set.is_empty() {
            return Err(WRITE_HANDS.to_owned().into());
        }
        if mishap.ends_halligan() && calls == Calls::Every {
            return Err("halligan is ended once, not at every call".to_owned().into());
        }
        // No fault strikes the taking of a lock: a scenario answers it by a rule.
        let part = |word| Part::ALL.into_iter().find(|part| part.name() == word && *part != Part::Lock);
        let found = step.rsplit_once(':').and_then(|(step, word)| Some((step, part(word)?)));
        let (step, part) = found.unwrap_or((step, Part::Main));
        if step.is_empty() {
            return Err(WRITE.to_owned().into());
        }
        Ok(Self { calls, set, ..Self::new(step, part, mishap) })
    }
}

impl From<PartName> for Part {
    fn from(name: PartName) -> Self {
        match name {
            PartName::Main => Self::Main,
            PartName::DoneIf => Self::DoneIf,
            PartName::Verify => Self::Verify,
            PartName::Gate => Self::Gate,
            PartName::Holds => Self::Holds,
            PartName::Show => Self::Show,
            PartName::Undo => Self::Undo,
            PartName::Cleanup => Self::Cleanup,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_reads_as_it_is_written() {
        for text in [
            "set_noout=fail",
            "a[osd=3].b:verify=lie@2",
            "x[h=a:b].y=drop@every",
            "s:done_if=kill_before",
            "a.b=hands:up.3=false",
            "a:verify=hands@2:l=[1,\"x=hands:@2\"]",
        ] {
            assert_eq!(text.parse::<Injection>().unwrap().to_string(), text);
        }
        assert_eq!("a:1=disk-full".parse::<Injection>().unwrap().step, "a:1");
        for (text, said) in [
            ("x", "STEP[:part]=KIND"),
            ("=fail", "STEP[:part]=KIND"),
            ("x=fial", "did you mean `fail`?"),
            ("x=fail@0", "from 1"),
            ("x=kill@every", "once"),
            ("x=hands", "hands[@n]:PATH=VALUE"),
            ("x=hands:up", "hands[@n]:PATH=VALUE"),
        ] {
            assert!(text.parse::<Injection>().unwrap_err().to_string().contains(said), "{text}");
        }
    }
}
