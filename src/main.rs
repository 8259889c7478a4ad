//! Parses the command line and hands over.

use std::process::ExitCode;

use clap::Parser;
use halligan::{app, cli::Cli};

fn main() -> ExitCode {
    app::main(Cli::parse()).into()
}
