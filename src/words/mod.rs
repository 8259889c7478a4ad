//! The facts of a run in words: the same on a terminal, in a log and in a report. One file has the one table of each kind of fact.

mod answer;
mod choice;
mod command;
mod ending;
mod exit;
mod finding;
mod holding;
mod list;
pub(crate) mod mark;
mod mode;
pub(crate) mod moment;
mod outcome;
mod part;
pub(crate) mod quote;
mod record;
pub(crate) mod sanitise;
mod step;
mod surroundings;
mod system;
mod timeline;

pub(crate) use answer::{answerer, interruption, settled_by_hand, stopping};
pub(crate) use choice::{CHECK_AGAIN, choice, choice_key, choice_meaning, would_take_back};
pub(crate) use command::{brief, command, place_of, script};
pub(crate) use ending::{CRASHED, afterwards, counted, ending, left, outcome, remains, settled};
pub(crate) use exit::exit;
pub(crate) use finding::{check_name, failed_check, finding, left_unjudged, not_judged, spoken_for};
pub(crate) use holding::{holding, passed_over, talking, unheld};
pub(crate) use list::{batches, list, value};
pub(crate) use mode::{mode, mode_name, run_of, window};
pub(crate) use outcome::{step_outcome, verdict};
pub(crate) use part::{part, part_began, part_of, part_outcome, take_back};
pub(crate) use record::{archived, incomplete, kept, not_text, removed, torn};
pub(crate) use step::{aloud, effect, item, kind, not_held, prediction, skip, title};
pub(crate) use surroundings::{differences, passed_differently, passed_on, variables};
pub(crate) use system::{not_asked_which_system, on_system, other_system, system_answer};
pub(crate) use timeline::timeline;
