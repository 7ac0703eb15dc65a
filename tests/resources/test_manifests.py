"""The API server and the operator take the same manifests, understand them alike, and refuse the same ones."""

import pytest

from seatwarden.resources.invalid import InvalidResource
from tests.resources.api_server import ApiServer, Refused
from tests.resources.manifest_cases import MODELS, ManifestCase, manifest_cases

DRY_RUN_NAMESPACE = "default"
GOOD = [case for case in manifest_cases() if not case.refused]
BAD = [case for case in manifest_cases() if case.refused]


@pytest.mark.parametrize("case", GOOD, ids=str)
def test_good_manifest_means_the_same_to_both(case: ManifestCase, api_server: ApiServer) -> None:
    stored = api_server.create(case.kind, DRY_RUN_NAMESPACE, case.manifest, dryRun="All")

    model = MODELS[case.kind]
    assert model.parse(stored).spec == model.parse(case.manifest).spec


@pytest.mark.parametrize("case", BAD, ids=str)
def test_bad_manifest_is_refused_by_both_for_the_same_fields(
    case: ManifestCase, api_server: ApiServer
) -> None:
    with pytest.raises(Refused) as by_server:
        api_server.create(case.kind, DRY_RUN_NAMESPACE, case.manifest, dryRun="All")
    with pytest.raises(InvalidResource) as by_operator:
        MODELS[case.kind].parse(case.manifest)

    assert {problem.path for problem in by_operator.value.problems} == case.refused
    assert by_server.value.fields == case.refused
    assert case.says in str(by_operator.value)
    assert case.says in str(by_server.value)


def test_table_is_large_and_has_no_case_twice() -> None:
    titles = [str(case) for case in manifest_cases()]

    assert len(titles) == len(set(titles))
    assert len(GOOD) >= 30
    assert len(BAD) >= 70
