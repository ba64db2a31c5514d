-- The log. Events and blobs are the truth; `runs` and `tags` are an index of them, by which runs are found.

CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL,
    body TEXT NOT NULL
);

CREATE INDEX events_by_run ON events (run_id);

CREATE TABLE blobs (
    digest TEXT PRIMARY KEY,
    data TEXT NOT NULL
) WITHOUT ROWID;

-- Which runs use which blobs: a blob that no run uses may go.
CREATE TABLE run_blobs (
    run_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (run_id, digest)
) WITHOUT ROWID;

-- started_ns is NULL for a run of which a pause, a resumption or an end is known and the start is not.
CREATE TABLE runs (
    number INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL UNIQUE,
    started_ns INTEGER,
    parent_id TEXT,
    status TEXT NOT NULL DEFAULT 'running'
);

CREATE INDEX runs_by_start ON runs (started_ns);

CREATE INDEX runs_by_status ON runs (status, started_ns);

CREATE INDEX runs_by_parent ON runs (parent_id, started_ns) WHERE parent_id IS NOT NULL;

CREATE TABLE tags (
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    run_id TEXT NOT NULL,
    PRIMARY KEY (key, value, run_id)
) WITHOUT ROWID;

-- A batch is written by one INSERT into this view, since the writer gives the interpreter away with every statement.
-- Each column is a JSON array, or NULL: the events that begin a run; all events; those that say how a run stands;
-- pairs of a run and a digest.
CREATE VIEW batches (starts, events, stands, refers) AS SELECT NULL, NULL, NULL, NULL WHERE false;

CREATE TRIGGER write_batch INSTEAD OF INSERT ON batches BEGIN
    INSERT INTO runs (run_id, started_ns, parent_id)
    SELECT json_extract(value, '$.run_id'), json_extract(value, '$.at_ns'), json_extract(value, '$.parent_id')
    FROM json_each(NEW.starts) WHERE true
    ON CONFLICT (run_id) DO UPDATE SET started_ns = excluded.started_ns, parent_id = excluded.parent_id;
    INSERT OR IGNORE INTO tags (key, value, run_id)
    SELECT tag.key, tag.value, json_extract(started.value, '$.run_id')
    FROM json_each(NEW.starts) AS started, json_each(started.value, '$.tags') AS tag;
    INSERT INTO events (run_id, body) SELECT json_extract(value, '$.run_id'), value FROM json_each(NEW.events);
    -- A run that is resumed runs again; the last of a batch decides.
    INSERT INTO runs (run_id, status)
    SELECT json_extract(value, '$.run_id'), CASE json_extract(value, '$.type')
        WHEN 'run_finished' THEN json_extract(value, '$.status')
        WHEN 'run_paused' THEN 'paused'
        ELSE 'running' END
    FROM json_each(NEW.stands) WHERE true
    ON CONFLICT (run_id) DO UPDATE SET status = excluded.status;
    INSERT OR IGNORE INTO run_blobs (run_id, digest)
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(NEW.refers);
    -- Blobs are stored before; others may have deleted what was there a moment ago.
    SELECT RAISE(ABORT, 'a blob is missing') FROM json_each(NEW.refers)
    WHERE json_extract(value, '$[1]') NOT IN (SELECT digest FROM blobs);
END;
