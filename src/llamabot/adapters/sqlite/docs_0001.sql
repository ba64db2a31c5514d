-- Documents, the passages they are cut into, their words and vectors. Texts are UTF-8 in blobs: what people write may
-- hold half a surrogate pair, which no TEXT can.

-- One row.

CREATE TABLE state (
    store INTEGER NOT NULL DEFAULT 0,
    generation INTEGER NOT NULL DEFAULT 0,
    next_document INTEGER NOT NULL DEFAULT 1,
    next_passage INTEGER NOT NULL DEFAULT 1,
    embedding INTEGER NOT NULL DEFAULT 0,
    embedding_name BLOB,
    words_counted INTEGER NOT NULL DEFAULT 0,
    forgotten INTEGER NOT NULL DEFAULT 0
);

INSERT INTO state DEFAULT VALUES;

CREATE TABLE documents (
    key INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    digest BLOB NOT NULL,
    splitter BLOB NOT NULL,
    source BLOB NOT NULL,
    fingerprint BLOB NOT NULL,
    format BLOB NOT NULL,
    metadata BLOB NOT NULL,
    sections BLOB NOT NULL,
    text BLOB NOT NULL
);

-- Keys of passages ascend and are never used again, so that an index can be caught up from the last one it has.

CREATE TABLE passages (
    key INTEGER PRIMARY KEY,
    document INTEGER NOT NULL,
    number INTEGER NOT NULL,
    vector INTEGER,
    place BLOB NOT NULL,
    text BLOB NOT NULL
);

CREATE INDEX passages_by_document ON passages (document, number);

CREATE INDEX passages_by_vector ON passages (vector);

-- The passages with a vector that are gone, each with the generation that it went in.

CREATE TABLE removed (
    passage INTEGER PRIMARY KEY,
    generation INTEGER NOT NULL
);

CREATE INDEX removed_by_generation ON removed (generation);

CREATE TABLE vectors (
    key INTEGER PRIMARY KEY,
    embedding INTEGER NOT NULL,
    digest BLOB NOT NULL,
    vector BLOB NOT NULL
);

CREATE UNIQUE INDEX vectors_by_text ON vectors (digest, embedding);

CREATE TABLE embeddings (
    key INTEGER PRIMARY KEY,
    name BLOB NOT NULL UNIQUE,
    dimensions INTEGER NOT NULL
);

-- One row for each entry of a document's metadata.

CREATE TABLE entries (
    entry BLOB NOT NULL,
    document INTEGER NOT NULL,
    PRIMARY KEY (entry, document)
) WITHOUT ROWID;

CREATE INDEX entries_by_document ON entries (document);

-- The file with the saved index, one row or none.

CREATE TABLE saved_index (
    file TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    last_passage INTEGER NOT NULL
);

-- Words that are left out of searches, each with the part of the passages that have it.

CREATE TABLE common_words (
    word BLOB PRIMARY KEY,
    share REAL NOT NULL
) WITHOUT ROWID;

CREATE VIRTUAL TABLE words USING fts5 (
    text, content = '', tokenize = 'unicode61 remove_diacritics 2'
);
