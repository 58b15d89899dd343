"""Load on a running service as people make it, every answer checked: `make load`, or with Locust's web page
`.locust/bin/locust -f tests/load/locustfile.py --web-host 127.0.0.1` (it would listen on all addresses by itself).

To loopback only, unless ANYWHERE=1; at most UPLOADS uploads a process of Locust; what was uploaded is deleted at the
end, unless KEEP=1.
"""

import hashlib
import os
import uuid
from itertools import pairwise
from typing import Any

from locust import between, events, task

from tests.load.bounds import why_not
from tests.load.mix import SOUND, choose, in_pieces, refusals
from tests.load.person import IMAGES, Person, account, is_status, told

WAIT_SECONDS = 10
LAST_LOOK_SECONDS = 120.0
"""How long users may take to look for their images when the run is over."""
PAGES = 3
RANGE = 100

bad_uploads = refusals()


@events.init.add_listener
def begin(environment: Any, **_: Any) -> None:
    """Refuse at once what each user would refuse, and let users end by themselves, as they look for their images."""
    if environment.host and (reason := why_not(environment.host, os.environ)):
        raise SystemExit(reason)
    environment.stop_timeout = environment.stop_timeout or LAST_LOOK_SECONDS
    # Now, and not while the clock runs.
    assert all(sound.form and sound.sha256 for sound in SOUND)


@events.quitting.add_listener
def report(environment: Any, **_: Any) -> None:
    """Print what became of the uploads; a complaint makes the exit code 1, as a failed check does."""
    print("\nUPLOADS were made; the run ended there." if account.left < 0 else "")
    print(account)
    for complaint in account.complaints():
        print(f"FAILED: {complaint}")
        environment.process_exit_code = 1


class Visitor(Person):
    """Uploads, looks, edits, deletes, and gets things wrong."""

    wait_time = between(0, 0.5)

    @task(12)
    def upload_one(self) -> None:
        """As a form or not, with an Idempotency-Key or not."""
        sound = choose(self.chance)
        key = {"Idempotency-Key": uuid.uuid4().hex} if self.chance.random() < 0.5 else {}
        self.upload(f"upload {sound.picture}", sound, key, as_form=self.chance.random() < 0.4)

    @task(2)
    def upload_and_wait(self) -> None:
        """201 when the worker is quick, else 202."""
        self.upload(f"upload, Prefer: wait={WAIT_SECONDS}", choose(self.chance), {"Prefer": f"wait={WAIT_SECONDS}"})

    @task(1)
    def upload_again(self) -> None:
        """The same key twice, as after a time-out, is one image."""
        sound, key = choose(self.chance), {"Idempotency-Key": uuid.uuid4().hex}
        first = self.upload("upload with a key", sound, key)
        second = self.upload("upload with the same key", sound, key)
        if first and second:
            self.ask(
                "the same key, the same image",
                "GET",
                f"{IMAGES}/{second}",
                lambda answer: is_status(200)(answer) or (None if first == second else "two images"),
            )

    @task(5)
    def upload_badly(self) -> None:
        """One of what must be refused, and why."""
        bad = self.chance.choice(bad_uploads)
        self.take_one()

        def check(answer: Any) -> str | None:
            right = answer.status_code == 400 and answer.json().get("code") == bad.code
            return None if right else f"{bad.name}: {told(answer, f'400 {bad.code}')}"

        body = in_pieces(bad.body) if bad.chunked else bad.body
        self.ask(f"refuse {bad.code}", "POST", IMAGES, check, {"Content-Type": bad.content_type}, data=body)

    @task(5)
    def look(self) -> None:
        """At the status of one of one's own; it must not be lost, nor turn out bad."""
        if not self.mine:
            return

        def check(answer: Any) -> str | None:
            sound = answer.status_code == 200 and answer.json()["status"] in ("queued", "ready")
            return None if sound else told(answer, "200, queued or ready")

        answer = self.ask("look at one", "GET", f"{IMAGES}/{self.chance.choice(list(self.mine))}", check)
        if answer is not None:
            self.saw(answer)

    @task(2)
    def turn_pages(self) -> None:
        """Newest first, nobody else's, none twice."""
        cursor, before = "", "g"
        for _ in range(PAGES):

            def check(answer: Any, before: str = before) -> str | None:
                if answer.status_code != 200:
                    return told(answer, "200")
                ids = [before, *(image["image_id"] for image in answer.json()["images"])]
                if any(newer <= older for newer, older in pairwise(ids)):
                    return "not newest first"
                return None if self.mine.keys() >= set(ids[1:]) else "somebody else's images"

            answer = self.ask("list a page", "GET", f"{IMAGES}?limit=5{cursor}", check)
            if answer is None or not answer.json()["next_cursor"]:
                return
            cursor = f"&cursor={answer.json()['next_cursor']}"
            before = answer.json()["images"][-1]["image_id"]

    @task(3)
    def download(self) -> None:
        """What was uploaded, to the byte; then only a part of it, and nothing when it has not changed."""
        if not self.ready:
            return
        image_id = self.chance.choice(list(self.ready))
        path, data = f"{IMAGES}/{image_id}/content", self.mine[image_id].picture.data

        def same(answer: Any) -> str | None:
            wrong = is_status(200)(answer)
            return wrong or (None if hashlib.sha256(answer.content).hexdigest() == sha256 else "other bytes")

        def part(answer: Any) -> str | None:
            return is_status(206)(answer) or (None if answer.content == data[:RANGE] else "other bytes")

        sha256 = self.mine[image_id].sha256
        answer = self.ask("download", "GET", path, same)
        if answer is not None:
            self.ask("download a range", "GET", path, part, {"Range": f"bytes=0-{RANGE - 1}"})
            self.ask("download, not changed", "GET", path, is_status(304), {"If-None-Match": answer.headers["ETag"]})

    @task(4)
    def see_thumb(self) -> None:
        """As a gallery does."""
        if self.ready:
            image_id = self.chance.choice(list(self.ready))
            self.ask("download a thumb", "GET", f"{IMAGES}/{image_id}/content?variant=thumb", is_status(200))

    @task(1)
    def edit(self) -> None:
        """Another title, which is there from then on."""
        if self.ready:
            title = f"Photo {self.chance.randrange(1000)}"
            image_id = self.chance.choice(list(self.ready))
            self.ask(
                "edit",
                "PATCH",
                f"{IMAGES}/{image_id}",
                lambda answer: is_status(200)(answer) or (None if answer.json()["title"] == title else "another title"),
                json={"title": title},
            )

    @task(1)
    def delete(self) -> None:
        """Also what is still queued; it never comes back."""
        if self.mine:
            path = f"{IMAGES}/{(image_id := self.chance.choice(list(self.mine)))}"
            if self.ask("delete", "DELETE", path, is_status(204)) is not None:
                self.forget(image_id)
                self.ask("look at a deleted one", "GET", path, is_status(404))
