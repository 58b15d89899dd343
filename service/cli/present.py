"""What of a batch is there already, so that it does not have to be sent."""

from datetime import UTC, datetime, timedelta

from service.client import Client, Image
from service.remote.content import tags_of

KEY_HOURS = 24
"""For so long an idempotency key stands for its image."""


async def uploaded_lately(client: Client, title: str | None, tags: tuple[str, ...], pages: int) -> dict[str, Image]:
    """The images that the user has uploaded with this title and these tags while keys hold, by their SHA-256.

    :param pages: so many pages of 200 at most. With 0 one image is looked at all the same: if that cannot be done,
        nothing can.
    :raises ImagesError: the service is not there, or not for this user.
    """
    labels = ((title or "").strip() or None, tags_of(tags))
    since = datetime.now(UTC) - timedelta(hours=KEY_HOURS)
    found: dict[str, Image] = {}
    page = await client.page(limit=200 if pages else 1, since=since)
    for left in range(pages, 0, -1):
        for image in page.images:
            if image.sha256 and (image.title, image.tags) == labels:
                found.setdefault(image.sha256, image)
        if page.next_cursor is None or left == 1:
            break
        page = await client.page(page.next_cursor, limit=200, since=since)
    return found
