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
