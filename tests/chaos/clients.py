"""Clients that upload, look, edit and delete, each one thing after the other."""

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable

from tests.chaos.asking import IMAGES, Asking
from tests.chaos.ledger import Acknowledged, Ledger, Upload
from tests.chaos.specimens import Specimen, broken, none_at_all, sound
from tests.direct import FORMS, post
from tests.driver import Client

THINKING_SECONDS = 0.15
MOST_POSTS = 2


class Person:
    """One user, who does one thing after the other."""

    def __init__(self, client: Client, ledger: Ledger, seed: int) -> None:
        self._ledger = ledger
        self._dice = random.Random(seed)
        self._be(client)
        self._doings: dict[Callable[[], Awaitable[None]], int] = {
            self.upload: 30,
            self.upload_under_a_key: 25,
            self.upload_the_same_again: 8,
            self.repeat_under_the_same_key: 6,
            self.upload_directly: 12,
            self.upload_no_picture: 5,
            self.upload_and_delete_at_once: 6,
            self.delete: 6,
            self.edit: 10,
            self.look: 10,
            self.fetch: 4,
            self.be_somebody_new: 4,
        }

    async def live(self, stop: asyncio.Event) -> None:
        """Do things until `stop`, and the last one to its end."""
        while not stop.is_set():
            (doing,) = self._dice.choices(list(self._doings), list(self._doings.values()))
            await doing()
            # Not to wait for anything: people think.
            await asyncio.sleep(self._dice.uniform(0, THINKING_SECONDS))

    async def be_somebody_new(self) -> None:
        """Of whom nothing is known yet, from now on."""
        self._be(self._asking.client.as_user(f"user-{self._dice.getrandbits(64):x}"))

    def _be(self, client: Client) -> None:
        self._asking, self._user = Asking(client, self._ledger), client.user

    async def upload(self) -> None:
        """Once; who hears nothing may leave it at that."""
        await self._send(self._wanted(), patient=self._dice.random() < 0.5)

    async def upload_under_a_key(self) -> None:
        """As often as it takes."""
        await self._send(self._wanted(key=self._key()))

    async def upload_the_same_again(self) -> None:
        """Bytes that are there already, wanted once more, as an image of its own."""
        if image := self._some():
            await self._send(self._wanted(image.upload.specimen), patient=False)

    async def repeat_under_the_same_key(self) -> None:
        """A request that was answered long ago, also one whose image was deleted since."""
        if (image := self._some(deleted=True)) and image.upload.key and not image.upload.direct:
            await self._send(image.upload)

    async def upload_no_picture(self) -> None:
        """Which is refused, and nothing is kept of it."""
        upload = Upload(self._user, none_at_all(self._dice), "none")
        await self._send(upload)

    async def upload_and_delete_at_once(self) -> None:
        """While it is queued or in the worker's hands."""
        if image := await self._send(self._wanted(key=self._key())):
            await self._delete(image)

    async def delete(self) -> None:
        """Any of one's own."""
        if image := self._some():
            await self._delete(image)

    async def upload_directly(self) -> None:
        """To S3 itself, which acknowledges it; twice with the same form at times."""
        upload = self._wanted()
        upload.direct = True
        members = {"content_type": upload.specimen.content_type, "title": upload.title}
        key = {"Idempotency-Key": self._key()}
        answer = await self._asking.until_answered(self._asking.asks("POST", FORMS, json=members, headers=key))
        if not self._ledger.expect(answer, 201):
            return
        self._ledger.tried(upload)
        for _ in range(self._dice.randint(1, MOST_POSTS)):
            refused = await post(self._asking.client, answer.json, upload.specimen.data)
            if refused:
                self._ledger.wrong.append(f"S3 refused a direct upload: {refused}")
        self._ledger.uploads.add(upload)
        self._ledger.acknowledge(upload, answer.json["image_id"])

    async def edit(self) -> None:
        """Give an image another title, as often as it takes."""
        if image := self._some():
            title = f"edited {self._dice.getrandbits(32)}"
            answer = await self._asking.until_answered(self._asking.asks("PATCH", _path(image), json={"title": title}))
            if self._ledger.expect(answer, 200, 409) and answer.status == 200:
                image.title = title
                self._ledger.note(image.image_id, f"edited: {title}")

    async def look(self) -> None:
        """What was acknowledged is there from that moment on."""
        if image := self._some():
            answer = await self._asking.until_answered(self._asking.asks("GET", _path(image)))
            if self._ledger.expect(answer, 200, about=image.image_id):
                self._ledger.saw(image, answer.json["status"])

    async def fetch(self) -> None:
        """The bytes of an image that is ready are those uploaded."""
        image = self._some()
        if image and image.seen_ready:
            answer = await self._asking.until_answered(self._asking.asks("GET", f"{_path(image)}/content"))
            if self._ledger.expect(answer, 200, about=image.image_id) and answer.body != image.upload.specimen.data:
                self._ledger.wrong.append(f"other bytes: {image.image_id}")

    def _key(self) -> str:
        return uuid.UUID(int=self._dice.getrandbits(128)).hex

    def _wanted(self, specimen: Specimen | None = None, key: str | None = None) -> Upload:
        if specimen is None:
            specimen = broken(self._dice) if self._dice.random() < 0.1 else sound(self._dice)
        return Upload(self._user, specimen, f"title {self._dice.getrandbits(32)}", key)

    async def _send(self, upload: Upload, *, patient: bool = True) -> Acknowledged | None:
        """Upload it, in one of the ways; None when it was refused, or given up."""
        refused = upload.specimen.verdict == "refused"
        if not refused:
            self._ledger.uploads.add(upload)
        headers = {"Idempotency-Key": upload.key} if upload.key else {}
        if self._dice.random() < 0.2:
            headers["Prefer"] = "wait=2"
        ask = self._asking.uploads(upload, headers, as_form=self._dice.random() < 0.3)
        answer = await (self._asking.until_answered if patient else self._asking.once)(ask, upload)
        if answer is None or (refused and self._ledger.expect(answer, 400)):
            return None
        if upload.specimen.verdict == "rejected" and answer.status == 400 and "image_id" in answer.json:
            self._ledger.acknowledge(upload, answer.json["image_id"])  # who waited, or repeated, hears the verdict
        elif self._any_deleted(upload) and answer.status == 409:
            return None
        elif self._ledger.expect(answer, 201, 202, about=upload.specimen.sha256):
            self._ledger.acknowledge(upload, answer.json["image_id"])
            self._ledger.saw(self._ledger.images[answer.json["image_id"]], answer.json["status"])
        else:
            return None
        return self._ledger.images[answer.json["image_id"]]

    async def _delete(self, image: Acknowledged) -> None:
        answer = await self._asking.until_answered(self._asking.asks("DELETE", _path(image)))
        if self._ledger.expect(answer, 204):
            image.deleted = True
            self._ledger.note(image.image_id, "its deletion is acknowledged")

    def _some(self, *, deleted: bool = False) -> Acknowledged | None:
        all_mine = [one for one in self._ledger.images.values() if one.upload.user == self._user]
        mine = [one for one in all_mine if deleted or not one.deleted]
        return self._dice.choice(mine) if mine else None

    def _any_deleted(self, upload: Upload) -> bool:
        return any(self._ledger.images[image_id].deleted for image_id in upload.ids)


def _path(image: Acknowledged) -> str:
    return f"{IMAGES}/{image.image_id}"
