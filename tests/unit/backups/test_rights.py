"""Settings, memberships and grants: what a server lacks comes from the backup, what it has stays."""

import pytest

from tagship.backups import rights
from tagship.backups.rights import Grant, Membership, Rights, Setting
from tagship.errors import BackupError

TIMEOUT = Setting("", here=True, name="statement_timeout", value="1h")
PATH = Setting("", here=True, name="search_path", value='app, "$user"')
SECRET = Setting("shop", here=False, name="app.secret", value="it's")
LOCALLY = Setting("shop", here=True, name="work_mem", value="64MB")
MEMBER = Membership("reader", "shop", admin=False)
GRANT = Grant("reader", "CONNECT", passes=True)
BACKUP = Rights((TIMEOUT, PATH, SECRET, LOCALLY), (MEMBER,), (GRANT,), explicit=True, owner="shop")


def test_a_bare_server_gets_all_of_it() -> None:
    assert rights.missing(Rights(owner="shop"), BACKUP, ["reader"]) == BACKUP


def test_what_the_server_has_stays() -> None:
    ours = Setting("", here=True, name="statement_timeout", value="5s")
    old = Rights((ours,), (), (Grant("shop", "CREATE", passes=False),), explicit=True, owner="shop")

    lacking = rights.missing(old, BACKUP, [])

    assert lacking == Rights((PATH, SECRET, LOCALLY), (), (), explicit=False, owner="shop")


def test_commands_quote_names_and_values_and_leave_lists_as_they_are() -> None:
    assert [each.command("the shop") for each in BACKUP.settings] == [
        'ALTER DATABASE "the shop" SET "statement_timeout" TO \'1h\';',
        'ALTER DATABASE "the shop" SET "search_path" TO app, "$user";',
        'ALTER ROLE "shop" SET "app"."secret" TO \'it\'\'s\';',
        'ALTER ROLE "shop" IN DATABASE "the shop" SET "work_mem" TO \'64MB\';',
    ]
    assert GRANT.command("shop") == 'GRANT CONNECT ON DATABASE "shop" TO "reader" WITH GRANT OPTION;'
    assert MEMBER.command == 'GRANT "reader" TO "shop";'


def test_a_swap_carries_over_what_belongs_to_the_database_alone() -> None:
    assert list(rights.carried_over(BACKUP, "new")) == [
        'ALTER DATABASE "new" RESET ALL;',
        'REVOKE ALL ON DATABASE "new" FROM PUBLIC;',
        'GRANT CONNECT ON DATABASE "new" TO "reader" WITH GRANT OPTION;',
        *(each.command("new") for each in (TIMEOUT, PATH, LOCALLY)),
    ]


def test_they_are_read_as_they_were_written() -> None:
    assert rights.decode(BACKUP.encoded().read()) == BACKUP
    with pytest.raises(BackupError, match="can't be read"):
        rights.decode(b"{}")
