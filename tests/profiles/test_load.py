from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edge_sdk.errors import InputError
from edge_sdk.profiles import list_profiles, load_profile, profiles_folder, read_profile, read_profiles

GOOD = Path(__file__).parents[1] / "cases" / "profiles" / "good.toml"
SHIPPED = list_profiles()


def test_the_shipped_profiles_are_those_of_the_repository():
    assert profiles_folder() == Path(__file__).parents[2] / "device_profiles"
    assert [profile.name for profile in SHIPPED] == sorted(path.stem for path in profiles_folder().iterdir())


@pytest.mark.parametrize("profile", SHIPPED, ids=lambda profile: profile.name)
def test_a_shipped_profile_says_where_its_figures_come_from(profile):
    assert len(profile.sources) >= 2
    assert all(source.where.startswith("https://") and source.says for source in profile.sources)


@pytest.mark.parametrize("profile", SHIPPED, ids=lambda profile: profile.name)
def test_a_board_has_room_for_two_models_and_its_system(profile):
    assert 2 * profile.budget.memory_bytes <= profile.memory_bytes * 3 // 4


@pytest.mark.parametrize("profile", SHIPPED, ids=lambda profile: profile.name)
def test_the_notes_tell_where_edge_sdk_itself_cannot_run(profile):
    runs = tuple(map(int, profile.system.python.split("."))) >= (3, 10)
    assert runs != any("edge-sdk itself needs Python 3.10" in note for note in profile.notes)


@pytest.mark.parametrize("profile", [p for p in SHIPPED if p.system.tensorrt], ids=lambda profile: profile.name)
def test_tensorrt_is_told_what_the_families_need_in_words_it_takes(profile):
    tensorrt, *rest = profile.providers
    assert [provider.name for provider in rest] == ["CUDAExecutionProvider", "CPUExecutionProvider"]
    switches = {key: value for key, value in tensorrt.options.items() if key.endswith("_enable")}
    assert set(switches.values()) == {"True"}
    assert ("trt_int8_enable" in switches) == ("tensorrt-int8" in profile.families)
    assert not Path(tensorrt.options["trt_engine_cache_path"]).is_absolute()
    assert int(tensorrt.options["trt_max_workspace_size"]) <= profile.memory_bytes // 8


def test_no_two_shipped_profiles_share_a_mark():
    marks = [
        mark
        for profile in SHIPPED
        for mark in (
            *profile.detection.device_tree,
            *profile.detection.jetson_modules,
            *profile.detection.model_contains,
        )
    ]
    assert len(marks) == len(set(marks))


@pytest.mark.parametrize("profile", SHIPPED, ids=lambda profile: profile.name)
def test_a_board_is_found_by_its_name_and_by_each_alias(profile):
    assert all(load_profile(name) == profile for name in (profile.name, *profile.aliases))


def test_an_unknown_board_is_answered_with_the_nearest():
    with pytest.raises(InputError) as caught:
        load_profile("raspbery-pi-5")
    assert str(caught.value) == (
        "profile: expected a known board or a .toml file, got 'raspbery-pi-5'; did you mean 'raspberry-pi-5'?"
    )
    assert caught.value.hint == "edge-sdk profiles list shows all boards"


def test_a_profile_is_read_from_a_path(tmp_path, monkeypatch):
    shutil.copy(GOOD, tmp_path / "mine.toml")
    monkeypatch.chdir(tmp_path)
    assert load_profile("mine.toml").name == load_profile("./mine.toml").name == "acme-vision-1"


def test_a_folder_of_ones_own_adds_to_the_shipped_profiles(tmp_path):
    shutil.copy(GOOD, tmp_path)
    assert [profile.name for profile in list_profiles(tmp_path)] == [*(p.name for p in SHIPPED), "acme-vision-1"]
    assert load_profile("acme-vision-1", tmp_path).title == "ACME Vision 1"
    assert load_profile("raspberry-pi-400", tmp_path).name == "raspberry-pi-4b"


def test_a_name_that_means_two_boards_is_refused(tmp_path):
    (tmp_path / "mine.toml").write_text(GOOD.read_text().replace("acme-vision-1", "raspberry-pi-400"))
    with pytest.raises(InputError) as caught:
        load_profile("arm64", tmp_path)
    assert (
        str(caught.value) == f"{tmp_path}: expected unique names, got 'raspberry-pi-400' in raspberry-pi-4b "
        "and raspberry-pi-400"
    )


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(InputError) as caught:
        read_profiles(tmp_path)
    assert str(caught.value) == f"{tmp_path}: expected device profiles (*.toml), got none"


def test_the_mistakes_of_all_files_are_told(tmp_path):
    text = GOOD.read_text()
    (tmp_path / "a.toml").write_text(text.replace("cores = 6", "cores = true"))
    (tmp_path / "b.toml").write_text(text)
    (tmp_path / "c.toml").write_text(text.replace("intra_op = 5", "intra_op = 9"))
    with pytest.raises(InputError) as caught:
        read_profiles(tmp_path)
    assert str(caught.value).splitlines() == [
        f"{tmp_path}/a.toml: cpu.cores: expected a whole number, got True",
        f"{tmp_path}/c.toml: threads.intra_op: expected 0 to 6 (cpu.cores), got 9",
    ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"name = ", "expected TOML, got Invalid value"),
        (b"\xff", "expected TOML, got 'utf-8' codec can't decode byte 0xff"),
        (b"#" * 65537, "expected at most 65536 bytes, got more"),
    ],
)
def test_a_file_that_is_no_profile_is_refused(tmp_path, content, told):
    path = tmp_path / "board.toml"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_profile(path)
    assert str(caught.value).startswith(f"{path}: {told}")
