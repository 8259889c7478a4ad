//! What there is to do with scenarios.

use std::path::PathBuf;

use clap::Subcommand;

#[derive(Debug, Clone, PartialEq, Subcommand)]
pub enum ScenarioCommand {
    /// Generate a scenario from a recorded run
    New {
        /// Scenario name: the file name without .yaml, in kebab-case
        name: String,
        /// Run id, or its first digits
        #[arg(long, value_name = "RUN")]
        from_run: String,
        /// Directory to write to [default: scenarios/RUNBOOK beside the runbook]
        #[arg(long, value_name = "DIR")]
        directory: Option<PathBuf>,
    },
}
