"""A control of chaostoolkit: an experiment goes on after an activity that failed, unless somebody says otherwise."""

from chaoslib.exceptions import InterruptExecution


def after_activity_control(context, state, **_):
    output = state.get("output")
    failed = state.get("status") == "failed" or (isinstance(output, dict) and output.get("status") not in (0, None))
    # What a rollback needs to undo, it undoes all the same.
    if failed and context.get("name", "").startswith("do: "):
        raise InterruptExecution(f"{context['name']} failed")
