//! How a command ended.

use std::time::Duration;

use super::sanitise;
use crate::{event::Exit, quantity::show_duration};

/// How a command ended, and that nobody knows what it did where that is so.
#[must_use]
pub(crate) fn exit(exit: &Exit) -> String {
    let doubt = "; unknown whether the command took effect";
    match exit {
        Exit::Code(code) => format!("exit {code}"),
        Exit::Signal(number) => format!("killed by {}", signal(*number)),
        Exit::TimedOut { after_ms, killed } => {
            let after = show_duration(Duration::from_millis(*after_ms));
            if *killed { format!("timed out after {after}, killed{doubt}") } else { format!("timed out after {after}, terminated") }
        }
        Exit::Interrupted { killed: false } => "terminated by the interruption".to_owned(),
        Exit::Interrupted { killed: true } => format!("killed by the interruption{doubt}"),
        Exit::NotStarted { why } => format!("could not start: {}", sanitise::line(why)),
        Exit::Lost { why } => format!("{}{doubt}", sanitise::line(why)),
    }
}

fn signal(number: i32) -> String {
    let name = match number {
        1 => "HUP",
        2 => "INT",
        3 => "QUIT",
        4 => "ILL",
        6 => "ABRT",
        7 => "BUS",
        8 => "FPE",
        9 => "KILL",
        11 => "SEGV",
        13 => "PIPE",
        14 => "ALRM",
        15 => "TERM",
        _ => return format!("signal {number}"),
    };
    format!("signal {number} ({name})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubt_is_never_hidden() {
        for ended in [
            Exit::TimedOut { after_ms: 60_000, killed: true },
            Exit::Interrupted { killed: true },
            Exit::Lost { why: "broken pipe".into() },
            Exit::Code(1),
            Exit::Signal(9),
            Exit::TimedOut { after_ms: 60_000, killed: false },
        ] {
            assert_eq!(ended.in_doubt(), exit(&ended).contains("unknown whether"), "{ended:?}");
        }
    }
}
