"""The nightly pipeline of a made-up web shop: it shows every feature of Luigi that a scheduler sees.

Three roots, for three workers:

- `Nightly` succeeds. On its way: fan-out over regions, fan-in over days, batches, dynamic dependencies,
  limited resources, a task that fails twice and a long training that answers messages.
- `Campaign` cannot finish: the newsletter fails until the scheduler disables it.
- `Margins` waits for a file that a supplier never sends.
"""

from __future__ import annotations

import datetime
import random
from collections import Counter
from collections.abc import Generator, Iterator
from typing import Any

import luigi

from luigiviz.demo.base import DemoSettings, ShopTask, read_json, write_json

REGIONS = ("americas", "asia", "europe")
CURRENCIES = {"americas": "USD", "asia": "JPY", "europe": "EUR"}
CATEGORIES = ("books", "garden", "music", "tools", "toys")


class Orders(ShopTask):
    """Fetch the orders of one region. The shop answers two questions at a time."""

    task_namespace = "ingest"
    resources = {"shop_api": 1}  # noqa: RUF012  (Luigi's way to say it)

    region = luigi.ChoiceParameter(choices=REGIONS)

    def run(self) -> None:
        """Make up a day's orders, the same for the same day and region."""
        self.spend(6, f"Fetching orders of {self.region}")
        chance = random.Random(f"{self.date} {self.region}")
        self.save(
            [
                {
                    "category": chance.choice(CATEGORIES),
                    "currency": CURRENCIES[self.region],
                    "customer": chance.randrange(1, 60),
                    "amount": round(chance.uniform(-5, 120), 2),
                }
                for _ in range(80)
            ]
        )


class Visits(ShopTask):
    """Read the web servers' logs of a day."""

    task_namespace = "ingest"
    priority = 5

    def run(self) -> None:
        """Count visits per hour."""
        self.show_earlier_runs()
        chance = random.Random(f"{self.date} visits")
        hours: dict[str, int] = {}
        for hour in self.steps(8, 24, "Reading logs, hour by hour"):
            hours[f"{hour - 1:02}:00"] = chance.randrange(50, 500)
        self.save(hours)


class ExchangeRates(ShopTask):
    """Fetch a day's exchange rates from a bank that is hard to reach."""

    task_namespace = "ingest"
    priority = 20

    def run(self) -> None:
        """Write the rates; on the unlucky day, fail twice before that. A file counts the attempts."""
        self.spend(3, "Asking the bank")
        attempts = self.path(f"{self.task_id}.attempts")
        attempts.parent.mkdir(parents=True, exist_ok=True)
        attempt = int(attempts.read_text()) + 1 if attempts.exists() else 1
        attempts.write_text(str(attempt))
        if self.date == DemoSettings().unlucky_day and attempt <= 2:
            raise ConnectionError(f"rates.bank.example refused the connection (attempt {attempt})")
        chance = random.Random(f"{self.date} rates")
        self.save({"EUR": 1.0, "JPY": round(chance.uniform(0.005, 0.007), 5), "USD": round(chance.uniform(0.8, 1), 3)})


class CleanOrders(ShopTask):
    """Gather the orders of all regions in one currency."""

    task_namespace = "warehouse"

    def requires(self) -> dict[str, Any]:
        """Return every region's orders, and the rates."""
        return {
            "orders": [Orders(date=self.date, region=region) for region in REGIONS],
            "rates": ExchangeRates(date=self.date),
        }

    def run(self) -> None:
        """Convert all to euros; drop what was paid back."""
        self.spend(3, "Converting currencies")
        rates = read_json(self.input()["rates"])
        orders = [order for source in self.input()["orders"] for order in read_json(source)]
        self.save(
            [order | {"euros": order["amount"] * rates[order["currency"]]} for order in orders if order["amount"] > 0]
        )


class LoadTable(ShopTask):
    """Load one table of the warehouse. Tables of the same day are loaded together, in one batch."""

    task_namespace = "warehouse"
    resources = {"database": 1}  # noqa: RUF012
    max_batch_size = 3

    table = luigi.Parameter(batch_method=",".join, description="a table; in a batch several, with commas between")

    @property
    def tables(self) -> list[str]:
        """The tables that this run loads."""
        return self.table.split(",")

    def requires(self) -> dict[str, luigi.Task]:
        """Return what the tables are made of."""
        needed: dict[str, luigi.Task] = {}
        if set(self.tables) - {"sessions"}:
            needed["orders"] = CleanOrders(date=self.date)
        if "sessions" in self.tables:
            needed["visits"] = Visits(date=self.date)
        return needed

    def output(self) -> list[luigi.LocalTarget]:
        """Return one file per table, so that a batch completes all its members."""
        return [luigi.LocalTarget(str(self.path(f"{self.date}-{table}.json"))) for table in self.tables]

    def run(self) -> None:
        """Load all tables of the batch at once."""
        self.show_earlier_runs()
        self.spend(6, f"Loading {self.table}")
        for table, target in zip(self.tables, self.output(), strict=True):
            write_json(target, self.rows(table))

    def rows(self, table: str) -> list[Any]:
        """Return the rows of ``table``."""
        if table == "sessions":
            return sorted(read_json(self.input()["visits"]).items())
        orders: list[Any] = read_json(self.input()["orders"])
        if table == "orders":
            return orders
        column = {"customers": "customer", "products": "category"}[table]
        return sorted({order[column] for order in orders})


class CategoryReport(ShopTask):
    """Report the revenue of one category. Which categories there are is only known at run time."""

    task_namespace = "reports"

    category = luigi.Parameter()

    def requires(self) -> luigi.Task:
        """Return the orders in the warehouse."""
        return LoadTable(date=self.date, table="orders")

    def run(self) -> None:
        """Add up the category's orders."""
        self.spend(3, f"Adding up {self.category}")
        rows = read_json(self.input()[0])
        self.save({self.category: round(sum(row["euros"] for row in rows if row["category"] == self.category), 2)})


class DailyReport(ShopTask):
    """Report a day: its best categories are found first, and then required dynamically."""

    task_namespace = "reports"

    def requires(self) -> list[luigi.Task]:
        """Return all tables of the day."""
        tables = ("customers", "orders", "products", "sessions")
        return [LoadTable(date=self.date, table=table) for table in tables]

    def run(self) -> Generator[list[luigi.Task], Any, None]:
        """Yield a report for each of the best categories, then put them together."""
        orders = read_json(self.input()[1][0])
        best = [category for category, _ in Counter(order["category"] for order in orders).most_common(2)]
        parts = yield [CategoryReport(date=self.date, category=name) for name in sorted(best)]
        self.spend(2, "Putting the day together")
        revenue: dict[str, float] = {}
        for part in parts:
            revenue.update(read_json(part))
        self.save(revenue)


class TrainRecommender(ShopTask):
    """Learn what customers buy together. Takes long, and listens to messages: status, stop."""

    task_namespace = "ml"
    resources = {"gpu": 1}  # noqa: RUF012
    priority = 10
    accepts_messages = True

    days = luigi.IntParameter(default=5, description="how many days to learn from")

    def requires(self) -> list[luigi.Task]:
        """Return the orders of all days."""
        return [LoadTable(date=day, table="orders") for day in last_days(self.date, self.days)]

    def run(self) -> None:
        """Train, epoch by epoch, until done or told to stop.

        No tracking URL here: telling it makes the scheduler forget that the task accepts messages (Luigi 3.8).
        """
        loss = 1.0
        for epoch in self.steps(60, 30, "Training: send me 'status' or 'stop'"):
            loss *= 0.93
            if self.answer_messages(epoch, loss):
                break
        self.save({"epochs": epoch, "loss": loss})

    def answer_messages(self, epoch: int, loss: float) -> bool:
        """Answer what people asked; return whether somebody said stop."""
        stop = False
        while not self.scheduler_messages.empty():
            message = self.scheduler_messages.get()
            match str(message).strip().lower():
                case "status":
                    message.respond(f"Epoch {epoch} of 30, loss {loss:.3f}")
                case "stop":
                    stop = True
                    message.respond(f"Stopping after epoch {epoch}")
                case other:
                    message.respond(f"I know 'status' and 'stop', not {other!r}")
        return stop


class WeeklyReport(ShopTask):
    """Gather the reports of all days, and what was learned."""

    task_namespace = "reports"

    days = luigi.IntParameter(default=5, description="how many days are reported")

    def requires(self) -> dict[str, Any]:
        """Return one report per day, and the recommender."""
        return {
            "days": [DailyReport(date=day) for day in last_days(self.date, self.days)],
            "model": TrainRecommender(date=self.date, days=self.days),
        }

    def run(self) -> None:
        """Add up the days."""
        self.spend(4, "Writing the summary")
        total: Counter[str] = Counter()
        for day in self.input()["days"]:
            total.update(read_json(day))
        self.save({"revenue": total, "model": read_json(self.input()["model"])})


class Nightly(luigi.WrapperTask):
    """Everything that has to be there in the morning."""

    task_namespace = "shop"

    date = luigi.DateParameter()
    days = luigi.IntParameter(default=5)

    def requires(self) -> Iterator[luigi.Task]:
        """Yield the weekly report and the sessions of each day."""
        yield WeeklyReport(date=self.date, days=self.days)
        for day in last_days(self.date, self.days):
            yield LoadTable(date=day, table="sessions")


class Recipients(ShopTask):
    """Choose who gets the newsletter."""

    task_namespace = "marketing"

    def requires(self) -> luigi.Task:
        """Return the orders, which the other worker may be fetching already."""
        return Orders(date=self.date, region="europe")

    def run(self) -> None:
        """Take everybody who bought something."""
        self.spend(3, "Choosing recipients")
        self.save(sorted({order["customer"] for order in read_json(self.input())}))


class SendNewsletter(ShopTask):
    """Send the newsletter. The mail server never takes it: after three failures the scheduler gives up."""

    task_namespace = "marketing"
    retry_count = 3
    priority = 30

    def requires(self) -> luigi.Task:
        """Return who gets it."""
        return Recipients(date=self.date)

    def run(self) -> None:
        """Fail, as a mail server out of space would make it fail."""
        self.spend(3, "Connecting to mail.shop.example")
        raise OSError("mail.shop.example answered: 452 4.3.1 insufficient system storage")


class Campaign(luigi.WrapperTask):
    """A campaign that never gets sent: it ends with a disabled task upstream."""

    task_namespace = "marketing"

    date = luigi.DateParameter()

    def requires(self) -> luigi.Task:
        """Return the newsletter."""
        return SendNewsletter(date=self.date)


class SupplierPrices(ShopTask, luigi.ExternalTask):
    """A price list that a supplier sends, one day. Nothing here can make it."""

    task_namespace = "suppliers"


class Margins(ShopTask):
    """Compare revenue with the supplier's prices. Waits for them for ever."""

    task_namespace = "reports"

    def requires(self) -> luigi.Task:
        """Return the missing prices."""
        return SupplierPrices(date=self.date)

    def run(self) -> None:
        """Copy the prices: reached only if somebody puts the file there."""
        with self.input().open() as prices:
            self.save(prices.read().splitlines())


class Standby(luigi.WrapperTask):
    """What an assistant is started with: it has no work of its own."""

    task_namespace = "ops"


def last_days(date: datetime.date, count: int) -> list[datetime.date]:
    """Return the last ``count`` days up to ``date``, newest first."""
    return [date - datetime.timedelta(days=back) for back in range(count)]
