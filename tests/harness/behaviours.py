"""The record of behaviours shown: a pytest plugin that reads the marker `behaviour` and writes which ids passed or failed.

A test may cite only ids that `docs/reference` defines; the record is the source of the coverage table.
"""

import json
import os
import re

import pytest

from harness import places

behaviour = pytest.mark.behaviour


def defined_ids() -> set[str]:
    """Every id of the reference."""
    pages = (places.ROOT / "docs/reference").glob("*.md")
    return {found for page in pages for found in re.findall(r"^- \*\*([A-Z]{3}-\d{3})\*\*", page.read_text(), re.MULTILINE)}


def cited_ids(item: pytest.Item) -> set[str]:
    """The ids that a test cites, also through its parameters, class or module."""
    return {str(cited) for marker in item.iter_markers("behaviour") for cited in marker.args}


def pytest_collection_modifyitems(items: list[pytest.Item]):
    """Refuses ids that nobody defined."""
    known = defined_ids()
    unknown = {f"{cited} ({item.nodeid})" for item in items for cited in cited_ids(item) - known}
    if unknown:
        raise pytest.UsageError("not in docs/reference: " + ", ".join(sorted(unknown)))


class Record:
    """Outcomes by behaviour id; an id is shown when every test that cites it passed."""

    def __init__(self):
        self.outcomes: dict[str, dict[str, list[str]]] = {}

    def add(self, ids: set[str], test: str, outcome: str):
        """Notes that a test ended so."""
        for cited in ids:
            self.outcomes.setdefault(cited, {}).setdefault(outcome, []).append(test)

    def write(self):
        """Writes the record below the target directory."""
        directory = places.TARGET / "behaviours"
        directory.mkdir(parents=True, exist_ok=True)
        name = os.environ.get("WAYSTATION_RECORD") or "python"
        (directory / f"{name}.json").write_text(json.dumps(self.outcomes, indent=1, sort_keys=True) + "\n")


_RECORD = pytest.StashKey[Record]()


def pytest_configure(config: pytest.Config):
    """Begins an empty record."""
    config.stash[_RECORD] = Record()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    """Notes the outcome of the test's own phase, and of a set-up that did not succeed."""
    report = yield
    if report.when == "call" or report.outcome != "passed":
        item.config.stash[_RECORD].add(cited_ids(item), item.nodeid, report.outcome)
    return report


def pytest_sessionfinish(session: pytest.Session):
    """Writes the record, unless only names were listed."""
    if not session.config.option.collectonly:
        session.config.stash[_RECORD].write()
