-- Conversations: one row a turn, its messages as JSON.

CREATE TABLE turns (
    seq INTEGER PRIMARY KEY,
    conversation TEXT NOT NULL,
    messages TEXT NOT NULL
);

CREATE INDEX turns_by_conversation ON turns (conversation);
