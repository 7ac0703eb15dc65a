from typing import Any

import pytest
from kopf import AnnotationsDiffBaseStorage, Patch, ProgressStorage

from seatwarden.reconcilers.kopf_storage import NoDiffBase, NoProgress
from tests.domain.objects import pool_body

BODY: Any = pool_body(annotations={"kopf.zalando.org/last-handled-configuration": "{}"})


@pytest.fixture
def patch() -> Any:
    return Patch()


def test_no_object_was_ever_seen_before_and_all_have_the_same_essence() -> None:
    storage = NoDiffBase()

    assert storage.fetch(body=BODY) is None
    assert storage.build(body=BODY) == storage.build(body=pool_body(seats=9), extra_fields=["status"]) == {}


def test_no_essence_is_written_to_an_object(patch: Any) -> None:
    NoDiffBase().store(body=BODY, patch=patch, essence={"spec": {}})

    assert patch == {}


def test_no_progress_is_kept_nor_written_to_an_object(patch: Any) -> None:
    storage = NoProgress()
    storage.store(key=Any, record=Any, body=BODY, patch=patch)
    storage.purge(key=Any, body=BODY, patch=patch)
    storage.touch(body=BODY, patch=patch, value="now")

    assert patch == {}
    assert storage.fetch(key=Any, body=BODY) is None


def test_an_essence_goes_through_as_it_is() -> None:
    essence = {"spec": {"seats": 5}}

    assert NoProgress().clear(essence=essence) is essence


def test_kopf_takes_them_for_its_own() -> None:
    assert isinstance(NoDiffBase(), AnnotationsDiffBaseStorage)
    assert isinstance(NoProgress(), ProgressStorage)
