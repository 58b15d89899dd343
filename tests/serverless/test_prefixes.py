"""What stands before the paths: stages, custom domains and base paths; what an answer links to works for its client."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest

from service.settings import Settings
from service.storage import Storage
from tests.api.records import record, settle
from tests.functions import SERVICE, Function, function
from tests.pictures import TINY
from tests.serverless.events import DOMAIN, Asked, Event, function_url, http_api, load_balancer, rest_api
from tests.serverless.senders import Caller, Kind, received

PNG = TINY["image/png"].data
BASE = "/photos"


def _behind(prefix: str, make: Any) -> Any:
    """A sender whose clients' paths begin with that, and who leaves it there."""

    def event(asked: Asked, **more: Any) -> Event:
        made: Event = make(replace(asked, path=prefix + asked.path), **more)
        return made

    return event


def _kind(name: str, make: Any, prefix: str) -> Kind:
    return Kind(name, make, prefix=prefix)


PLAIN = (
    _kind("http_api", http_api, ""),
    _kind("http_api_stage", partial(http_api, stage="prod"), "/prod"),
    _kind("http_api_stage_like_the_path", partial(http_api, stage="v1"), "/v1"),
    _kind("http_api_domain", partial(http_api, domain=DOMAIN), ""),
    _kind("http_api_domain_stage", partial(http_api, domain=DOMAIN, stage="prod"), ""),
    _kind("http_api_domain_stage_like_the_path", partial(http_api, domain=DOMAIN, stage="v1"), ""),
    _kind("rest_api", rest_api, "/prod"),
    _kind("rest_api_stage_like_the_path", partial(rest_api, stage="v1"), "/v1"),
    _kind("rest_api_domain", partial(rest_api, domain=DOMAIN), ""),
    _kind("function_url", function_url, ""),
    _kind("load_balancer", load_balancer, ""),
)
MAPPED = (
    _kind("http_api", http_api, ""),
    _kind("http_api_stage", partial(http_api, stage="prod"), "/prod"),
    # https://github.com/CodeGenieApp/serverless-express/issues/465: the mapping is in no member of the event.
    _kind("http_api_domain", partial(http_api, domain=DOMAIN), BASE),
    _kind("http_api_domain_stage", partial(http_api, domain=DOMAIN, stage="prod"), BASE),
    _kind("http_api_domain_that_leaves_it", _behind(BASE, partial(http_api, domain=DOMAIN)), BASE),
    _kind("rest_api", rest_api, "/prod"),
    _kind("rest_api_domain", partial(rest_api, domain=DOMAIN, base_path=BASE), BASE),
    _kind("function_url", function_url, ""),
    _kind("function_url_behind_a_proxy", _behind(BASE, function_url), BASE),
    _kind("load_balancer", load_balancer, ""),
    _kind("load_balancer_rule", _behind(BASE, load_balancer), BASE),
)


@dataclass(frozen=True)
class Case:
    """A sender, and whether the function has a `BASE_PATH`."""

    kind: Kind
    mapped: bool

    def __str__(self) -> str:
        return f"{self.kind}{'_mapped' if self.mapped else ''}"


@pytest.fixture(scope="module")
async def mapped_container(settings: Settings) -> AsyncIterator[Function]:
    async with function(SERVICE, replace(settings, trust_user_header=True, base_path=BASE)) as made:
        yield made


CASES = [*(Case(kind, False) for kind in PLAIN), *(Case(kind, True) for kind in MAPPED)]


@pytest.fixture(params=CASES, ids=str)
def caller(request: pytest.FixtureRequest, container: Function, mapped_container: Function, user: str) -> Caller:
    """The user by each sender."""
    case: Case = request.param
    return Caller(mapped_container if case.mapped else container, case.kind, user)


@pytest.mark.parametrize("forged", [None, "X-FORWARDED-PREFIX"])
async def test_an_upload_says_where_it_is(caller: Caller, forged: str | None) -> None:
    """Whatever a client says of that itself."""
    more = {forged.replace("-", "_"): "/forged"} if forged else {}
    answer = await caller.upload(PNG, "image/png", **more)
    assert answer.status == 202, answer.body
    path = f"{caller.kind.prefix}/v1/images/{answer.json['image_id']}"
    assert (answer.headers["Location"], answer.json["links"]) == (path, {"self": path})
    assert (await caller.get(path)).status == 200


async def test_a_record_and_a_list_say_where_all_is(caller: Caller, storage: Storage) -> None:
    (image_id,) = await settle(storage, record(caller.user))
    path = f"{caller.kind.prefix}/v1/images/{image_id}"
    shown = (await caller.get(path)).json
    assert shown["links"] == {"self": path, "content": f"{path}/content"}
    assert shown["variants"]["thumb"]["url"] == f"{path}/content?variant=thumb"
    assert (await caller.get("/v1/images")).json["images"] == [shown]


async def test_a_direct_upload_says_where_its_image_will_be(caller: Caller) -> None:
    answer = await caller.ask("POST", "/v1/uploads", json={"content_type": "image/png"})
    path = f"{caller.kind.prefix}/v1/images/{answer.json['image_id']}"
    assert (answer.status, answer.headers["Location"], answer.json["links"]) == (201, path, {"self": path})


async def test_only_whole_segments_are_a_prefix(container: Function, mapped_container: Function) -> None:
    """`/production/…` is not behind the stage `prod`, nor `/photosets/…` behind the base path `/photos`."""
    staged = http_api(Asked("GET", "/healthz"), stage="prod") | {"rawPath": "/production/healthz"}
    for function_, event in (
        (container, staged),
        (mapped_container, load_balancer(Asked("GET", "/photosets/healthz"))),
        (container, load_balancer(Asked("GET", "/photos/healthz"))),
    ):
        assert received(event, await function_.invoke(event)).code == "not_found"
    event = load_balancer(Asked("GET", "/photos/healthz"))
    assert received(event, await mapped_container.invoke(event)).status == 200
