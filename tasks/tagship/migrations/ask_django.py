"""Runs in the app's own image, by `manage.py shell -c`: prints what Django knows about the migrations since a release.

Django prints one line of JSON after MARK. `SINCE`, set before this text, has the last applied migration of each app at
that release, `app.0004_name`; if it is empty, only pending migrations are described. Needs Django 3.2 or later.
"""

import json

from django.db import connection, models
from django.db.migrations import operations
from django.db.migrations.exceptions import IrreversibleError
from django.db.migrations.executor import MigrationExecutor
from django.db.models.fields import NOT_PROVIDED

SINCE = globals().get("SINCE", [])
MARK = "TAGSHIP-MIGRATIONS "
HARMLESS = {
    "AddIndex", "AddIndexConcurrently", "RemoveIndex", "RemoveIndexConcurrently", "RenameIndex",
    "AlterModelOptions", "AlterModelManagers", "AlterModelTableComment",
    "CreateExtension", "CreateCollation", "RemoveConstraint",
}  # fmt: skip
"""Operations that the release before doesn't notice; also those derived from them, such as `TrigramExtension`."""


def kinds(operation):
    return {base.__name__ for base in type(operation).__mro__}


def flat(found):
    for operation in found:
        if isinstance(operation, operations.SeparateDatabaseAndState):
            yield from flat(operation.database_operations)
        else:
            yield operation


def table(state, app, model):
    found = state.models.get((app, model.lower()))
    return (found.options.get("db_table") if found else "") or f"{app}_{model.lower()}"


def column(name, field):
    return getattr(field, "db_column", None) or (f"{name}_id" if isinstance(field, models.ForeignKey) else name)


def fills_itself(field):
    """Whether an insert that doesn't know the column succeeds."""
    given = getattr(field, "db_default", NOT_PROVIDED) is not NOT_PROVIDED
    return field.null or field.many_to_many or given or getattr(field, "generated", False)


def only_widens(before, after):
    """Whether a text only becomes longer, or a field changes nothing but words for people."""
    one, other = (field.deconstruct()[1:] for field in (before, after))
    ignored = {
        "max_length",
        "verbose_name",
        "help_text",
        "choices",
        "validators",
        "error_messages",
        "blank",
        "editable",
    }
    same = [(path, list(args), {k: v for k, v in kw.items() if k not in ignored}) for path, args, kw in (one, other)]
    return same[0] == same[1] and (before.max_length or 0) <= (after.max_length or 0)


class Verdict:
    """What a migration means for the release before, and for data when it is reversed."""

    def __init__(self):
        self.unsuited, self.loses, self.destroys, self.renames = [], [], [], False

    def judge(self, operation, app, before, after):
        found, what = kinds(operation), operation.describe()
        name = getattr(operation, "name", "")
        if "CreateModel" in found:
            if operation.options.get("managed", True) and not operation.options.get("proxy"):
                self.loses.append(table(after, app, name))
        elif "AddField" in found:
            where = table(after, app, operation.model_name)
            many = operation.field.many_to_many
            self.loses.append(f"{where}_{name}" if many else f"{where}.{column(name, operation.field)}")
            if not fills_itself(operation.field):
                self.unsuited.append(f"{what}: neither null nor db_default, so inserts of the release before fail")
            elif getattr(operation.field, "unique", False) and not operation.field.null:
                self.unsuited.append(f"{what}: unique, so a second insert of the release before fails")
        elif "RemoveField" in found:
            field = before.models[app, operation.model_name.lower()].fields[name]
            self.destroys.append(f"{table(before, app, operation.model_name)}.{column(name, field)}")
            self.unsuited.append(f"{what}: the release before may still use it")
        elif "DeleteModel" in found:
            self.destroys.append(table(before, app, name))
            self.unsuited.append(f"{what}: the release before may still use it")
        elif "AlterField" in found:
            old = before.models[app, operation.model_name.lower()].fields[name]
            if not only_widens(old, operation.field):
                self.loses.append(f"{table(after, app, operation.model_name)}.{column(name, old)}, converted back")
                self.unsuited.append(f"{what}: the release before expects the column as it was")
        elif found & {"RenameField", "RenameModel", "AlterModelTable"}:
            self.renames = True
            self.unsuited.append(f"{what}: the release before uses the old name")
        elif found & {"RunPython", "RunSQL"}:
            backwards = getattr(operation, "reverse_code", None) or getattr(operation, "reverse_sql", None)
            if backwards not in {None, ""} and backwards is not operations.RunPython.noop:
                self.loses.append(f"what reversing “{what}” removes")
            self.unsuited.append(f"{what}: only you know whether the release before runs afterwards")
        elif not found & HARMLESS:
            self.unsuited.append(f"{what}: not known to suit the release before")


def sql(migration, state, backwards):
    """The statements, as sqlmigrate prints them. Raises IrreversibleError."""
    with connection.schema_editor(collect_sql=True, atomic=migration.atomic) as editor:
        (migration.unapply if backwards else migration.apply)(state.clone(), editor, collect_sql=True)
    lines = "\n".join(editor.collected_sql)
    return f"BEGIN;\n{lines}\nCOMMIT;" if migration.atomic else lines


def described(migration, state, pending):
    verdict = Verdict()
    before = state.clone()
    for operation in migration.operations:
        after = before.clone()
        operation.state_forwards(migration.app_label, after)
        for each in flat([operation]):
            verdict.judge(each, migration.app_label, before, after)
        before = after
    try:
        reverse = sql(migration, state, backwards=True)
    except IrreversibleError:
        reverse = None
    return {
        "name": f"{migration.app_label}.{migration.name}",
        "pending": pending,
        "sql": sql(migration, state, backwards=False),
        "reversible": reverse is not None,
        **vars(verdict),
    }


def main():
    executor = MigrationExecutor(connection)
    graph, applied = executor.loader.graph, executor.loader.applied_migrations
    plan = [found for found, _ in executor.migration_plan(graph.leaf_nodes(), clean_start=True)]
    since = [tuple(leaf.split(".", 1)) for leaf in SINCE]
    kept = {node for leaf in since if leaf in graph.nodes for node in graph.forwards_plan(leaf)}
    newer = {app for app, _ in (leaf for leaf in since if leaf not in graph.nodes)}
    kept |= {node for node in applied if node[0] in newer}  # this release is older, so it adds nothing to them
    found = []
    for migration in plan:
        node = migration.app_label, migration.name
        pending = node not in applied
        if pending or (since and node not in kept):
            found.append(described(migration, executor.loader.project_state(node, at_end=False), pending))
    unknown = [".".join(leaf) for leaf in since if leaf not in graph.nodes]
    print(MARK + json.dumps({"migrations": found, "unknown": unknown}))


main()
