"""How the bucket is set: what `provision` would give it, and what would harm it.

Neither service nor worker reads any of it, so credentials that may not are no fault.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from service.findings import Examination, State, warn, wrong
from service.settings import Settings
from service.storage.aws import unless
from service.storage.checkup.bucket import NAME
from service.storage.checkup.hints import PROVISION, explaining
from service.storage.provision_bucket import CORS, LIFECYCLE, NOTIFICATION

Read = Callable[[Any, dict[str, str]], Awaitable[str]]


async def check_bucket_rules(examination: Examination, settings: Settings, s3: Any) -> None:
    """Public access, versions, lifecycle, CORS, and word of direct uploads."""
    bucket, resource = {"Bucket": settings.bucket}, f"arn:aws:s3:::{settings.bucket}"
    looks: dict[str, tuple[str, Read]] = {
        "public access": ("s3:GetBucketPublicAccessBlock", _public),
        "versioning": ("s3:GetBucketVersioning", _versioning),
        "lifecycle": ("s3:GetLifecycleConfiguration", _lifecycle),
        "cors": ("s3:GetBucketCORS", _cors),
        "direct uploads": ("s3:GetBucketNotification", _notification),
    }
    for name, (action, read) in looks.items():

        async def look(action: str = action, read: Read = read) -> str:
            with explaining(action, resource, missing=State.UNCHECKED, whose="whoever runs `doctor`"):
                return await read(s3, bucket)

        await examination.check(name, look, NAME)


async def _public(s3: Any, bucket: dict[str, str]) -> str:
    block: dict[str, bool] = {}
    async with unless("NoSuchPublicAccessBlockConfiguration"):
        block = (await s3.get_public_access_block(**bucket)).get("PublicAccessBlockConfiguration", {})
    if not (block and all(block.values())):
        warn(
            "a policy or ACL could make the bucket public",
            f"run: aws s3api put-public-access-block --bucket {bucket['Bucket']} --public-access-block-configuration "
            "BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true",
        )
    return "blocked"


async def _versioning(s3: Any, bucket: dict[str, str]) -> str:
    if (await s3.get_bucket_versioning(**bucket)).get("Status") == "Enabled":
        rules = await _rules(s3, bucket)
        if not any("NoncurrentVersionExpiration" in rule for rule in rules if rule.get("Status") == "Enabled"):
            warn(
                "versions are kept, of staged and of deleted images too, for ever",
                "add a lifecycle rule with NoncurrentVersionExpiration, or suspend it (run: aws s3api "
                f"put-bucket-versioning --bucket {bucket['Bucket']} --versioning-configuration Status=Suspended)",
            )
        return "old versions are kept for a while"
    return "off: what is deleted is gone"


async def _rules(s3: Any, bucket: dict[str, str]) -> list[dict[str, Any]]:
    async with unless("NoSuchLifecycleConfiguration"):
        return list((await s3.get_bucket_lifecycle_configuration(**bucket)).get("Rules", ()))
    return []


async def _lifecycle(s3: Any, bucket: dict[str, str]) -> str:
    rules = await _rules(s3, bucket)
    for rule in rules:
        prefix = str(rule.get("Filter", {}).get("Prefix", rule.get("Prefix", "")))
        expires = rule.get("Status") == "Enabled" and "Expiration" in rule
        if expires and ("images/".startswith(prefix) or prefix.startswith("images/")):
            wrong(
                f"rule {rule.get('ID')!r} lets images expire",
                f"give it another prefix, or remove it; to see it, run: aws s3api get-bucket-lifecycle-configuration "
                f"--bucket {bucket['Bucket']}",
            )
    missing = {rule["ID"] for rule in LIFECYCLE} - {rule.get("ID") for rule in rules}
    if missing:
        warn(f"what is left behind is not cleaned up: no rule {', '.join(sorted(missing))}", PROVISION)
    return "what is left behind under incoming/ and direct/ goes; images stay"


async def _cors(s3: Any, bucket: dict[str, str]) -> str:
    rules: list[dict[str, Any]] = []
    async with unless("NoSuchCORSConfiguration"):
        rules = (await s3.get_bucket_cors(**bucket)).get("CORSRules", [])
    allowed = {method for rule in rules for method in rule.get("AllowedMethods", ())}
    if missing := set(CORS["AllowedMethods"]) - allowed:
        warn(f"no web page may {' or '.join(sorted(missing))} with a presigned URL or form", PROVISION)
    return "web pages may use presigned URLs and forms"


async def _notification(s3: Any, bucket: dict[str, str]) -> str:
    known = await s3.get_bucket_notification_configuration(**bucket)
    queues = known.get("QueueConfigurations", ())
    if not any(one.get("Id") == NOTIFICATION["Id"] or _is_about_direct(one) for one in queues):
        warn("S3 tells no queue of direct uploads: they wait for the next sweep", PROVISION)
    return "S3 tells the queue of each"


def _is_about_direct(one: dict[str, Any]) -> bool:
    rules = one.get("Filter", {}).get("Key", {}).get("FilterRules", ())
    return any(rule.get("Name", "").lower() == "prefix" and rule.get("Value") == "direct/" for rule in rules)
