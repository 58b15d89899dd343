"""The template and the zips that users deploy, deployed to a local AWS that runs the functions."""

import asyncio
import json
import platform
import sys
import tempfile
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aioboto3
from botocore.exceptions import WaiterError

from tests import local_aws

ZIPS = ("service", "worker")
SERVICES = "apigateway,cloudformation,cloudwatch,dynamodb,events,iam,lambda,logs,s3,sns,sqs,sts"
REGION = "us-east-1"
STACK = "images"
ARTIFACTS = "artifacts"
DEPLOY = {"Delay": 1, "MaxAttempts": 180}


@dataclass(frozen=True)
class Deployment:
    """A deployed stack."""

    endpoint: str
    outputs: Mapping[str, str]

    @property
    def url(self) -> str:
        """The API, under a path of the local AWS: its own name is one that no DNS knows."""
        host = self.outputs["ApiUrl"].partition("://")[2]
        return f"{self.endpoint}/_aws/execute-api/{host.partition('.')[0]}"

    @asynccontextmanager
    async def client(self, service: str) -> AsyncIterator[Any]:
        """A client of any of AWS's services."""
        async with _client(self.endpoint, service) as made:
            yield made

    @asynccontextmanager
    async def without(self, actions: Collection[str]) -> AsyncIterator[None]:
        """Take actions from the service's role while the context lasts."""
        async with self.client("lambda") as functions, self.client("iam") as iam:
            config = await functions.get_function_configuration(FunctionName=self.outputs["ServiceFunctionName"])
            policy = {"RoleName": config["Role"].rpartition("/")[2], "PolicyName": "less"}
            denied = {"Effect": "Deny", "Action": list(actions), "Resource": "*"}
            document = json.dumps({"Version": "2012-10-17", "Statement": [denied]})
            await iam.put_role_policy(**policy, PolicyDocument=document)
            try:
                yield
            finally:
                await iam.delete_role_policy(**policy)

    async def logs(self, function: str) -> list[str]:
        """What `ServiceFunction` or `WorkerFunction` has logged so far, oldest first."""
        name = self.outputs[f"{function}Name"]
        async with self.client("lambda") as functions, self.client("logs") as logs:
            config = await functions.get_function_configuration(FunctionName=name)
            found = await logs.filter_log_events(logGroupName=config["LoggingConfig"]["LogGroup"])
        return [event["message"] for event in found["events"]]


async def packaged(folder: Path) -> Path:
    """The zips, made as `make package` makes them, but for this interpreter: the local AWS runs functions with it."""
    command = [sys.executable, str(local_aws.ROOT / "deploy/package.py"), "--native", "--out", str(folder)]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return folder


@asynccontextmanager
async def deployed(folder: Path, zips: Path, *, enforce: bool = True, **parameters: str) -> AsyncIterator[Deployment]:
    """A local AWS with the stack in it, until the context is left; its log is `log` in `folder`.

    With `enforce`, the functions may do only what the template's roles allow.

    :raises AssertionError: the stack was not created; says which resource failed, and why.
    """
    variables = {"AUTH": "true"} if enforce else {}
    # It unpacks a function for each environment that it starts, and leaves that behind.
    with (
        tempfile.TemporaryDirectory() as scratch,
        local_aws.running(local_aws.free_port(), folder / "log", SERVICES, TMPDIR=scratch, **variables) as endpoint,
    ):
        async with _client(endpoint, "s3") as s3, _client(endpoint, "cloudformation") as stacks:
            await s3.create_bucket(Bucket=ARTIFACTS)
            for name in ZIPS:
                await s3.put_object(Bucket=ARTIFACTS, Key=f"{name}.zip", Body=(zips / f"{name}.zip").read_bytes())
            outputs = await create(stacks, parameters)
        await _mend(endpoint)
        yield Deployment(endpoint, outputs)


async def create(stacks: Any, parameters: Mapping[str, str]) -> dict[str, str]:
    """Create the stack and wait for it; its outputs."""
    machine = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
    given = {"Architecture": machine, "BucketName": "images", "TrustUserHeader": "true", **parameters}
    await stacks.create_stack(
        StackName=STACK,
        TemplateBody=template(),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    try:
        await stacks.get_waiter("stack_create_complete").wait(StackName=STACK, WaiterConfig=DEPLOY)
    except WaiterError as error:
        events = (await stacks.describe_stack_events(StackName=STACK))["StackEvents"]
        failed = [event for event in events if event["ResourceStatus"] == "CREATE_FAILED"]
        reasons = [f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}" for event in failed]
        raise AssertionError(reasons or "The stack was not created.") from error
    stack = (await stacks.describe_stacks(StackName=STACK))["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


async def _mend(endpoint: str) -> None:
    """Put right what this local AWS does otherwise than AWS with the same template."""
    async with _client(endpoint, "lambda") as functions, _client(endpoint, "iam") as iam:
        # It leaves the number of a parameter a text, and then polls no queue.
        for mapping in (await functions.list_event_source_mappings())["EventSourceMappings"]:
            most = int(mapping["ScalingConfig"]["MaximumConcurrency"])
            await functions.update_event_source_mapping(
                UUID=mapping["UUID"], ScalingConfig={"MaximumConcurrency": most}
            )
        # It takes the batch calls of SQS for actions of their own; in AWS, who may send may send batches.
        for role in (await iam.list_roles())["Roles"]:
            for name in (await iam.list_role_policies(RoleName=role["RoleName"]))["PolicyNames"]:
                policy = await iam.get_role_policy(RoleName=role["RoleName"], PolicyName=name)
                text = json.dumps(policy["PolicyDocument"])
                for action in ("sqs:SendMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"):
                    text = text.replace(f'"{action}"', f'"{action}", "{action}Batch"')
                await iam.put_role_policy(RoleName=role["RoleName"], PolicyName=name, PolicyDocument=text)


def template() -> str:
    """The template with its zips in S3, as `sam deploy` puts them there."""
    text = (local_aws.ROOT / "deploy/template.yaml").read_text()
    for name in ZIPS:
        local = f"Code: ../build/{name}.zip"
        assert text.count(local) == 1, local
        text = text.replace(local, f"Code: {{ S3Bucket: {ARTIFACTS}, S3Key: {name}.zip }}")
    return text


@asynccontextmanager
async def _client(endpoint: str, service: str) -> AsyncIterator[Any]:
    async with aioboto3.Session().client(service, endpoint_url=endpoint, region_name=REGION) as made:
        yield made
