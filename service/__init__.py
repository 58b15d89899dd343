"""The cloud image service: intake over HTTP, staging in S3 and SQS, and the catalog of stored images."""
