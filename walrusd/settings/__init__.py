"""Typed, frozen settings."""

from walrusd.settings.amounts import parse_amount
from walrusd.settings.load import load_settings, parse_settings, settings_from_document
from walrusd.settings.model import (
    DaemonSettings,
    DatasetOwnerSettings,
    KeysSettings,
    LogFormat,
    PolicySettings,
    Role,
    Settings,
    SuiSettings,
    TimingSettings,
    VerifierSettings,
    WalrusSettings,
)
from walrusd.settings.profile import (
    NetworkProfile,
    load_profile,
    render_profile,
    write_profile,
)
from walrusd.settings.render import render_settings
from walrusd.settings.secrets import read_kek, read_secret_file

__all__ = [
    "DaemonSettings",
    "DatasetOwnerSettings",
    "KeysSettings",
    "LogFormat",
    "NetworkProfile",
    "PolicySettings",
    "Role",
    "Settings",
    "SuiSettings",
    "TimingSettings",
    "VerifierSettings",
    "WalrusSettings",
    "load_profile",
    "load_settings",
    "parse_amount",
    "parse_settings",
    "read_kek",
    "read_secret_file",
    "render_profile",
    "render_settings",
    "settings_from_document",
    "write_profile",
]
