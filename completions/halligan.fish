# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_halligan_global_optspecs
    string join \n journal-dir= color= v/verbose h/help V/version
end

function __fish_halligan_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_halligan_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_halligan_using_subcommand
    set -l cmd (__fish_halligan_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c halligan -n "__fish_halligan_needs_command" -l journal-dir -d 'Journal directory [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_needs_command" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_needs_command" -s v -l verbose -d 'Log what halligan does and tell every step as it happens; -vv for debug'
complete -c halligan -n "__fish_halligan_needs_command" -s h -l help -d 'Print help'
complete -c halligan -n "__fish_halligan_needs_command" -s V -l version -d 'Print version'
complete -c halligan -n "__fish_halligan_needs_command" -f -a "run" -d 'Run a runbook: preflight checks, plan, confirmation, steps'
complete -c halligan -n "__fish_halligan_needs_command" -f -a "resume" -d 'Continue a stopped or interrupted run from its journal'
complete -c halligan -n "__fish_halligan_needs_command" -f -a "rollback" -d 'Undo what a run changed, last step first; each undo is confirmed'
complete -c halligan -n "__fish_halligan_needs_command" -f -a "debts" -d 'List debts: cleanups that runs on this host still owe; --settle runs them'
complete -c halligan -n "__fish_halligan_needs_command" -f -a "status" -d 'Show what is running, what was left, and what is owed on this host'
complete -c halligan -n "__fish_halligan_needs_command" -f -a "watch" -d 'Show a running run live, from another terminal; read-only'
complete -c halligan -n "__fish_halligan_needs_command" -f -a "handover" -d 'Print one page for whoever takes a run over: state, in doubt, owed, next steps'
complete -c halligan -n "__fish_halligan_needs_command" -f -a "report" -d 'Print a run\'s timeline for the post-mortem, as Markdown or JSON'
complete -c halligan -n "__fish_halligan_needs_command" -f -a "doctor" -d 'Check whether a run could be carried out on this machine now'
complete -c halligan -n "__fish_halligan_needs_command" -f -a "rehearse" -d 'Rehearse a runbook in a simulated world; nothing real is touched'
complete -c halligan -n "__fish_halligan_needs_command" -f -a "test" -d 'Run the scenarios of runbooks and check their expectations'
complete -c halligan -n "__fish_halligan_needs_command" -f -a "scenario" -d 'Generate scenarios'
complete -c halligan -n "__fish_halligan_needs_command" -f -a "check" -d 'Check runbooks for errors without running anything'
complete -c halligan -n "__fish_halligan_needs_command" -f -a "list" -d 'List available runbooks and where they come from'
complete -c halligan -n "__fish_halligan_needs_command" -f -a "show" -d 'Describe a runbook: purpose, parameters, checks, steps'
complete -c halligan -n "__fish_halligan_needs_command" -f -a "journal" -d 'Read and verify the journal'
complete -c halligan -n "__fish_halligan_needs_command" -f -a "schema" -d 'Print the JSON Schema of runbooks, scenarios or inventories'
complete -c halligan -n "__fish_halligan_needs_command" -f -a "generate" -d 'Generate shell completions, manual pages and schemas'
complete -c halligan -n "__fish_halligan_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c halligan -n "__fish_halligan_using_subcommand run" -l set -d 'Set a parameter; separate list items with commas' -r
complete -c halligan -n "__fish_halligan_using_subcommand run" -l params -d 'YAML file of parameters; `--set` overrides it' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand run" -l inventory -d 'Inventory: hosts and how each is reached [default: `/etc/halligan/inventory.yaml`, if it exists]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand run" -l confirm -d 'Give a step the phrase that it asks for' -r
complete -c halligan -n "__fish_halligan_using_subcommand run" -l override -d 'Override a failed preflight check, or once a check of `holds`; the reason is recorded' -r
complete -c halligan -n "__fish_halligan_using_subcommand run" -l notify -d 'Program to start when a question waits, a wait stands still or the run ends; it reads what happened as JSON' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand run" -l format -d 'Output format' -r -f -a "text\t'For people: live display on a terminal, plain lines otherwise'
plain\t'One line per event, no colour, no wrapping: as in a pipe or a log'
json\t'For programs'"
complete -c halligan -n "__fish_halligan_using_subcommand run" -l expect-sha256 -d 'Refuse the runbook unless its text has this SHA-256' -r
complete -c halligan -n "__fish_halligan_using_subcommand run" -l journal-dir -d 'Journal directory [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand run" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand run" -l dry-run -d 'Execute read-only commands, held to reading, and print the others'
complete -c halligan -n "__fish_halligan_using_subcommand run" -l allow-unheld -d 'In a dry run, execute read-only commands also where they cannot be held to reading'
complete -c halligan -n "__fish_halligan_using_subcommand run" -l ask-sudo-password -d 'Ask once for the sudo password, for steps that run as another user'
complete -c halligan -n "__fish_halligan_using_subcommand run" -l step -d 'Ask before each step that changes something'
complete -c halligan -n "__fish_halligan_using_subcommand run" -s y -l yes -d 'Approve the plan and yes/no questions; never a typed confirmation'
complete -c halligan -n "__fish_halligan_using_subcommand run" -s v -l verbose -d 'Log what halligan does and tell every step as it happens; -vv for debug'
complete -c halligan -n "__fish_halligan_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c halligan -n "__fish_halligan_using_subcommand resume" -l inventory -d 'Inventory: hosts and how each is reached [default: `/etc/halligan/inventory.yaml`, if it exists]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand resume" -l adopt -d 'Go on with the journal of this host under another name or in a rescue system, when nobody uses it there any more; the name is that in its records' -r
complete -c halligan -n "__fish_halligan_using_subcommand resume" -l set -d 'Set a parameter; separate list items with commas' -r
complete -c halligan -n "__fish_halligan_using_subcommand resume" -l params -d 'YAML file of parameters; `--set` overrides it' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand resume" -l confirm -d 'Give a step the phrase that it asks for' -r
complete -c halligan -n "__fish_halligan_using_subcommand resume" -l override -d 'Override a failed preflight check, or once a check of `holds`; the reason is recorded' -r
complete -c halligan -n "__fish_halligan_using_subcommand resume" -l notify -d 'Program to start when a question waits, a wait stands still or the run ends; it reads what happened as JSON' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand resume" -l format -d 'Output format' -r -f -a "text\t'For people: live display on a terminal, plain lines otherwise'
plain\t'One line per event, no colour, no wrapping: as in a pipe or a log'
json\t'For programs'"
complete -c halligan -n "__fish_halligan_using_subcommand resume" -l accept-damaged -d 'Continue although the journal failed verification; the refusal prints the digest' -r
complete -c halligan -n "__fish_halligan_using_subcommand resume" -l journal-dir -d 'Journal directory [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand resume" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand resume" -l ask-sudo-password -d 'Ask once for the sudo password, for steps that run as another user'
complete -c halligan -n "__fish_halligan_using_subcommand resume" -l accept-copy -d 'Go on with a journal that was copied or restored, when nobody uses the original any more'
complete -c halligan -n "__fish_halligan_using_subcommand resume" -l step -d 'Ask before each step that changes something'
complete -c halligan -n "__fish_halligan_using_subcommand resume" -s y -l yes -d 'Approve the plan and yes/no questions; never a typed confirmation'
complete -c halligan -n "__fish_halligan_using_subcommand resume" -s v -l verbose -d 'Log what halligan does and tell every step as it happens; -vv for debug'
complete -c halligan -n "__fish_halligan_using_subcommand resume" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c halligan -n "__fish_halligan_using_subcommand rollback" -l inventory -d 'Inventory: hosts and how each is reached [default: `/etc/halligan/inventory.yaml`, if it exists]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand rollback" -l adopt -d 'Go on with the journal of this host under another name or in a rescue system, when nobody uses it there any more; the name is that in its records' -r
complete -c halligan -n "__fish_halligan_using_subcommand rollback" -l set -d 'Set a parameter; separate list items with commas' -r
complete -c halligan -n "__fish_halligan_using_subcommand rollback" -l params -d 'YAML file of parameters; `--set` overrides it' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand rollback" -l confirm -d 'Give a step the phrase that it asks for' -r
complete -c halligan -n "__fish_halligan_using_subcommand rollback" -l override -d 'Override a failed preflight check, or once a check of `holds`; the reason is recorded' -r
complete -c halligan -n "__fish_halligan_using_subcommand rollback" -l notify -d 'Program to start when a question waits, a wait stands still or the run ends; it reads what happened as JSON' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand rollback" -l format -d 'Output format' -r -f -a "text\t'For people: live display on a terminal, plain lines otherwise'
plain\t'One line per event, no colour, no wrapping: as in a pipe or a log'
json\t'For programs'"
complete -c halligan -n "__fish_halligan_using_subcommand rollback" -l accept-damaged -d 'Roll back although the journal failed verification; the refusal prints the digest' -r
complete -c halligan -n "__fish_halligan_using_subcommand rollback" -l journal-dir -d 'Journal directory [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand rollback" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand rollback" -l ask-sudo-password -d 'Ask once for the sudo password, for steps that run as another user'
complete -c halligan -n "__fish_halligan_using_subcommand rollback" -l accept-copy -d 'Go on with a journal that was copied or restored, when nobody uses the original any more'
complete -c halligan -n "__fish_halligan_using_subcommand rollback" -l step -d 'Ask before each step that changes something'
complete -c halligan -n "__fish_halligan_using_subcommand rollback" -s y -l yes -d 'Approve the plan and yes/no questions; never a typed confirmation'
complete -c halligan -n "__fish_halligan_using_subcommand rollback" -s v -l verbose -d 'Log what halligan does and tell every step as it happens; -vv for debug'
complete -c halligan -n "__fish_halligan_using_subcommand rollback" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c halligan -n "__fish_halligan_using_subcommand debts" -l settled-by-hand -d 'Record that a person has put back what a step owes, and how; nothing is run' -r
complete -c halligan -n "__fish_halligan_using_subcommand debts" -l inventory -d 'Inventory: hosts and how each is reached [default: `/etc/halligan/inventory.yaml`, if it exists]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand debts" -l adopt -d 'Go on with the journal of this host under another name or in a rescue system, when nobody uses it there any more; the name is that in its records' -r
complete -c halligan -n "__fish_halligan_using_subcommand debts" -l set -d 'Set a parameter; separate list items with commas' -r
complete -c halligan -n "__fish_halligan_using_subcommand debts" -l params -d 'YAML file of parameters; `--set` overrides it' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand debts" -l confirm -d 'Give a step the phrase that it asks for' -r
complete -c halligan -n "__fish_halligan_using_subcommand debts" -l override -d 'Override a failed preflight check, or once a check of `holds`; the reason is recorded' -r
complete -c halligan -n "__fish_halligan_using_subcommand debts" -l notify -d 'Program to start when a question waits, a wait stands still or the run ends; it reads what happened as JSON' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand debts" -l format -d 'Output format' -r -f -a "text\t'For people: live display on a terminal, plain lines otherwise'
plain\t'One line per event, no colour, no wrapping: as in a pipe or a log'
json\t'For programs'"
complete -c halligan -n "__fish_halligan_using_subcommand debts" -l journal-dir -d 'Journal directory [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand debts" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand debts" -l settle -d 'Run the owed cleanups; each is confirmed'
complete -c halligan -n "__fish_halligan_using_subcommand debts" -l ask-sudo-password -d 'Ask once for the sudo password, for steps that run as another user'
complete -c halligan -n "__fish_halligan_using_subcommand debts" -l accept-copy -d 'Go on with a journal that was copied or restored, when nobody uses the original any more'
complete -c halligan -n "__fish_halligan_using_subcommand debts" -l step -d 'Ask before each step that changes something'
complete -c halligan -n "__fish_halligan_using_subcommand debts" -s y -l yes -d 'Approve the plan and yes/no questions; never a typed confirmation'
complete -c halligan -n "__fish_halligan_using_subcommand debts" -s v -l verbose -d 'Log what halligan does and tell every step as it happens; -vv for debug'
complete -c halligan -n "__fish_halligan_using_subcommand debts" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c halligan -n "__fish_halligan_using_subcommand status" -l format -d 'Output format' -r -f -a "text\t'For people: live display on a terminal, plain lines otherwise'
plain\t'One line per event, no colour, no wrapping: as in a pipe or a log'
json\t'For programs'"
complete -c halligan -n "__fish_halligan_using_subcommand status" -l journal-dir -d 'Journal directory [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand status" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand status" -l json -d 'The same as --format json'
complete -c halligan -n "__fish_halligan_using_subcommand status" -s v -l verbose -d 'Log what halligan does and tell every step as it happens; -vv for debug'
complete -c halligan -n "__fish_halligan_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c halligan -n "__fish_halligan_using_subcommand watch" -l format -d 'Output format' -r -f -a "text\t'For people: live display on a terminal, plain lines otherwise'
plain\t'One line per event, no colour, no wrapping: as in a pipe or a log'
json\t'For programs'"
complete -c halligan -n "__fish_halligan_using_subcommand watch" -l journal-dir -d 'Journal directory [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand watch" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand watch" -s v -l verbose -d 'Log what halligan does and tell every step as it happens; -vv for debug'
complete -c halligan -n "__fish_halligan_using_subcommand watch" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c halligan -n "__fish_halligan_using_subcommand handover" -l format -d 'Output format' -r -f -a "text\t'For people: live display on a terminal, plain lines otherwise'
plain\t'One line per event, no colour, no wrapping: as in a pipe or a log'
json\t'For programs'"
complete -c halligan -n "__fish_halligan_using_subcommand handover" -l journal-dir -d 'Journal directory [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand handover" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand handover" -s v -l verbose -d 'Log what halligan does and tell every step as it happens; -vv for debug'
complete -c halligan -n "__fish_halligan_using_subcommand handover" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c halligan -n "__fish_halligan_using_subcommand report" -l format -d 'Output format' -r -f -a "md\t'Markdown, with fields to fill in'
json\t'For programs'"
complete -c halligan -n "__fish_halligan_using_subcommand report" -l journal-dir -d 'Journal directory [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand report" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand report" -s v -l verbose -d 'Log what halligan does and tell every step as it happens; -vv for debug'
complete -c halligan -n "__fish_halligan_using_subcommand report" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c halligan -n "__fish_halligan_using_subcommand doctor" -l format -d 'Output format' -r -f -a "text\t'For people: live display on a terminal, plain lines otherwise'
plain\t'One line per event, no colour, no wrapping: as in a pipe or a log'
json\t'For programs'"
complete -c halligan -n "__fish_halligan_using_subcommand doctor" -l journal-dir -d 'Journal directory [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand doctor" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand doctor" -s v -l verbose -d 'Log what halligan does and tell every step as it happens; -vv for debug'
complete -c halligan -n "__fish_halligan_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c halligan -n "__fish_halligan_using_subcommand rehearse" -l scenario -d 'Scenario name or path [default: all-well]' -r
complete -c halligan -n "__fish_halligan_using_subcommand rehearse" -l from-run -d 'Replay what the commands of this recorded run answered, instead of a scenario' -r
complete -c halligan -n "__fish_halligan_using_subcommand rehearse" -l fault -d 'Inject this fault, besides those of the scenario (see `halligan test --help`)' -r
complete -c halligan -n "__fish_halligan_using_subcommand rehearse" -l speed -d 'Speed of time, as a multiple of real time [default: waits take no time]' -r
complete -c halligan -n "__fish_halligan_using_subcommand rehearse" -l inventory -d 'Inventory: hosts and how each is reached [default: `/etc/halligan/inventory.yaml`, if it exists]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand rehearse" -l set -d 'Set a parameter; separate list items with commas' -r
complete -c halligan -n "__fish_halligan_using_subcommand rehearse" -l params -d 'YAML file of parameters; `--set` overrides it' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand rehearse" -l confirm -d 'Give a step the phrase that it asks for' -r
complete -c halligan -n "__fish_halligan_using_subcommand rehearse" -l override -d 'Override a failed preflight check, or once a check of `holds`; the reason is recorded' -r
complete -c halligan -n "__fish_halligan_using_subcommand rehearse" -l format -d 'Output format' -r -f -a "text\t'For people: live display on a terminal, plain lines otherwise'
plain\t'One line per event, no colour, no wrapping: as in a pipe or a log'
json\t'For programs'"
complete -c halligan -n "__fish_halligan_using_subcommand rehearse" -l journal-dir -d 'Journal directory [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand rehearse" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand rehearse" -l step -d 'Ask before each step that changes something'
complete -c halligan -n "__fish_halligan_using_subcommand rehearse" -s y -l yes -d 'Approve the plan and yes/no questions; never a typed confirmation'
complete -c halligan -n "__fish_halligan_using_subcommand rehearse" -s v -l verbose -d 'Log what halligan does and tell every step as it happens; -vv for debug'
complete -c halligan -n "__fish_halligan_using_subcommand rehearse" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c halligan -n "__fish_halligan_using_subcommand test" -l scenario -d 'Only scenarios whose name contains this text; an exact name selects one' -r
complete -c halligan -n "__fish_halligan_using_subcommand test" -l fault -d 'Inject this fault; check only what must be true in spite of faults' -r
complete -c halligan -n "__fish_halligan_using_subcommand test" -l then -d 'Answer to a failed step where the scenario gives none' -r -f -a "stop\t''
rollback\t''
retry\t''"
complete -c halligan -n "__fish_halligan_using_subcommand test" -l fault-sweep -d 'Inject each kind of fault at each step (or only at these steps), one at a time, and report which break something' -r
complete -c halligan -n "__fish_halligan_using_subcommand test" -l min -d 'Fail if coverage of a runbook is below this percentage' -r
complete -c halligan -n "__fish_halligan_using_subcommand test" -l junit -d 'Also write the results to this file, as `JUnit` XML' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand test" -l format -d 'Output format' -r -f -a "text\t'For people: live display on a terminal, plain lines otherwise'
plain\t'One line per event, no colour, no wrapping: as in a pipe or a log'
json\t'For programs'"
complete -c halligan -n "__fish_halligan_using_subcommand test" -l journal-dir -d 'Journal directory [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand test" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand test" -l leave -d 'Do not resume a run that a fault has killed'
complete -c halligan -n "__fish_halligan_using_subcommand test" -l coverage -d 'Also list what no scenario exercises'
complete -c halligan -n "__fish_halligan_using_subcommand test" -s v -l verbose -d 'Log what halligan does and tell every step as it happens; -vv for debug'
complete -c halligan -n "__fish_halligan_using_subcommand test" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c halligan -n "__fish_halligan_using_subcommand scenario; and not __fish_seen_subcommand_from new help" -l journal-dir -d 'Journal directory [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand scenario; and not __fish_seen_subcommand_from new help" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand scenario; and not __fish_seen_subcommand_from new help" -s v -l verbose -d 'Log what halligan does and tell every step as it happens; -vv for debug'
complete -c halligan -n "__fish_halligan_using_subcommand scenario; and not __fish_seen_subcommand_from new help" -s h -l help -d 'Print help'
complete -c halligan -n "__fish_halligan_using_subcommand scenario; and not __fish_seen_subcommand_from new help" -f -a "new" -d 'Generate a scenario from a recorded run'
complete -c halligan -n "__fish_halligan_using_subcommand scenario; and not __fish_seen_subcommand_from new help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c halligan -n "__fish_halligan_using_subcommand scenario; and __fish_seen_subcommand_from new" -l from-run -d 'Run id, or its first digits' -r
complete -c halligan -n "__fish_halligan_using_subcommand scenario; and __fish_seen_subcommand_from new" -l directory -d 'Directory to write to [default: scenarios/RUNBOOK beside the runbook]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand scenario; and __fish_seen_subcommand_from new" -l journal-dir -d 'Journal directory [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand scenario; and __fish_seen_subcommand_from new" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand scenario; and __fish_seen_subcommand_from new" -s v -l verbose -d 'Log what halligan does and tell every step as it happens; -vv for debug'
complete -c halligan -n "__fish_halligan_using_subcommand scenario; and __fish_seen_subcommand_from new" -s h -l help -d 'Print help'
complete -c halligan -n "__fish_halligan_using_subcommand scenario; and __fish_seen_subcommand_from help" -f -a "new" -d 'Generate a scenario from a recorded run'
complete -c halligan -n "__fish_halligan_using_subcommand scenario; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c halligan -n "__fish_halligan_using_subcommand check" -l format -d 'Output format' -r -f -a "text\t'For people: drawn on a terminal, plain text otherwise'
plain\t'As in a pipe or a log'
json\t'For programs'
sarif\t'SARIF 2.1.0, for editors and CI'"
complete -c halligan -n "__fish_halligan_using_subcommand check" -l journal-dir -d 'Journal directory [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand check" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand check" -l strict -d 'Fail on warnings too'
complete -c halligan -n "__fish_halligan_using_subcommand check" -s v -l verbose -d 'Log what halligan does and tell every step as it happens; -vv for debug'
complete -c halligan -n "__fish_halligan_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c halligan -n "__fish_halligan_using_subcommand list" -l format -d 'Output format' -r -f -a "text\t'For people: live display on a terminal, plain lines otherwise'
plain\t'One line per event, no colour, no wrapping: as in a pipe or a log'
json\t'For programs'"
complete -c halligan -n "__fish_halligan_using_subcommand list" -l journal-dir -d 'Journal directory [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand list" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand list" -s v -l verbose -d 'Log what halligan does and tell every step as it happens; -vv for debug'
complete -c halligan -n "__fish_halligan_using_subcommand list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c halligan -n "__fish_halligan_using_subcommand show" -l journal-dir -d 'Journal directory [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand show" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand show" -l source -d 'Print the source text'
complete -c halligan -n "__fish_halligan_using_subcommand show" -l expanded -d 'Print the runbook as YAML with every query in the places where it is asked'
complete -c halligan -n "__fish_halligan_using_subcommand show" -l markdown -d 'Print a page of Markdown, as `docs/runbooks` holds for those that are shipped'
complete -c halligan -n "__fish_halligan_using_subcommand show" -s v -l verbose -d 'Log what halligan does and tell every step as it happens; -vv for debug'
complete -c halligan -n "__fish_halligan_using_subcommand show" -s h -l help -d 'Print help'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and not __fish_seen_subcommand_from list show verify archive leftovers head sign export tail help" -l journal-dir -d 'Journal directory [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand journal; and not __fish_seen_subcommand_from list show verify archive leftovers head sign export tail help" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand journal; and not __fish_seen_subcommand_from list show verify archive leftovers head sign export tail help" -s v -l verbose -d 'Log what halligan does and tell every step as it happens; -vv for debug'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and not __fish_seen_subcommand_from list show verify archive leftovers head sign export tail help" -s h -l help -d 'Print help'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and not __fish_seen_subcommand_from list show verify archive leftovers head sign export tail help" -f -a "list" -d 'List the runs'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and not __fish_seen_subcommand_from list show verify archive leftovers head sign export tail help" -f -a "show" -d 'Show one run\'s timeline'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and not __fish_seen_subcommand_from list show verify archive leftovers head sign export tail help" -f -a "verify" -d 'Verify checksums, hash chain and outputs'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and not __fish_seen_subcommand_from list show verify archive leftovers head sign export tail help" -f -a "archive" -d 'Move the records of closed runs into one file for each month; `list`, `show` and `verify` go on to read them'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and not __fish_seen_subcommand_from list show verify archive leftovers head sign export tail help" -f -a "leftovers" -d 'List what killed runs have left on this machine, and remove it'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and not __fish_seen_subcommand_from list show verify archive leftovers head sign export tail help" -f -a "head" -d 'Print the head, a short text to store elsewhere'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and not __fish_seen_subcommand_from list show verify archive leftovers head sign export tail help" -f -a "sign" -d 'Sign the head with your SSH key (by ssh-keygen; agent and hardware keys work)'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and not __fish_seen_subcommand_from list show verify archive leftovers head sign export tail help" -f -a "export" -d 'Export one run to a tar file that can be verified on its own'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and not __fish_seen_subcommand_from list show verify archive leftovers head sign export tail help" -f -a "tail" -d 'Show the last records of all runs'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and not __fish_seen_subcommand_from list show verify archive leftovers head sign export tail help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from list" -l last -d 'Only the last N of the runs that are left by the other options' -r
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from list" -l since -d 'Only runs that began at this moment or later: `2h` ago, `23:00`, `2026-11-29`, `2026-11-29 02:30`' -r
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from list" -l format -d 'Output format' -r -f -a "text\t'For people: live display on a terminal, plain lines otherwise'
plain\t'One line per event, no colour, no wrapping: as in a pipe or a log'
json\t'For programs'"
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from list" -l journal-dir -d 'Journal directory [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from list" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from list" -l failed -d 'Only runs that have ended and did not complete, or that owe a cleanup'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from list" -l real -d 'Only real runs: no dry runs, no rehearsals'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Log what halligan does and tell every step as it happens; -vv for debug'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from show" -l format -d 'Output format' -r -f -a "text\t'For people: live display on a terminal, plain lines otherwise'
plain\t'One line per event, no colour, no wrapping: as in a pipe or a log'
json\t'For programs'"
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from show" -l journal-dir -d 'Journal directory [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from show" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Log what halligan does and tell every step as it happens; -vv for debug'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from verify" -l head -d 'Head that was stored elsewhere; detects truncation' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from verify" -l allowed-signers -d 'OpenSSH `allowed_signers` file; the signed heads beside the journal, or in the export, are checked. No signed head, or one signature that is wrong or missing, is an error' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from verify" -l format -d 'Output format' -r -f -a "text\t'For people: live display on a terminal, plain lines otherwise'
plain\t'One line per event, no colour, no wrapping: as in a pipe or a log'
json\t'For programs'"
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from verify" -l journal-dir -d 'Journal directory [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from verify" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from verify" -s v -l verbose -d 'Log what halligan does and tell every step as it happens; -vv for debug'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from archive" -l before -d 'Archive what is older than this (`30d`, `2026-11-29`) [default: the beginning of this month, UTC]' -r
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from archive" -l journal-dir -d 'Journal directory [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from archive" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from archive" -s v -l verbose -d 'Log what halligan does and tell every step as it happens; -vv for debug'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from archive" -s h -l help -d 'Print help'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from leftovers" -l journal-dir -d 'Journal directory [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from leftovers" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from leftovers" -l remove -d 'Remove what nobody needs; asked, and recorded in the journal'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from leftovers" -s y -l yes -d 'Remove without being asked'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from leftovers" -s v -l verbose -d 'Log what halligan does and tell every step as it happens; -vv for debug'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from leftovers" -s h -l help -d 'Print help'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from head" -l journal-dir -d 'Journal directory [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from head" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from head" -s v -l verbose -d 'Log what halligan does and tell every step as it happens; -vv for debug'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from head" -s h -l help -d 'Print help'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from sign" -s k -l key -d 'Key file; the public key if the private key is in an agent' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from sign" -l journal-dir -d 'Journal directory [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from sign" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from sign" -s v -l verbose -d 'Log what halligan does and tell every step as it happens; -vv for debug'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from sign" -s h -l help -d 'Print help'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from export" -l to -d 'Tar file to write; must not exist yet' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from export" -l journal-dir -d 'Journal directory [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from export" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from export" -l through -d 'Export the journal from the run\'s first record to its end, so that every head of now or before can be checked; the records of later runs are in it too'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from export" -s v -l verbose -d 'Log what halligan does and tell every step as it happens; -vv for debug'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from tail" -s n -l number -d 'Number of records' -r
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from tail" -l format -d 'Output format' -r -f -a "text\t'For people: live display on a terminal, plain lines otherwise'
plain\t'One line per event, no colour, no wrapping: as in a pipe or a log'
json\t'For programs'"
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from tail" -l journal-dir -d 'Journal directory [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from tail" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from tail" -s f -l follow -d 'Follow new records until Ctrl-C, to watch a run from another terminal'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from tail" -s v -l verbose -d 'Log what halligan does and tell every step as it happens; -vv for debug'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from tail" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the runs'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show one run\'s timeline'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from help" -f -a "verify" -d 'Verify checksums, hash chain and outputs'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from help" -f -a "archive" -d 'Move the records of closed runs into one file for each month; `list`, `show` and `verify` go on to read them'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from help" -f -a "leftovers" -d 'List what killed runs have left on this machine, and remove it'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from help" -f -a "head" -d 'Print the head, a short text to store elsewhere'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from help" -f -a "sign" -d 'Sign the head with your SSH key (by ssh-keygen; agent and hardware keys work)'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from help" -f -a "export" -d 'Export one run to a tar file that can be verified on its own'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from help" -f -a "tail" -d 'Show the last records of all runs'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c halligan -n "__fish_halligan_using_subcommand schema" -l journal-dir -d 'Journal directory [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand schema" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand schema" -l scenario -d 'Schema of scenarios'
complete -c halligan -n "__fish_halligan_using_subcommand schema" -l inventory -d 'Schema of inventories'
complete -c halligan -n "__fish_halligan_using_subcommand schema" -s v -l verbose -d 'Log what halligan does and tell every step as it happens; -vv for debug'
complete -c halligan -n "__fish_halligan_using_subcommand schema" -s h -l help -d 'Print help'
complete -c halligan -n "__fish_halligan_using_subcommand generate" -l journal-dir -d 'Journal directory [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand generate" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand generate" -s v -l verbose -d 'Log what halligan does and tell every step as it happens; -vv for debug'
complete -c halligan -n "__fish_halligan_using_subcommand generate" -s h -l help -d 'Print help'
complete -c halligan -n "__fish_halligan_using_subcommand help; and not __fish_seen_subcommand_from run resume rollback debts status watch handover report doctor rehearse test scenario check list show journal schema generate help" -f -a "run" -d 'Run a runbook: preflight checks, plan, confirmation, steps'
complete -c halligan -n "__fish_halligan_using_subcommand help; and not __fish_seen_subcommand_from run resume rollback debts status watch handover report doctor rehearse test scenario check list show journal schema generate help" -f -a "resume" -d 'Continue a stopped or interrupted run from its journal'
complete -c halligan -n "__fish_halligan_using_subcommand help; and not __fish_seen_subcommand_from run resume rollback debts status watch handover report doctor rehearse test scenario check list show journal schema generate help" -f -a "rollback" -d 'Undo what a run changed, last step first; each undo is confirmed'
complete -c halligan -n "__fish_halligan_using_subcommand help; and not __fish_seen_subcommand_from run resume rollback debts status watch handover report doctor rehearse test scenario check list show journal schema generate help" -f -a "debts" -d 'List debts: cleanups that runs on this host still owe; --settle runs them'
complete -c halligan -n "__fish_halligan_using_subcommand help; and not __fish_seen_subcommand_from run resume rollback debts status watch handover report doctor rehearse test scenario check list show journal schema generate help" -f -a "status" -d 'Show what is running, what was left, and what is owed on this host'
complete -c halligan -n "__fish_halligan_using_subcommand help; and not __fish_seen_subcommand_from run resume rollback debts status watch handover report doctor rehearse test scenario check list show journal schema generate help" -f -a "watch" -d 'Show a running run live, from another terminal; read-only'
complete -c halligan -n "__fish_halligan_using_subcommand help; and not __fish_seen_subcommand_from run resume rollback debts status watch handover report doctor rehearse test scenario check list show journal schema generate help" -f -a "handover" -d 'Print one page for whoever takes a run over: state, in doubt, owed, next steps'
complete -c halligan -n "__fish_halligan_using_subcommand help; and not __fish_seen_subcommand_from run resume rollback debts status watch handover report doctor rehearse test scenario check list show journal schema generate help" -f -a "report" -d 'Print a run\'s timeline for the post-mortem, as Markdown or JSON'
complete -c halligan -n "__fish_halligan_using_subcommand help; and not __fish_seen_subcommand_from run resume rollback debts status watch handover report doctor rehearse test scenario check list show journal schema generate help" -f -a "doctor" -d 'Check whether a run could be carried out on this machine now'
complete -c halligan -n "__fish_halligan_using_subcommand help; and not __fish_seen_subcommand_from run resume rollback debts status watch handover report doctor rehearse test scenario check list show journal schema generate help" -f -a "rehearse" -d 'Rehearse a runbook in a simulated world; nothing real is touched'
complete -c halligan -n "__fish_halligan_using_subcommand help; and not __fish_seen_subcommand_from run resume rollback debts status watch handover report doctor rehearse test scenario check list show journal schema generate help" -f -a "test" -d 'Run the scenarios of runbooks and check their expectations'
complete -c halligan -n "__fish_halligan_using_subcommand help; and not __fish_seen_subcommand_from run resume rollback debts status watch handover report doctor rehearse test scenario check list show journal schema generate help" -f -a "scenario" -d 'Generate scenarios'
complete -c halligan -n "__fish_halligan_using_subcommand help; and not __fish_seen_subcommand_from run resume rollback debts status watch handover report doctor rehearse test scenario check list show journal schema generate help" -f -a "check" -d 'Check runbooks for errors without running anything'
complete -c halligan -n "__fish_halligan_using_subcommand help; and not __fish_seen_subcommand_from run resume rollback debts status watch handover report doctor rehearse test scenario check list show journal schema generate help" -f -a "list" -d 'List available runbooks and where they come from'
complete -c halligan -n "__fish_halligan_using_subcommand help; and not __fish_seen_subcommand_from run resume rollback debts status watch handover report doctor rehearse test scenario check list show journal schema generate help" -f -a "show" -d 'Describe a runbook: purpose, parameters, checks, steps'
complete -c halligan -n "__fish_halligan_using_subcommand help; and not __fish_seen_subcommand_from run resume rollback debts status watch handover report doctor rehearse test scenario check list show journal schema generate help" -f -a "journal" -d 'Read and verify the journal'
complete -c halligan -n "__fish_halligan_using_subcommand help; and not __fish_seen_subcommand_from run resume rollback debts status watch handover report doctor rehearse test scenario check list show journal schema generate help" -f -a "schema" -d 'Print the JSON Schema of runbooks, scenarios or inventories'
complete -c halligan -n "__fish_halligan_using_subcommand help; and not __fish_seen_subcommand_from run resume rollback debts status watch handover report doctor rehearse test scenario check list show journal schema generate help" -f -a "generate" -d 'Generate shell completions, manual pages and schemas'
complete -c halligan -n "__fish_halligan_using_subcommand help; and not __fish_seen_subcommand_from run resume rollback debts status watch handover report doctor rehearse test scenario check list show journal schema generate help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c halligan -n "__fish_halligan_using_subcommand help; and __fish_seen_subcommand_from scenario" -f -a "new" -d 'Generate a scenario from a recorded run'
complete -c halligan -n "__fish_halligan_using_subcommand help; and __fish_seen_subcommand_from journal" -f -a "list" -d 'List the runs'
complete -c halligan -n "__fish_halligan_using_subcommand help; and __fish_seen_subcommand_from journal" -f -a "show" -d 'Show one run\'s timeline'
complete -c halligan -n "__fish_halligan_using_subcommand help; and __fish_seen_subcommand_from journal" -f -a "verify" -d 'Verify checksums, hash chain and outputs'
complete -c halligan -n "__fish_halligan_using_subcommand help; and __fish_seen_subcommand_from journal" -f -a "archive" -d 'Move the records of closed runs into one file for each month; `list`, `show` and `verify` go on to read them'
complete -c halligan -n "__fish_halligan_using_subcommand help; and __fish_seen_subcommand_from journal" -f -a "leftovers" -d 'List what killed runs have left on this machine, and remove it'
complete -c halligan -n "__fish_halligan_using_subcommand help; and __fish_seen_subcommand_from journal" -f -a "head" -d 'Print the head, a short text to store elsewhere'
complete -c halligan -n "__fish_halligan_using_subcommand help; and __fish_seen_subcommand_from journal" -f -a "sign" -d 'Sign the head with your SSH key (by ssh-keygen; agent and hardware keys work)'
complete -c halligan -n "__fish_halligan_using_subcommand help; and __fish_seen_subcommand_from journal" -f -a "export" -d 'Export one run to a tar file that can be verified on its own'
complete -c halligan -n "__fish_halligan_using_subcommand help; and __fish_seen_subcommand_from journal" -f -a "tail" -d 'Show the last records of all runs'
