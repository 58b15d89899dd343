"""The topic of notifications, when there is to be one."""

from service.findings import Examination, State
from service.settings import Settings
from service.storage.checkup.hints import explaining
from service.storage.checkup.identity import NAME as CREDENTIALS
from service.storage.checkup.reach import CLOCK_NAME as CLOCK
from service.storage.topic import Topic

NAME = "topic"


async def check_topic(examination: Examination, settings: Settings, topic: Topic) -> None:
    """Is it there? Nothing is published: whoever has subscribed would get it."""
    if not topic.is_named:
        return
    arn = str(settings.topic)

    async def look() -> str:
        with explaining("sns:GetTopicAttributes", arn, missing=State.UNCHECKED, whose="whoever runs `doctor`"):
            await topic.check()
        return f"{arn} is there; sns:Publish is not tried"

    await examination.check(NAME, look, CREDENTIALS, CLOCK, late="open the way to SNS (firewall, VPC endpoint)")
