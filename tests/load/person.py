"""A user of the service in Locust: asks, checks the answers, and at the end looks for all that was acknowledged."""

import os
import random
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from locust import HttpUser
from locust.exception import StopUser

from tests.forms import FORM
from tests.load.bounds import Account, most_uploads, why_not
from tests.load.mix import Sound

IMAGES = "/v1/images"
ANSWER_SECONDS = 60

run = uuid.uuid4().hex[:8]
account = Account(most_uploads(os.environ))
"""Of all users of this process."""

Check = Callable[[Any], str | None]
"""What is wrong with an answer, in the same words for all answers of its kind; None when nothing is."""


def told(answer: Any, expected: str) -> str:
    """What came instead of what was expected."""
    try:
        code = answer.json().get("code", "")
    except (ValueError, AttributeError):
        code = ""
    return f"{answer.status_code} {code} instead of {expected}".replace("  ", " ")


def is_status(*expected: int) -> Check:
    """A check of the status only."""

    def check(answer: Any) -> str | None:
        return None if answer.status_code in expected else told(answer, " or ".join(map(str, expected)))

    return check


class Person(HttpUser):
    """One user. Cleans up at the end, unless KEEP=1."""

    abstract = True

    def on_start(self) -> None:
        """Become somebody whom no other run knows; the host may come from Locust's web page, so it is checked here."""
        if reason := why_not(self.host, os.environ):
            raise RuntimeError(reason)
        self.user = f"load-{run}-{uuid.uuid4().hex[:8]}"
        self.chance = random.Random()
        self.mine: dict[str, Sound] = {}
        self.ready: set[str] = set()

    def ask(
        self, name: str, method: str, path: str, check: Check, headers: Mapping[str, str] | None = None, **more: Any
    ) -> Any:
        """One request, in Locust's table as `name`; the answer, or None when it fails `check`, which counts there."""
        with self.client.request(
            method,
            path,
            name=name,
            headers={"X-User-Id": self.user, **(headers or {})},
            allow_redirects=False,
            catch_response=True,
            timeout=ANSWER_SECONDS,
            **more,
        ) as answer:
            wrong = check(answer) if answer.status_code else f"no answer: {type(answer.error).__name__}"
            if wrong:
                answer.failure(wrong)
                return None
            answer.success()
            return answer

    def take_one(self) -> None:
        """Count an upload that is about to be made; the last one ends the run."""
        if not account.take():
            runner = self.environment.runner
            runner.greenlet.spawn(runner.quit)
            raise StopUser

    def upload(
        self, name: str, sound: Sound, headers: Mapping[str, str] | None = None, *, as_form: bool = False
    ) -> str | None:
        """Upload a sound picture, as the body or as a form; its id when it was acknowledged."""
        self.take_one()
        picture = sound.picture
        content_type, body = (FORM, sound.form) if as_form else (picture.content_type, picture.data)

        def check(answer: Any) -> str | None:
            if answer.status_code not in (201, 202):
                return told(answer, "202")
            return None if answer.json()["sha256"] == sound.sha256 else "a receipt of other bytes"

        answer = self.ask(name, "POST", IMAGES, check, {"Content-Type": content_type, **(headers or {})}, data=body)
        if answer is None:
            return None
        image_id = str(answer.json()["image_id"])
        account.acknowledged += image_id not in self.mine
        self.mine[image_id] = sound
        self.saw(answer)
        return image_id

    def saw(self, answer: Any) -> str:
        """Remember and return the status in a receipt or record."""
        status, image_id = str(answer.json()["status"]), str(answer.json()["image_id"])
        if status == "ready":
            self.ready.add(image_id)
            account.any_ready = True
        return status

    def forget(self, image_id: str) -> None:
        """Take an image that was deleted off the account."""
        del self.mine[image_id]
        self.ready.discard(image_id)
        account.deleted += 1

    def on_stop(self) -> None:
        """Look for everything that was acknowledged; and then remove it."""
        for image_id in getattr(self, "mine", {}):
            answer = self.ask("at the end: look", "GET", f"{IMAGES}/{image_id}", is_status(200, 404))
            if answer is not None:
                account.found["lost" if answer.status_code == 404 else self.saw(answer)] += 1
            if os.environ.get("KEEP") != "1":
                self.ask("at the end: delete", "DELETE", f"{IMAGES}/{image_id}", is_status(204))
