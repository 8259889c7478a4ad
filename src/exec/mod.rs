//! Commands as processes: started, watched, stopped, on this machine and on others; with locks, signals and the real clock.

pub(crate) mod abandoned;
pub(crate) mod alive;
#[cfg(test)]
mod alone;
mod cgroup;
mod child;
pub(crate) mod clock;
mod controlling_terminal;
pub(crate) mod core_dump;
pub(crate) mod dry;
mod family;
mod foreground;
mod held;
pub(crate) mod leftovers;
pub(crate) mod lock;
pub(crate) mod off_script;
mod output;
pub(crate) mod process;
mod program;
mod pseudo_terminal;
mod relay;
mod scarcity;
mod shell_hooks;
mod shell_marks;
pub(crate) mod signals;
#[allow(unsafe_code)]
mod spawn;
mod sudo;
mod supervise;
#[allow(unsafe_code)]
mod timekeeping;
pub(crate) mod transport;
