//! What `tests/` look into: the only part of this crate beside `main` that others can name.

pub use crate::{
    app::command::generate::{files as generated_files, schemas as generated_schemas},
    cli::{Cli, Subcommands},
    exec::{process::ProcessExecutor, signals::heed_children},
    inventory::model::Inventory,
    secret::Secrets,
};

pub mod event {
    pub use crate::{
        event::{
            captured::Captured,
            command::{Shown, Words},
            fact::{Answerer, Event, Excerpt, Exit, Mode, Opening, Outcome, Part, StepOutcome, Verdict},
            holding::Holding,
            past::Past,
            place::Place,
            plan::RecordedPlan,
            run_id::RunId,
            signal::SentSignal,
            state::{Phase, RunState},
            step_state::StepState,
        },
        runbook::{document::value::Effect, reading::ReadNeeds},
    };
}

pub mod journal {
    pub use crate::digest::Digest;
    pub use crate::journal::{
        chain::{Chain, Link},
        disk::{Disk, Local},
        head::Head,
        identity::Identity,
        ladder::Ladder,
        memory::MemoryLedger,
        reader::Snapshot,
        record::{Durability, Line},
        signature::beside,
        verify::{JournalVerdict, verify},
        writer::{Journal, RunLedger},
    };
}

pub mod plan {
    pub use crate::plan::{
        Plan,
        binding::{Given, bind},
        remaining::remaining,
    };
}

pub mod ports {
    pub use crate::{
        event::choice::Choice,
        ports::{
            Answer, Ask, Beforehand, Capture, EnvValue, Executor, Ledger, LedgerError, NoAnswer, Order, Prompt, Question, Ran, Site,
            interrupts::Interrupts,
        },
    };
}

pub mod rehearse {
    pub use crate::rehearse::{rehearsal::Rehearsal, scenario::Scenario};
}

pub mod run {
    pub use crate::run::{
        ending::Ending,
        resume::{resume, roll_back, settle},
        setting::{Before, Ports, Setting},
        start::run,
    };
}

pub mod runbook {
    pub use crate::runbook::{
        diagnostic::{FaultSeverity, Report, position},
        library::{self, LibraryError},
        model::{Origin, Runbook, SourceText},
        resolve::{resolve, warnings},
    };
}
