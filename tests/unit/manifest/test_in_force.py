"""A manifest holds from `not_before` to `not_after`, both ends included."""

from datetime import UTC, datetime, timedelta

import pytest

from cleanroom.errors import ManifestOutdated
from cleanroom.manifest.checks import in_force
from tests.support.manifests import NOW, good_manifest

START = datetime(2027, 1, 10, tzinfo=UTC)
END = datetime(2027, 3, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize("now", [START, NOW, END])
def test_manifest_in_force_is_returned(now):
    manifest = good_manifest()
    assert in_force(manifest, now) is manifest


def test_manifest_that_begins_later_is_refused():
    with pytest.raises(
        ManifestOutdated, match="holds from 2027-01-10T00:00:00Z, and it is 2027-01-09T23:59:59Z"
    ):
        in_force(good_manifest(), START - timedelta(seconds=1))


def test_manifest_that_has_ended_is_refused():
    with pytest.raises(ManifestOutdated, match="held until 2027-03-31T23:59:59Z") as refused:
        in_force(good_manifest(), END + timedelta(seconds=1))
    assert refused.value.code == "CR-1004"
