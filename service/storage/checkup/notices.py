"""The topic of notifications, when there is to be one."""

from service.errors import Unavailable
from service.findings import Examination, State, unchecked, warn
from service.settings import Settings
from service.storage.checkup.hints import code_of, explaining
from service.storage.checkup.identity import NAME as CREDENTIALS
from service.storage.checkup.reach import CLOCK_NAME as CLOCK
from service.storage.topic import Topic

NAME, PUBLISH = "topic", "sns publish"
INVALID = {"InvalidParameter", "InvalidParameterException", "InvalidParameterValue", "ValidationError"}
"""What SNS says of a message that it does not take: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html"""


async def check_topic(examination: Examination, settings: Settings, topic: Topic) -> None:
    """Is it there, and may these credentials publish to it? Nothing is: whoever has subscribed would get it."""
    if not topic.is_named:
        return
    arn = str(settings.topic)
    ordered = " --message-group-id test --message-deduplication-id test" if arn.endswith(".fifo") else ""

    async def look() -> str:
        with explaining("sns:GetTopicAttributes", arn, missing=State.UNCHECKED, whose="whoever runs `doctor`"):
            await topic.check()
        return f"{arn} is there"

    async def publish() -> str:
        with explaining("sns:Publish", arn, missing=State.WARNING, whose="the worker's"):
            try:
                await topic.publish_in_vain()
            except Unavailable as error:
                if code_of(error.__cause__ or error) not in INVALID:
                    raise
                # AWS nowhere says which of the two it looks at first.
                unchecked(
                    "SNS looked at the message, which it must refuse, and may not have come to the permission",
                    f"to be sure, and to be heard by all subscribers, run: aws sns publish --topic-arn {arn} "
                    f"--message test{ordered}",
                )
        warn("it takes a message that SNS must refuse, so sns:Publish is allowed", "see AWS_ENDPOINT_URL_SNS")

    needed = (CREDENTIALS, CLOCK)
    await examination.check(NAME, look, *needed, late="open the way to SNS (firewall, VPC endpoint)")
    there = not any(one.what == NAME and one.state is State.WRONG for one in examination.findings)
    await examination.check(PUBLISH, publish, *(needed if there else (NAME,)))
