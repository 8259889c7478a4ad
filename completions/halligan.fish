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

complete -c halligan -n "__fish_halligan_needs_command" -l journal-dir -d 'Where the journal is kept [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_needs_command" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_needs_command" -s v -l verbose -d 'Say more about what halligan itself does; twice for everything'
complete -c halligan -n "__fish_halligan_needs_command" -s h -l help -d 'Print help'
complete -c halligan -n "__fish_halligan_needs_command" -s V -l version -d 'Print version'
complete -c halligan -n "__fish_halligan_needs_command" -f -a "run" -d 'Carry out a runbook: preflight, plan, confirmation, steps'
complete -c halligan -n "__fish_halligan_needs_command" -f -a "resume" -d 'Go on with a run that was left, by what the journal says of it'
complete -c halligan -n "__fish_halligan_needs_command" -f -a "rollback" -d 'Take back what a run has done: its undos, the last first, each confirmed'
complete -c halligan -n "__fish_halligan_needs_command" -f -a "debts" -d 'List what runs of this host have set and not put back, and settle it'
complete -c halligan -n "__fish_halligan_needs_command" -f -a "rehearse" -d 'Practise a runbook on a simulated world; nothing real is touched'
complete -c halligan -n "__fish_halligan_needs_command" -f -a "test" -d 'Run the scenarios of runbooks and hold them against their expectations'
complete -c halligan -n "__fish_halligan_needs_command" -f -a "scenario" -d 'Write scenarios'
complete -c halligan -n "__fish_halligan_needs_command" -f -a "check" -d 'Look for every fault in runbooks, without running anything'
complete -c halligan -n "__fish_halligan_needs_command" -f -a "list" -d 'List the runbooks that are at hand, and where they come from'
complete -c halligan -n "__fish_halligan_needs_command" -f -a "show" -d 'Describe a runbook: what it is for, what it asks, what it does'
complete -c halligan -n "__fish_halligan_needs_command" -f -a "journal" -d 'Read and verify the journal'
complete -c halligan -n "__fish_halligan_needs_command" -f -a "schema" -d 'Print the JSON Schema of runbooks or scenarios, for editors'
complete -c halligan -n "__fish_halligan_needs_command" -f -a "generate" -d 'Write the shell completions, manual pages and schemas into a directory'
complete -c halligan -n "__fish_halligan_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c halligan -n "__fish_halligan_using_subcommand run" -l set -d 'A value for a parameter; a list is written with commas' -r
complete -c halligan -n "__fish_halligan_using_subcommand run" -l params -d 'A YAML file of parameters; `--set` goes before it' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand run" -l inventory -d 'Which hosts there are and how each is reached [default: `/etc/halligan/inventory.yaml`, if it is there]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand run" -l confirm -d 'Answer the question of a step with the phrase that it asks for' -r
complete -c halligan -n "__fish_halligan_using_subcommand run" -l override -d 'Override a blocking probe, for a reason that is journaled' -r
complete -c halligan -n "__fish_halligan_using_subcommand run" -l format -d 'How to print' -r -f -a "text\t'For a person: drawn on a terminal, plain otherwise'
plain\t'As for a pipe or a log, on a terminal too: no colour, no wrapping, one line an event'
json\t'For a program'"
complete -c halligan -n "__fish_halligan_using_subcommand run" -l expect-sha256 -d 'Refuse a runbook whose text has another SHA-256 than this' -r
complete -c halligan -n "__fish_halligan_using_subcommand run" -l journal-dir -d 'Where the journal is kept [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand run" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand run" -l dry-run -d 'Run what only reads, tell the rest, change nothing'
complete -c halligan -n "__fish_halligan_using_subcommand run" -l ask-sudo-password -d 'Ask once for the password that sudo wants where a step names a user'
complete -c halligan -n "__fish_halligan_using_subcommand run" -l step -d 'Ask before each step that does something'
complete -c halligan -n "__fish_halligan_using_subcommand run" -s y -l yes -d 'Approve the plan and plain questions; never what destroys'
complete -c halligan -n "__fish_halligan_using_subcommand run" -s v -l verbose -d 'Say more about what halligan itself does; twice for everything'
complete -c halligan -n "__fish_halligan_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c halligan -n "__fish_halligan_using_subcommand resume" -l inventory -d 'Which hosts there are and how each is reached [default: `/etc/halligan/inventory.yaml`, if it is there]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand resume" -l set -d 'A value for a parameter; a list is written with commas' -r
complete -c halligan -n "__fish_halligan_using_subcommand resume" -l params -d 'A YAML file of parameters; `--set` goes before it' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand resume" -l confirm -d 'Answer the question of a step with the phrase that it asks for' -r
complete -c halligan -n "__fish_halligan_using_subcommand resume" -l override -d 'Override a blocking probe, for a reason that is journaled' -r
complete -c halligan -n "__fish_halligan_using_subcommand resume" -l format -d 'How to print' -r -f -a "text\t'For a person: drawn on a terminal, plain otherwise'
plain\t'As for a pipe or a log, on a terminal too: no colour, no wrapping, one line an event'
json\t'For a program'"
complete -c halligan -n "__fish_halligan_using_subcommand resume" -l accept-damaged -d 'Go on by a journal that does not hold; the refusal names the digest' -r
complete -c halligan -n "__fish_halligan_using_subcommand resume" -l journal-dir -d 'Where the journal is kept [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand resume" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand resume" -l ask-sudo-password -d 'Ask once for the password that sudo wants where a step names a user'
complete -c halligan -n "__fish_halligan_using_subcommand resume" -l step -d 'Ask before each step that does something'
complete -c halligan -n "__fish_halligan_using_subcommand resume" -s y -l yes -d 'Approve the plan and plain questions; never what destroys'
complete -c halligan -n "__fish_halligan_using_subcommand resume" -s v -l verbose -d 'Say more about what halligan itself does; twice for everything'
complete -c halligan -n "__fish_halligan_using_subcommand resume" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c halligan -n "__fish_halligan_using_subcommand rollback" -l inventory -d 'Which hosts there are and how each is reached [default: `/etc/halligan/inventory.yaml`, if it is there]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand rollback" -l set -d 'A value for a parameter; a list is written with commas' -r
complete -c halligan -n "__fish_halligan_using_subcommand rollback" -l params -d 'A YAML file of parameters; `--set` goes before it' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand rollback" -l confirm -d 'Answer the question of a step with the phrase that it asks for' -r
complete -c halligan -n "__fish_halligan_using_subcommand rollback" -l override -d 'Override a blocking probe, for a reason that is journaled' -r
complete -c halligan -n "__fish_halligan_using_subcommand rollback" -l format -d 'How to print' -r -f -a "text\t'For a person: drawn on a terminal, plain otherwise'
plain\t'As for a pipe or a log, on a terminal too: no colour, no wrapping, one line an event'
json\t'For a program'"
complete -c halligan -n "__fish_halligan_using_subcommand rollback" -l accept-damaged -d 'Go by a journal that does not hold; the refusal names the digest' -r
complete -c halligan -n "__fish_halligan_using_subcommand rollback" -l journal-dir -d 'Where the journal is kept [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand rollback" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand rollback" -l ask-sudo-password -d 'Ask once for the password that sudo wants where a step names a user'
complete -c halligan -n "__fish_halligan_using_subcommand rollback" -l step -d 'Ask before each step that does something'
complete -c halligan -n "__fish_halligan_using_subcommand rollback" -s y -l yes -d 'Approve the plan and plain questions; never what destroys'
complete -c halligan -n "__fish_halligan_using_subcommand rollback" -s v -l verbose -d 'Say more about what halligan itself does; twice for everything'
complete -c halligan -n "__fish_halligan_using_subcommand rollback" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c halligan -n "__fish_halligan_using_subcommand debts" -l inventory -d 'Which hosts there are and how each is reached [default: `/etc/halligan/inventory.yaml`, if it is there]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand debts" -l set -d 'A value for a parameter; a list is written with commas' -r
complete -c halligan -n "__fish_halligan_using_subcommand debts" -l params -d 'A YAML file of parameters; `--set` goes before it' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand debts" -l confirm -d 'Answer the question of a step with the phrase that it asks for' -r
complete -c halligan -n "__fish_halligan_using_subcommand debts" -l override -d 'Override a blocking probe, for a reason that is journaled' -r
complete -c halligan -n "__fish_halligan_using_subcommand debts" -l format -d 'How to print' -r -f -a "text\t'For a person: drawn on a terminal, plain otherwise'
plain\t'As for a pipe or a log, on a terminal too: no colour, no wrapping, one line an event'
json\t'For a program'"
complete -c halligan -n "__fish_halligan_using_subcommand debts" -l journal-dir -d 'Where the journal is kept [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand debts" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand debts" -l settle -d 'Run the cleanups that are owed, each confirmed'
complete -c halligan -n "__fish_halligan_using_subcommand debts" -l ask-sudo-password -d 'Ask once for the password that sudo wants where a step names a user'
complete -c halligan -n "__fish_halligan_using_subcommand debts" -l step -d 'Ask before each step that does something'
complete -c halligan -n "__fish_halligan_using_subcommand debts" -s y -l yes -d 'Approve the plan and plain questions; never what destroys'
complete -c halligan -n "__fish_halligan_using_subcommand debts" -s v -l verbose -d 'Say more about what halligan itself does; twice for everything'
complete -c halligan -n "__fish_halligan_using_subcommand debts" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c halligan -n "__fish_halligan_using_subcommand rehearse" -l scenario -d 'The scenario\'s name, or a path to one [default: all-well]' -r
complete -c halligan -n "__fish_halligan_using_subcommand rehearse" -l from-run -d 'Instead of a scenario, what the commands of this run in the journal had answered' -r
complete -c halligan -n "__fish_halligan_using_subcommand rehearse" -l fault -d 'Let this go wrong, besides what the scenario says (see `halligan test --help`)' -r
complete -c halligan -n "__fish_halligan_using_subcommand rehearse" -l speed -d 'Let time pass so many times as fast as it really does [default: waits pass at once]' -r
complete -c halligan -n "__fish_halligan_using_subcommand rehearse" -l inventory -d 'Which hosts there are and how each is reached [default: `/etc/halligan/inventory.yaml`, if it is there]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand rehearse" -l set -d 'A value for a parameter; a list is written with commas' -r
complete -c halligan -n "__fish_halligan_using_subcommand rehearse" -l params -d 'A YAML file of parameters; `--set` goes before it' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand rehearse" -l confirm -d 'Answer the question of a step with the phrase that it asks for' -r
complete -c halligan -n "__fish_halligan_using_subcommand rehearse" -l override -d 'Override a blocking probe, for a reason that is journaled' -r
complete -c halligan -n "__fish_halligan_using_subcommand rehearse" -l format -d 'How to print' -r -f -a "text\t'For a person: drawn on a terminal, plain otherwise'
plain\t'As for a pipe or a log, on a terminal too: no colour, no wrapping, one line an event'
json\t'For a program'"
complete -c halligan -n "__fish_halligan_using_subcommand rehearse" -l journal-dir -d 'Where the journal is kept [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand rehearse" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand rehearse" -l step -d 'Ask before each step that does something'
complete -c halligan -n "__fish_halligan_using_subcommand rehearse" -s y -l yes -d 'Approve the plan and plain questions; never what destroys'
complete -c halligan -n "__fish_halligan_using_subcommand rehearse" -s v -l verbose -d 'Say more about what halligan itself does; twice for everything'
complete -c halligan -n "__fish_halligan_using_subcommand rehearse" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c halligan -n "__fish_halligan_using_subcommand test" -l scenario -d 'Only scenarios whose name contains this, or the one that is called so' -r
complete -c halligan -n "__fish_halligan_using_subcommand test" -l fault -d 'Let this go wrong, and look only at what holds all the same' -r
complete -c halligan -n "__fish_halligan_using_subcommand test" -l then -d 'What is chosen when a step has failed and the scenario does not say' -r -f -a "stop\t''
rollback\t''
retry\t''"
complete -c halligan -n "__fish_halligan_using_subcommand test" -l fault-sweep -d 'Try each kind of fault at each step (or only at these), one at a time, and tell which break something' -r
complete -c halligan -n "__fish_halligan_using_subcommand test" -l min -d 'Fail if less of a runbook is exercised, in percent' -r
complete -c halligan -n "__fish_halligan_using_subcommand test" -l junit -d 'Also write the results to a file, as `JUnit` XML' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand test" -l format -d 'How to print' -r -f -a "text\t'For a person: drawn on a terminal, plain otherwise'
plain\t'As for a pipe or a log, on a terminal too: no colour, no wrapping, one line an event'
json\t'For a program'"
complete -c halligan -n "__fish_halligan_using_subcommand test" -l journal-dir -d 'Where the journal is kept [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand test" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand test" -l leave -d 'Leave a run that a fault has ended as it is, instead of going on with it'
complete -c halligan -n "__fish_halligan_using_subcommand test" -l coverage -d 'Also tell what no scenario has exercised'
complete -c halligan -n "__fish_halligan_using_subcommand test" -s v -l verbose -d 'Say more about what halligan itself does; twice for everything'
complete -c halligan -n "__fish_halligan_using_subcommand test" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c halligan -n "__fish_halligan_using_subcommand scenario; and not __fish_seen_subcommand_from new help" -l journal-dir -d 'Where the journal is kept [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand scenario; and not __fish_seen_subcommand_from new help" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand scenario; and not __fish_seen_subcommand_from new help" -s v -l verbose -d 'Say more about what halligan itself does; twice for everything'
complete -c halligan -n "__fish_halligan_using_subcommand scenario; and not __fish_seen_subcommand_from new help" -s h -l help -d 'Print help'
complete -c halligan -n "__fish_halligan_using_subcommand scenario; and not __fish_seen_subcommand_from new help" -f -a "new" -d 'Write a scenario from a run in the journal, for a person to generalise'
complete -c halligan -n "__fish_halligan_using_subcommand scenario; and not __fish_seen_subcommand_from new help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c halligan -n "__fish_halligan_using_subcommand scenario; and __fish_seen_subcommand_from new" -l from-run -d 'The run\'s id, or the beginning of it' -r
complete -c halligan -n "__fish_halligan_using_subcommand scenario; and __fish_seen_subcommand_from new" -l directory -d 'Where to write it [default: scenarios/RUNBOOK beside the runbook]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand scenario; and __fish_seen_subcommand_from new" -l journal-dir -d 'Where the journal is kept [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand scenario; and __fish_seen_subcommand_from new" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand scenario; and __fish_seen_subcommand_from new" -s v -l verbose -d 'Say more about what halligan itself does; twice for everything'
complete -c halligan -n "__fish_halligan_using_subcommand scenario; and __fish_seen_subcommand_from new" -s h -l help -d 'Print help'
complete -c halligan -n "__fish_halligan_using_subcommand scenario; and __fish_seen_subcommand_from help" -f -a "new" -d 'Write a scenario from a run in the journal, for a person to generalise'
complete -c halligan -n "__fish_halligan_using_subcommand scenario; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c halligan -n "__fish_halligan_using_subcommand check" -l format -d 'How to print' -r -f -a "text\t'For a person: drawn on a terminal, plain otherwise'
plain\t'As for a pipe or a log, on a terminal too: no colour, no wrapping, one line an event'
json\t'For a program'"
complete -c halligan -n "__fish_halligan_using_subcommand check" -l journal-dir -d 'Where the journal is kept [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand check" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand check" -l strict -d 'Fail on warnings too'
complete -c halligan -n "__fish_halligan_using_subcommand check" -s v -l verbose -d 'Say more about what halligan itself does; twice for everything'
complete -c halligan -n "__fish_halligan_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c halligan -n "__fish_halligan_using_subcommand list" -l format -d 'How to print' -r -f -a "text\t'For a person: drawn on a terminal, plain otherwise'
plain\t'As for a pipe or a log, on a terminal too: no colour, no wrapping, one line an event'
json\t'For a program'"
complete -c halligan -n "__fish_halligan_using_subcommand list" -l journal-dir -d 'Where the journal is kept [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand list" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand list" -s v -l verbose -d 'Say more about what halligan itself does; twice for everything'
complete -c halligan -n "__fish_halligan_using_subcommand list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c halligan -n "__fish_halligan_using_subcommand show" -l journal-dir -d 'Where the journal is kept [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand show" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand show" -l source -d 'Print its text as it stands'
complete -c halligan -n "__fish_halligan_using_subcommand show" -s v -l verbose -d 'Say more about what halligan itself does; twice for everything'
complete -c halligan -n "__fish_halligan_using_subcommand show" -s h -l help -d 'Print help'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and not __fish_seen_subcommand_from list show verify head sign export tail help" -l journal-dir -d 'Where the journal is kept [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand journal; and not __fish_seen_subcommand_from list show verify head sign export tail help" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand journal; and not __fish_seen_subcommand_from list show verify head sign export tail help" -s v -l verbose -d 'Say more about what halligan itself does; twice for everything'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and not __fish_seen_subcommand_from list show verify head sign export tail help" -s h -l help -d 'Print help'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and not __fish_seen_subcommand_from list show verify head sign export tail help" -f -a "list" -d 'List the runs'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and not __fish_seen_subcommand_from list show verify head sign export tail help" -f -a "show" -d 'Tell a run as a story'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and not __fish_seen_subcommand_from list show verify head sign export tail help" -f -a "verify" -d 'Recompute everything from the bytes, and say whether it holds'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and not __fish_seen_subcommand_from list show verify head sign export tail help" -f -a "head" -d 'Print the head: a short text to keep elsewhere'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and not __fish_seen_subcommand_from list show verify head sign export tail help" -f -a "sign" -d 'Sign the head with your own SSH key, through ssh-keygen: keys in an agent and hardware keys too'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and not __fish_seen_subcommand_from list show verify head sign export tail help" -f -a "export" -d 'Write one run into one file for a ticket, which can be verified by itself'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and not __fish_seen_subcommand_from list show verify head sign export tail help" -f -a "tail" -d 'Tell the last records of all runs'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and not __fish_seen_subcommand_from list show verify head sign export tail help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from list" -l format -d 'How to print' -r -f -a "text\t'For a person: drawn on a terminal, plain otherwise'
plain\t'As for a pipe or a log, on a terminal too: no colour, no wrapping, one line an event'
json\t'For a program'"
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from list" -l journal-dir -d 'Where the journal is kept [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from list" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more about what halligan itself does; twice for everything'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from show" -l format -d 'How to print' -r -f -a "text\t'For a person: drawn on a terminal, plain otherwise'
plain\t'As for a pipe or a log, on a terminal too: no colour, no wrapping, one line an event'
json\t'For a program'"
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from show" -l journal-dir -d 'Where the journal is kept [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from show" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more about what halligan itself does; twice for everything'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from verify" -l head -d 'A head that was kept elsewhere' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from verify" -l allowed-signers -d 'Who may sign heads, in OpenSSH\'s format: signed heads beside the journal count too, and a wrong signature is a fault' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from verify" -l format -d 'How to print' -r -f -a "text\t'For a person: drawn on a terminal, plain otherwise'
plain\t'As for a pipe or a log, on a terminal too: no colour, no wrapping, one line an event'
json\t'For a program'"
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from verify" -l journal-dir -d 'Where the journal is kept [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from verify" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from verify" -s v -l verbose -d 'Say more about what halligan itself does; twice for everything'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from head" -l journal-dir -d 'Where the journal is kept [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from head" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from head" -s v -l verbose -d 'Say more about what halligan itself does; twice for everything'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from head" -s h -l help -d 'Print help'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from sign" -s k -l key -d 'The key; a public one if its private half is in an agent' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from sign" -l journal-dir -d 'Where the journal is kept [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from sign" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from sign" -s v -l verbose -d 'Say more about what halligan itself does; twice for everything'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from sign" -s h -l help -d 'Print help'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from export" -l to -d 'The tar to write; it must not be there yet' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from export" -l journal-dir -d 'Where the journal is kept [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from export" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from export" -s v -l verbose -d 'Say more about what halligan itself does; twice for everything'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from tail" -s n -l number -d 'How many' -r
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from tail" -l format -d 'How to print' -r -f -a "text\t'For a person: drawn on a terminal, plain otherwise'
plain\t'As for a pipe or a log, on a terminal too: no colour, no wrapping, one line an event'
json\t'For a program'"
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from tail" -l journal-dir -d 'Where the journal is kept [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from tail" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from tail" -s f -l follow -d 'Go on with each record that comes, until Ctrl-C: to watch a run from another terminal'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from tail" -s v -l verbose -d 'Say more about what halligan itself does; twice for everything'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from tail" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the runs'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from help" -f -a "show" -d 'Tell a run as a story'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from help" -f -a "verify" -d 'Recompute everything from the bytes, and say whether it holds'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from help" -f -a "head" -d 'Print the head: a short text to keep elsewhere'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from help" -f -a "sign" -d 'Sign the head with your own SSH key, through ssh-keygen: keys in an agent and hardware keys too'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from help" -f -a "export" -d 'Write one run into one file for a ticket, which can be verified by itself'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from help" -f -a "tail" -d 'Tell the last records of all runs'
complete -c halligan -n "__fish_halligan_using_subcommand journal; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c halligan -n "__fish_halligan_using_subcommand schema" -l journal-dir -d 'Where the journal is kept [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand schema" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand schema" -l scenario -d 'Of scenarios, not runbooks'
complete -c halligan -n "__fish_halligan_using_subcommand schema" -l inventory -d 'Of inventories, not runbooks'
complete -c halligan -n "__fish_halligan_using_subcommand schema" -s v -l verbose -d 'Say more about what halligan itself does; twice for everything'
complete -c halligan -n "__fish_halligan_using_subcommand schema" -s h -l help -d 'Print help'
complete -c halligan -n "__fish_halligan_using_subcommand generate" -l journal-dir -d 'Where the journal is kept [default: `/var/lib/halligan` as root, else `$XDG_STATE_HOME/halligan`]' -r -F
complete -c halligan -n "__fish_halligan_using_subcommand generate" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c halligan -n "__fish_halligan_using_subcommand generate" -s v -l verbose -d 'Say more about what halligan itself does; twice for everything'
complete -c halligan -n "__fish_halligan_using_subcommand generate" -s h -l help -d 'Print help'
complete -c halligan -n "__fish_halligan_using_subcommand help; and not __fish_seen_subcommand_from run resume rollback debts rehearse test scenario check list show journal schema generate help" -f -a "run" -d 'Carry out a runbook: preflight, plan, confirmation, steps'
complete -c halligan -n "__fish_halligan_using_subcommand help; and not __fish_seen_subcommand_from run resume rollback debts rehearse test scenario check list show journal schema generate help" -f -a "resume" -d 'Go on with a run that was left, by what the journal says of it'
complete -c halligan -n "__fish_halligan_using_subcommand help; and not __fish_seen_subcommand_from run resume rollback debts rehearse test scenario check list show journal schema generate help" -f -a "rollback" -d 'Take back what a run has done: its undos, the last first, each confirmed'
complete -c halligan -n "__fish_halligan_using_subcommand help; and not __fish_seen_subcommand_from run resume rollback debts rehearse test scenario check list show journal schema generate help" -f -a "debts" -d 'List what runs of this host have set and not put back, and settle it'
complete -c halligan -n "__fish_halligan_using_subcommand help; and not __fish_seen_subcommand_from run resume rollback debts rehearse test scenario check list show journal schema generate help" -f -a "rehearse" -d 'Practise a runbook on a simulated world; nothing real is touched'
complete -c halligan -n "__fish_halligan_using_subcommand help; and not __fish_seen_subcommand_from run resume rollback debts rehearse test scenario check list show journal schema generate help" -f -a "test" -d 'Run the scenarios of runbooks and hold them against their expectations'
complete -c halligan -n "__fish_halligan_using_subcommand help; and not __fish_seen_subcommand_from run resume rollback debts rehearse test scenario check list show journal schema generate help" -f -a "scenario" -d 'Write scenarios'
complete -c halligan -n "__fish_halligan_using_subcommand help; and not __fish_seen_subcommand_from run resume rollback debts rehearse test scenario check list show journal schema generate help" -f -a "check" -d 'Look for every fault in runbooks, without running anything'
complete -c halligan -n "__fish_halligan_using_subcommand help; and not __fish_seen_subcommand_from run resume rollback debts rehearse test scenario check list show journal schema generate help" -f -a "list" -d 'List the runbooks that are at hand, and where they come from'
complete -c halligan -n "__fish_halligan_using_subcommand help; and not __fish_seen_subcommand_from run resume rollback debts rehearse test scenario check list show journal schema generate help" -f -a "show" -d 'Describe a runbook: what it is for, what it asks, what it does'
complete -c halligan -n "__fish_halligan_using_subcommand help; and not __fish_seen_subcommand_from run resume rollback debts rehearse test scenario check list show journal schema generate help" -f -a "journal" -d 'Read and verify the journal'
complete -c halligan -n "__fish_halligan_using_subcommand help; and not __fish_seen_subcommand_from run resume rollback debts rehearse test scenario check list show journal schema generate help" -f -a "schema" -d 'Print the JSON Schema of runbooks or scenarios, for editors'
complete -c halligan -n "__fish_halligan_using_subcommand help; and not __fish_seen_subcommand_from run resume rollback debts rehearse test scenario check list show journal schema generate help" -f -a "generate" -d 'Write the shell completions, manual pages and schemas into a directory'
complete -c halligan -n "__fish_halligan_using_subcommand help; and not __fish_seen_subcommand_from run resume rollback debts rehearse test scenario check list show journal schema generate help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c halligan -n "__fish_halligan_using_subcommand help; and __fish_seen_subcommand_from scenario" -f -a "new" -d 'Write a scenario from a run in the journal, for a person to generalise'
complete -c halligan -n "__fish_halligan_using_subcommand help; and __fish_seen_subcommand_from journal" -f -a "list" -d 'List the runs'
complete -c halligan -n "__fish_halligan_using_subcommand help; and __fish_seen_subcommand_from journal" -f -a "show" -d 'Tell a run as a story'
complete -c halligan -n "__fish_halligan_using_subcommand help; and __fish_seen_subcommand_from journal" -f -a "verify" -d 'Recompute everything from the bytes, and say whether it holds'
complete -c halligan -n "__fish_halligan_using_subcommand help; and __fish_seen_subcommand_from journal" -f -a "head" -d 'Print the head: a short text to keep elsewhere'
complete -c halligan -n "__fish_halligan_using_subcommand help; and __fish_seen_subcommand_from journal" -f -a "sign" -d 'Sign the head with your own SSH key, through ssh-keygen: keys in an agent and hardware keys too'
complete -c halligan -n "__fish_halligan_using_subcommand help; and __fish_seen_subcommand_from journal" -f -a "export" -d 'Write one run into one file for a ticket, which can be verified by itself'
complete -c halligan -n "__fish_halligan_using_subcommand help; and __fish_seen_subcommand_from journal" -f -a "tail" -d 'Tell the last records of all runs'
