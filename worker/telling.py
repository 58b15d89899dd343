"""Other systems are told of each image's final status, when the catalog says so; see `service.storage.topic`."""

import logging

from service.errors import ServiceError
from service.images import Record
from service.storage import Storage

log = logging.getLogger(__name__)


async def tell(storage: Storage, user_id: str, image_id: str) -> None:
    """Tell what the catalog says of the image, if it says anything; nobody is told of one that is deleted.

    It is asked for that here, whoever wrote it and when: so a delivery that comes again after a crash tells what the
    one before it did not come to.

    :raises Unavailable: DynamoDB or SNS does not answer as it should.
    """
    if not storage.topic.is_named:
        return
    known = await storage.catalog.get(user_id, image_id)
    if isinstance(known, Record):
        await storage.topic.publish(known)


async def owe(storage: Storage, user_id: str, image_id: str) -> None:
    """Note that somebody has to be told, before the status is written; for who has no message that comes again.

    :raises Unavailable: DynamoDB does not answer as it should.
    """
    await storage.resends.note(user_id, _debt(image_id), 1)


async def is_owed(storage: Storage, user_id: str, image_id: str) -> bool:
    """Whether that is noted still.

    :raises Unavailable: DynamoDB does not answer as it should.
    """
    return (await storage.resends.get(user_id, _debt(image_id))).times > 0


async def pay(storage: Storage, user_id: str, image_id: str) -> bool:
    """Tell, and then note that it is done. False when it could not be: the note stays, and a later sweep tells."""
    if not storage.topic.is_named:
        return False
    try:
        await tell(storage, user_id, image_id)
        await storage.resends.note(user_id, _debt(image_id), 0)
    except ServiceError as error:
        log.error("nobody is told of the status of image %s yet; the next sweep tries it: %s", image_id, error.detail)
        return False
    return True


def _debt(image_id: str) -> str:
    return f"untold/{image_id}"
