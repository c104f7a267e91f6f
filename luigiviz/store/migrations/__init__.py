"""How the tables of the live state came to be, version by version; alembic applies what a database lacks."""
