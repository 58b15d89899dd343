"""What is measured, and what each figure has to be. The one table that everything else goes by."""

from dataclasses import dataclass

KIB = 1024
MB = 1_000_000


@dataclass(frozen=True)
class Goal:
    """One figure: `key` is `<row>.<name>`; it has to be at most `limit`, or with `at_least` no less than that."""

    key: str
    what: str
    limit: float
    unit: str = "×"
    at_least: bool = False

    @property
    def row(self) -> str:
        """The row that measures it."""
        return self.key.partition(".")[0]

    def reached(self, value: float) -> bool:
        """Whether a measured value is good enough; one that is not a number never is."""
        return value >= self.limit if self.at_least else value <= self.limit

    @property
    def text(self) -> str:
        """As in `≤ 0.35 ×`."""
        return f"{'≥' if self.at_least else '≤'} {self.limit:g} {self.unit}".rstrip()


GOALS = (
    Goal("cpu.raw_multer_100k", "CPU per accepted upload, raw, 100 KB, against multer-s3", 0.35),
    Goal("cpu.raw_multer_1200k", "the same, 1.2 MB", 0.45),
    Goal("cpu.form_multer_100k", "the same, multipart, 100 KB", 0.45),
    Goal("cpu.form_multer_1200k", "the same, multipart, 1.2 MB", 0.55),
    Goal("cpu.raw_floor_100k", "CPU per accepted upload, raw, 100 KB, against the floor", 1.7),
    Goal("cpu.raw_floor_1200k", "the same, 1.2 MB", 1.4),
    Goal("bytes.headers", "body bytes sent before a refusal that the headers show", 0, "bytes"),
    Goal("bytes.beginning", "the same, that the first bytes show", 64 * KIB, "bytes"),
    Goal("bytes.size", "the same, that only the size shows: bytes over the limit", 64 * KIB, "bytes"),
    Goal("refusals.rate", "refusals per second against accepted uploads per second", 4, at_least=True),
    Goal("memory.accepted", "of 500 concurrent slow uploads of 5 MB: accepted", 500, "", at_least=True),
    Goal("memory.growth", "growth of memory meanwhile", 64, "MB"),
    Goal("memory.p99", "p99 of a 30 KB upload while all 500 are sending, against alone", 2),
    Goal("worker.cpu", "worker's CPU per 12-megapixel JPEG, against Pillow alone", 1.15),
    Goal("ready.whole", "POST to ready at idle, 30 KB, against the bare sequence", 2),
    Goal("ready.own", "the same, without the time that the emulator's long poll sleeps", 2),
    Goal("list.whole", "first page of 50 among 100,000 images, against among 100", 1.5),
    Goal("list.middle", "a page in the middle of them, against one among 100", 1.5),
    Goal("list.own", "first page, with DynamoDB's answers from memory", 1.5),
    Goal("processes.refused", "refusals of two service processes against one", 1.8, at_least=True),
    Goal("processes.accepted", "accepted uploads of two service processes against one", 1.8, at_least=True),
)
