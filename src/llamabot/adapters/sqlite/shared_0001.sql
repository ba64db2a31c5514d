-- What decorators of ports share. Turns of rate limits: when each request starts, when it was asked for, its tokens.

CREATE TABLE turns (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL,
    start_ns INTEGER NOT NULL,
    made_ns INTEGER NOT NULL,
    tokens INTEGER NOT NULL
);

CREATE INDEX turns_by_queue ON turns (queue, start_ns);

-- Sums in nano-dollars, of what was spent and what is set aside.

CREATE TABLE spendings (
    account TEXT NOT NULL,
    period TEXT NOT NULL,
    spent_nusd INTEGER NOT NULL,
    PRIMARY KEY (account, period)
) WITHOUT ROWID;

CREATE TABLE cached (
    key TEXT PRIMARY KEY,
    at_ns INTEGER NOT NULL,
    value BLOB NOT NULL
) WITHOUT ROWID;
