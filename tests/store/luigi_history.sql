-- Dump of an SQLite history that Luigi 3.8.1's own scheduler wrote with SQLAlchemy 1.4, in UTC:
-- a task that failed and then succeeded, one that succeeded at once, one that was only scheduled.
BEGIN TRANSACTION;
CREATE TABLE task_events (
	id INTEGER NOT NULL,
	task_id INTEGER,
	event_name VARCHAR(20),
	ts TIMESTAMP NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(task_id) REFERENCES tasks (id)
);
INSERT INTO "task_events" VALUES(1,1,'PENDING','2026-11-24 04:18:42.105397');
INSERT INTO "task_events" VALUES(2,1,'RUNNING','2026-11-24 04:18:42.162315');
INSERT INTO "task_events" VALUES(3,1,'FAILED','2026-11-24 04:18:42.347945');
INSERT INTO "task_events" VALUES(4,1,'PENDING','2026-11-24 04:18:42.359429');
INSERT INTO "task_events" VALUES(5,1,'RUNNING','2026-11-24 04:18:42.369504');
INSERT INTO "task_events" VALUES(6,1,'DONE','2026-11-24 04:18:42.501403');
INSERT INTO "task_events" VALUES(7,2,'PENDING','2026-11-24 04:18:42.514762');
INSERT INTO "task_events" VALUES(8,2,'RUNNING','2026-11-24 04:18:42.524205');
INSERT INTO "task_events" VALUES(9,2,'DONE','2026-11-24 04:18:42.658729');
INSERT INTO "task_events" VALUES(10,3,'PENDING','2026-11-24 04:18:42.673458');
CREATE TABLE task_parameters (
	task_id INTEGER NOT NULL,
	name VARCHAR(128) NOT NULL,
	value TEXT,
	PRIMARY KEY (task_id, name),
	FOREIGN KEY(task_id) REFERENCES tasks (id)
);
INSERT INTO "task_parameters" VALUES(1,'date','2026-11-01');
INSERT INTO "task_parameters" VALUES(1,'site','a&b');
INSERT INTO "task_parameters" VALUES(2,'n','1');
INSERT INTO "task_parameters" VALUES(3,'n','2');
CREATE TABLE tasks (
	id INTEGER NOT NULL,
	task_id VARCHAR(200),
	name VARCHAR(128),
	host VARCHAR(128),
	PRIMARY KEY (id)
);
INSERT INTO "tasks" VALUES(1,'Fetch_2026_11_01_a1b2c3d4e5','Fetch','build-7');
INSERT INTO "tasks" VALUES(2,'Load_1_0f9e8d7c6b','etl.Load','build-7');
INSERT INTO "tasks" VALUES(3,'Load_2_aa','etl.Load',NULL);
CREATE INDEX ix_tasks_task_id ON tasks (task_id);
CREATE INDEX ix_tasks_name ON tasks (name);
CREATE INDEX ix_task_events_task_id ON task_events (task_id);
CREATE INDEX ix_task_events_ts ON task_events (ts);
COMMIT;
