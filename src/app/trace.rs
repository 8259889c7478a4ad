//! What halligan says of itself, for whoever looks for a fault in it.

use tracing_subscriber::filter::LevelFilter;

/// Sends traces to standard error: none by default, more with each `-v`.
pub(super) fn install(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    // A second subscriber in one process is refused, which leaves the first in place: nothing is lost.
    let _ = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).with_target(false).try_init();
}
