BEGIN TRANSACTION;
CREATE TABLE commands (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	uid TEXT NOT NULL, 
	type TEXT NOT NULL, 
	asset TEXT NOT NULL, 
	priority INTEGER NOT NULL, 
	payload TEXT NOT NULL, 
	actor TEXT NOT NULL, 
	idempotency_key TEXT NOT NULL, 
	request_hash TEXT NOT NULL, 
	created_at TEXT NOT NULL, 
	state TEXT DEFAULT 'queued' NOT NULL, 
	attempts INTEGER DEFAULT '0' NOT NULL, 
	claimed_by TEXT, 
	claimed_at TEXT, 
	finished_at TEXT, 
	outcome_code TEXT, 
	outcome_reason TEXT, 
	outcome_detail TEXT, 
	applied_serial INTEGER, 
	CONSTRAINT uq_commands_uid UNIQUE (uid), 
	CONSTRAINT uq_commands_actor_key UNIQUE (actor, idempotency_key), 
	CONSTRAINT ck_commands_state CHECK (state IN ('queued', 'applied', 'precondition_rejected', 'failed')), 
	CONSTRAINT ck_commands_finished CHECK ((state = 'queued') = (finished_at IS NULL)), 
	CONSTRAINT ck_commands_outcome CHECK ((state = 'queued') = (outcome_code IS NULL)), 
	CONSTRAINT ck_commands_serial CHECK (applied_serial IS NULL OR state = 'applied'), 
	CONSTRAINT ck_commands_attempts CHECK (attempts >= 0)
);
INSERT INTO "commands" VALUES(1,'a','pause_managed_asset','SOL',0,'{"exits":"on"}','user_ann','key-a','hash','2026-01-01T00:00:00Z','queued',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "commands" VALUES(2,'b','pause_managed_asset','ETH',0,'{"exits":"on"}','user_ann','key-b','hash','2026-01-01T00:00:01Z','applied',1,NULL,NULL,'2026-01-01T00:00:02Z','applied','applied','{"price":1.10}',3);
CREATE TABLE meta (
	"key" TEXT NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "meta" VALUES('lineage','life');
INSERT INTO "meta" VALUES('schema_version','1');
INSERT INTO "meta" VALUES('host','somewhere');
CREATE INDEX ix_commands_queued ON commands (asset, id) WHERE state = 'queued';
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('commands',2);
COMMIT;
