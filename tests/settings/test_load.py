"""A configuration file is read exactly, or refused with a name, a place and a remedy."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.refusals import refused
from walrusd.errors import ConfigError, UnknownConfigKey
from walrusd.settings import (
    LogFormat,
    Role,
    load_settings,
    parse_amount,
    parse_settings,
    render_settings,
)
from walrusd.units import format_sui

MINIMAL = """
[daemon]
data_dir = "state"
socket = "run/control.sock"
roles = ["contributor", "verifier"]

[sui]
urls = ["http://127.0.0.1:9000/", "https://sui.example/api"]
chain_id = "4c78adac"
package_id = "0x2"
market_id = "0xAB"

[walrus]
aggregators = ["http://127.0.0.1:31415"]
publishers = ["http://127.0.0.1:31416"]

[keys]
keystore = "keystore"
"""
HERE = Path("/etc/walrusd/walrusd.toml")


def parse(text: str = MINIMAL):
    return parse_settings(text, HERE)


def replaced(old: str, new: str) -> str:
    assert old in MINIMAL
    return MINIMAL.replace(old, new)


def test_a_minimal_file_gets_defaults_and_anchored_paths() -> None:
    settings = parse()
    assert settings.daemon.data_dir == Path("/etc/walrusd/state")
    assert settings.daemon.socket == Path("/etc/walrusd/run/control.sock")
    assert settings.daemon.roles == {Role.CONTRIBUTOR, Role.VERIFIER}
    assert settings.daemon.log_format is LogFormat.JSON
    assert settings.sui.urls == ("http://127.0.0.1:9000", "https://sui.example/api")
    assert settings.sui.market_id == "0x" + "ab".zfill(64)
    assert settings.sui.gas_budget == 100_000_000
    assert settings.walrus.shards == 1000
    assert settings.keys.kek_file is None
    assert settings.policy.max_stake_per_task == 0, "nothing is staked before a limit is named"


def test_every_section_can_be_given() -> None:
    address = "0x" + "12" * 32
    settings = parse(
        MINIMAL
        + f"""
        [policy]
        max_stake_per_task = "1.5 SUI"
        max_stake_per_day = 7
        allow_publishers = ["{address}"]
        allow_datasets = ["0x7"]
        max_open_tasks = 3
        [market]
        pools = ["0x8", "{address}", "0x8"]
        [verifier]
        max_stake = "10 SUI"
        rate = 5
        auto_register = true
        seats = 2
        max_top_up = "0.5 SUI"
        [dataset_owner]
        auto_approve = ["0x{"AB" * 32}"]
        [timing]
        poll_s = "0.5s"
        crank_grace_s = 0
        """
    )
    assert settings.policy.max_stake_per_task == 1_500_000_000
    assert settings.policy.max_stake_per_day == 7
    assert settings.policy.allow_publishers == {address}
    assert settings.market.pools == ("0x" + "8".zfill(64), address)
    verifier = settings.verifier
    assert verifier.auto_register
    assert verifier.auto_renew
    assert (verifier.max_stake, verifier.rate, verifier.seats) == (10_000_000_000, 5, 2)
    assert verifier.max_top_up == 500_000_000
    assert settings.dataset_owner.auto_approve == {"0x" + "ab" * 32}
    assert (settings.timing.poll_s, settings.timing.crank_grace_s) == (0.5, 0.0)


@pytest.mark.parametrize(
    ("text", "key", "hint"),
    [
        (MINIMAL + "[policy]\nmax_stake_per_taks = 1\n", "policy.max_stake_per_taks", "per_task'"),
        (MINIMAL + "[polcy]\nenabled = true\n", "[polcy]", "'policy'"),
        (replaced("[keys]", "[keys]\ncolour = 1"), "keys.colour", "known here: kek_file, keystore"),
    ],
)
def test_an_unknown_key_is_refused_with_a_guess(text: str, key: str, hint: str) -> None:
    with pytest.raises(UnknownConfigKey) as caught:
        parse(text)
    assert str(HERE) in caught.value.message
    assert key in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize("section", ["policy]\ndeny_publishers", "dataset_owner]\nauto_approve"])
@pytest.mark.parametrize("text", ["0xe954", "e954"])
def test_four_digits_are_not_filled_up_to_somebody_elses_address(section, text) -> None:
    with refused("config.invalid", text) as caught:
        parse(MINIMAL + f'[{section} = ["{text}"]')
    assert "4 of the 64 digits of an id" in caught.value.hint


@pytest.mark.parametrize("text", [
    MINIMAL + '[policy]\ndeny_publishers = ["0xe9544e"]',
    MINIMAL + '[dataset_owner]\nauto_approve = ["0xe9544e"]',
    replaced('"0xAB"', '"0xe9544e"'),
])  # fmt: skip
def test_the_beginning_of_an_id_is_refused_and_not_filled_up(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert "0xe9544e" in caught.value.message
    assert "6 of the 64 digits of an id" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "key", "expected"),
    [
        (replaced('socket = "run/control.sock"', ""), "daemon.socket", "is missing"),
        (replaced('"contributor"', '"contributer"'), "daemon.roles", "a list with some of"),
        (replaced('["contributor", "verifier"]', "[]"), "daemon.roles", "a list with some of"),
        (replaced('"http://127.0.0.1:9000/"', '"ftp://x"'), "sui.urls", "http:// or https://"),
        (replaced('"0x2"', '"0xno"'), "sui.package_id", "the id of the market's package"),
        (replaced('"4c78adac"', "5"), "sui.chain_id", "the chain identifier"),
        (replaced("[walrus]", "[walrus]\nshards = 3"), "walrus.shards", "from 4 to 65535"),
        (replaced("[walrus]", "[walrus]\nepochs = true"), "walrus.epochs", "an integer from"),
        (
            replaced("[walrus]", "[walrus]\nmax_blob_bytes = 5"),
            "walrus.max_blob_bytes",
            "from 1048",
        ),
        (replaced("[walrus]", "[walrus]\nchunk_bytes = 5000000"), "walrus.chunk_bytes", "multiple"),
        (replaced("[walrus]", "[walrus]\nchunk_bytes = 0"), "walrus.chunk_bytes", "from 1048576"),
        (
            replaced("[walrus]", "[walrus]\nchunk_bytes = 11534336"),
            "walrus.chunk_bytes",
            "max_blob_bytes",
        ),
        (MINIMAL + "[policy]\nenabled = 1", "policy.enabled", "true or false"),
        (MINIMAL + '[policy]\nmin_reward = "5"', "policy.min_reward", "an amount such as"),
        (MINIMAL + "[policy]\nmin_reward = 0.5", "policy.min_reward", "an amount such as"),
        (MINIMAL + '[policy]\nallow_publishers = "0x2"', "policy.allow_publishers", "a list"),
        (MINIMAL + "[timing]\npoll_s = 0", "timing.poll_s", "a duration from 0.01s to 1h"),
        (MINIMAL + "[timing]\npoll_s = nan", "timing.poll_s", "a duration from 0.01s to 1h"),
        (MINIMAL + '[timing]\npoll_s = "2x"', "timing.poll_s", '"90s", "15m"'),
        (MINIMAL + '[timing]\npoll_s = "2h"', "timing.poll_s", "from 0.01s to 1h"),
        (MINIMAL + "[verifier]\nauto_register = true", "verifier.max_stake", "auto_register needs"),
        (replaced('["http://127.0.0.1:31416"]', "[]"), "walrus.publishers", "a list of http"),
        (
            replaced('publishers = ["http://127.0.0.1:31416"]', ""),
            "walrus.publishers",
            "role contributor stores blobs",
        ),
    ],
)
def test_a_wrong_value_names_file_key_and_expectation(text: str, key: str, expected: str) -> None:
    if key == "walrus.publishers" and expected == "a list of http":
        expected = "walrus.publishers is empty"
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert str(HERE) in caught.value.message
    assert key in caught.value.message
    assert expected in caught.value.message
    assert caught.value.hint


def test_a_verifier_alone_needs_no_publisher() -> None:
    text = replaced('["contributor", "verifier"]', '["verifier"]')
    text = text.replace('publishers = ["http://127.0.0.1:31416"]', "")
    assert parse(text).walrus.publishers == ()


def test_chunks_fit_what_publishers_take_by_default_and_when_that_is_less() -> None:
    walrus = parse().walrus
    assert (walrus.max_blob_bytes, walrus.chunk_bytes) == (10 << 20, 8 << 20)
    small = parse(replaced("[walrus]", "[walrus]\nmax_blob_bytes = 3500000")).walrus
    assert small.chunk_bytes == 3 << 20
    large = "[walrus]\nmax_blob_bytes = 134217728\nchunk_bytes = 67108864"
    assert parse(replaced("[walrus]", large)).walrus.chunk_bytes == 64 << 20


def test_files_that_are_no_toml_or_not_there(tmp_path: Path) -> None:
    with refused("config.invalid", "such"):
        load_settings(tmp_path / "none.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("[daemon\n")
    with refused("config.invalid", "TOML"):
        load_settings(broken)
    broken.write_bytes(b"\xff\xfe")
    with refused("config.invalid", "UTF-8"):
        load_settings(broken)
    broken.write_text("daemon = 5\n")
    with refused("config.invalid", "daemon", "section"):
        load_settings(broken)


def test_rendered_settings_read_back_as_the_same() -> None:
    settings = parse(MINIMAL + '[policy]\nmax_stake_per_day = "0.000000001 SUI"\n')
    text = render_settings(settings, HERE.parent)
    assert parse(text) == settings
    assert 'keystore = "keystore"' in text
    assert (
        parse_settings(render_settings(settings), Path("/elsewhere/c.toml")).keys == settings.keys
    )


@given(st.integers(0, 2**64 - 1))
def test_every_amount_reads_back(amount: int) -> None:
    assert parse_amount(format_sui(amount)) == parse_amount(amount) == amount
    assert parse_amount(f"{amount} mist") == amount if amount < 10**12 else True


@pytest.mark.parametrize(
    "value",
    [-1, 2**64, True, 1.5, None, "", "1", "1.0000000001 SUI", "1.5 MIST", "-1 SUI", "1e3 SUI",
     "99999999999 SUI", "٣ SUI", "1.SUI", "1,5 SUI"],
)  # fmt: skip
def test_what_is_no_amount(value: object) -> None:
    with pytest.raises(ValueError, match="Mist"):
        parse_amount(value)
