"""HTTP as Lambda functions get it: events of API Gateway, Function URLs and load balancers, and their answers.

- HTTP API (payload 2.0) and Function URL:
  https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
- REST API (payload 1.0):
  https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
- load balancer: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
"""
