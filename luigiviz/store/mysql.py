"""What MySQL and MariaDB need to be told beside what all databases are."""

from __future__ import annotations

from typing import Any

#: SQLAlchemy's names for them; which of the two stands in the URL says nothing of the server.
DIALECTS = ("mysql", "mariadb")

#: Of tables, however the server and the database are set up: they have transactions and take any character, and texts
#: that differ in the case of a letter differ.
TABLE_OPTIONS: Any = {
    f"{dialect}_{option}": value
    for dialect in DIALECTS
    for option, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_bin"))
}
