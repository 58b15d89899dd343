#!/bin/sh
# The emulator runs this at every start, when it is ready: an emulator that keeps nothing starts empty again, under a
# service that goes on running. `cloud-images provision` adds the rest (lifecycle, TTL).
set -eu

if ! command -v awslocal > /dev/null; then
    echo "This emulator has no awslocal; the compose service 'provision' creates bucket, table and queues."
    exit 0
fi

awslocal s3api head-bucket --bucket image-bucket > /dev/null 2>&1 ||
    awslocal s3api create-bucket --bucket image-bucket > /dev/null

awslocal dynamodb describe-table --table-name ImagesTable > /dev/null 2>&1 ||
    awslocal dynamodb create-table --table-name ImagesTable --billing-mode PAY_PER_REQUEST \
        --attribute-definitions AttributeName=user_id,AttributeType=S AttributeName=image_id,AttributeType=S \
        --key-schema AttributeName=user_id,KeyType=HASH AttributeName=image_id,KeyType=RANGE > /dev/null

queue() { # name, attributes
    awslocal sqs get-queue-url --queue-name "$1" > /dev/null 2>&1 ||
        awslocal sqs create-queue --queue-name "$1" --attributes "$2" > /dev/null
}

queue image-uploads-dlq '{"MessageRetentionPeriod": "1209600"}'
dead=$(awslocal sqs get-queue-attributes --attribute-names QueueArn --query Attributes.QueueArn --output text \
    --queue-url "$(awslocal sqs get-queue-url --queue-name image-uploads-dlq --query QueueUrl --output text)")
queue image-uploads '{
    "MessageRetentionPeriod": "1209600",
    "VisibilityTimeout": "120",
    "RedrivePolicy": "{\"deadLetterTargetArn\": \"'"$dead"'\", \"maxReceiveCount\": 5}"
}'
arn=$(awslocal sqs get-queue-attributes --attribute-names QueueArn --query Attributes.QueueArn --output text \
    --queue-url "$(awslocal sqs get-queue-url --queue-name image-uploads --query QueueUrl --output text)")
awslocal s3api get-bucket-notification-configuration --bucket image-bucket | grep -q cloud-images-direct ||
    awslocal s3api put-bucket-notification-configuration --bucket image-bucket --notification-configuration '{
        "QueueConfigurations": [{
            "Id": "cloud-images-direct", "QueueArn": "'"$arn"'", "Events": ["s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "direct/"}]}}
        }]
    }'
echo "image-bucket, ImagesTable, image-uploads and image-uploads-dlq are there."
