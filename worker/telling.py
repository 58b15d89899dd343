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


async def pay(storage: Storage, user_id: str, image_id: str) -> bool:
    """Tell, and then strike the debt that was noted before. False when it could not be: a later sweep tells."""
    if not storage.topic.is_named:
        return False
    try:
        await tell(storage, user_id, image_id)
        await storage.debts.strike(user_id, image_id)
    except ServiceError as error:
        log.error("nobody is told of the status of image %s yet; the next sweep tries it: %s", image_id, error.detail)
        return False
    return True
