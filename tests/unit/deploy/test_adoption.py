"""What `adopt` finds of a stack that runs already, and what it would do with it."""

import yaml

from tagship.deploy.adoption import Mounted, Part, Stack, Wanted, choose, findings, overlay, steps

DATA = "/var/lib/postgresql/data"
OLD = Stack(
    "atlas",
    (
        Part("web", {"/app": Mounted("/opt/atlas", folder=True), "/media": Mounted("atlas_media")}),
        Part("db", {DATA: Mounted("atlas_pg")}, {"POSTGRES_DB": "atlas", "PG_MAJOR": "15"}),
        Part("nginx", ports=frozenset({80})),
        Part("seed", running=False),
    ),
)


def wanted(*, media: str = "atlas_media", data: str = "atlas_pg", **variables: str) -> Wanted:
    """The same application under Tagship."""
    return Wanted(
        (Part("web", {"/media": Mounted(media)}),),
        (Part("db", {DATA: Mounted(data)}, {"POSTGRES_DB": "atlas", "PG_MAJOR": "15", **variables}),),
        frozenset({80, 443}),
    )


def test_a_stack_whose_data_is_mounted_again_is_taken_over_as_it_is() -> None:
    assert list(findings(OLD, wanted(), {})) == []
    assert overlay(OLD, wanted()) == ""


def test_data_that_would_be_left_behind_is_named_with_where_it_is_and_what_would_be_mounted() -> None:
    assert list(findings(OLD, wanted(media="shop-production_media", data=""), {})) == [
        "web has its data at /media in the volume atlas_media, not the volume shop-production_media.",
        f"db has its data at {DATA} in the volume atlas_pg, not a new volume.",
    ]


def test_the_compose_file_that_keeps_the_data_mounts_the_old_volumes_at_their_places() -> None:
    written = yaml.safe_load(overlay(OLD, wanted(media="a", data="b")))

    mounts = {name: service["volumes"][0].split(":") for name, service in written["services"].items()}
    assert {name: (written["volumes"][key], where) for name, (key, where) in mounts.items()} == {
        "web": ({"name": "atlas_media", "external": True}, "/media"),
        "db": ({"name": "atlas_pg", "external": True}, DATA),
    }


def test_sources_that_were_mounted_and_volumes_without_a_name_are_no_data_of_a_release() -> None:
    old = Stack("atlas", (Part("web", {"/app": Mounted("/opt/atlas", folder=True), "/node": Mounted("a" * 64)}),))

    assert list(findings(old, Wanted((Part("web"),), (), frozenset()), {})) == []


def test_of_a_database_a_folder_and_a_volume_without_a_name_are_kept_too() -> None:
    old = Stack("atlas", (Part("db", {DATA: Mounted("a" * 64), "/conf": Mounted("/opt/conf", folder=True)}),))
    new = Wanted((), (Part("db"),), frozenset())

    assert [line.partition(",")[0] for line in findings(old, new, {})] == [
        f"db has its data at {DATA} in the volume {'a' * 64}",
        "db has its data at /conf in the server's folder /opt/conf",
    ]
    assert yaml.safe_load(overlay(old, new))["services"]["db"]["volumes"][1] == "/opt/conf:/conf"


def test_a_database_made_with_other_values_is_refused_by_their_names_alone() -> None:
    (line,) = findings(OLD, wanted(POSTGRES_DB="secret-name"), {})

    assert line == "db was made with another value of POSTGRES_DB."


def test_another_major_version_of_postgresql_is_refused() -> None:
    (line,) = findings(OLD, wanted(PG_MAJOR="17"), {})

    assert "db runs PostgreSQL 15, and its image would now be that of 17" in line


def test_a_port_that_something_else_has_is_named_before_anything_stops() -> None:
    assert list(findings(OLD, wanted(), {443: "other-proxy-1", 8080: "admin"})) == [
        "The edge needs port 443, which other-proxy-1 has, and that is no part of atlas."
    ]


def test_the_stack_with_services_of_the_same_names_is_meant_and_two_of_them_must_be_named() -> None:
    other, second = Stack("wiki", (Part("wiki"),)), Stack("atlas-old", (Part("db"),))

    assert choose([other, OLD], wanted(), "") == (OLD, "")
    assert choose([OLD, second], wanted(), "")[1].endswith("of these names: atlas, atlas-old.")
    assert choose([OLD, second], wanted(), "atlas-old")[0] == second
    assert choose([other], wanted(), "")[0] is None
    assert "there is: wiki" in choose([other], wanted(), "atlas")[1]


def test_the_plan_says_when_the_silence_begins_and_what_stops_that_nobody_described() -> None:
    plan = steps(OLD, wanted())

    assert plan[1] == "Stop nginx, web: from here on, nobody is answered (nginx: not in your Compose file)"
    assert plan[2:4] == ["Stop db", "Start db on the same data"]
    assert "seed" not in "".join(plan)
