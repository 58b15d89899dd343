// Express with multer and multer-s3, as their READMEs put them together: `node multer.js S3_ENDPOINT BUCKET PORT`.
const { randomUUID } = require("node:crypto");
const express = require("express");
const multer = require("multer");
const multerS3 = require("multer-s3");
const { S3Client } = require("@aws-sdk/client-s3");

const [endpoint, bucket, port] = process.argv.slice(2);
const s3 = new S3Client({
  endpoint,
  region: "us-east-1",
  forcePathStyle: true,
  credentials: { accessKeyId: "test", secretAccessKey: "test" },
});
const upload = multer({
  storage: multerS3({
    s3,
    bucket,
    contentType: multerS3.AUTO_CONTENT_TYPE,
    key: (request, file, done) => done(null, `multer/${randomUUID()}`),
  }),
  limits: { fileSize: 5 * 1024 * 1024 },
});

const app = express();
app.post("/upload", upload.single("file"), (request, response) => response.status(201).json({ key: request.file.key }));
app.listen(Number(port), "127.0.0.1");
